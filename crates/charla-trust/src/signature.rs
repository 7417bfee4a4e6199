//! Keys, each pinned to one [`Algorithm`], and what they verify and sign.
//!
//! A [`VerifyingKey`] knows its algorithm from where it was set, never from a token: so a public key cannot be used as an
//! HMAC secret, and `none` names nothing. Whatever can be wrong with a key is found when it is made, and not at the first
//! token.

mod curve;
mod pem;
mod signing;
mod verifying;

pub use pem::only_public;
pub use signing::SigningKey;
pub use verifying::VerifyingKey;

/// NIST SP 800-131A: shorter ones are breakable.
pub const RSA_BITS_MIN: usize = 2048;
/// Beyond, a single check costs too much.
pub const RSA_BITS_MAX: usize = 4096;

/// How a token can be signed (RFC 7518, 3.1; RFC 8037, 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// HMAC with SHA-256.
    Hs256,
    /// HMAC with SHA-384.
    Hs384,
    /// HMAC with SHA-512.
    Hs512,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256, its salt as long as the hash.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// ECDSA on P-256 with SHA-256, its signature 64 bytes.
    Es256,
    /// ECDSA on P-384 with SHA-384, its signature 96 bytes.
    Es384,
    /// Ed25519.
    EdDsa,
}

/// What an algorithm needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// A secret that both sides know.
    Secret,
    /// An RSA key.
    Rsa,
    /// A point on P-256 or P-384.
    Ec,
    /// A point on Ed25519's curve.
    Ed,
}

/// Why a text or its numbers are no key for an algorithm.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// HMAC needs a secret, not a PEM.
    #[error("{0} needs a secret, not a public key")]
    NeedsSecret(&'static str),
    /// RSA, ECDSA and EdDSA need a PEM, not a secret.
    #[error("{0} needs a public key in PEM, not a secret")]
    NeedsPublic(&'static str),
    /// A secret without a single byte.
    #[error("the secret is empty")]
    EmptySecret,
    /// A public key given as a secret: whoever knows it could sign.
    #[error("the secret is a PEM: a public key is no secret; set its algorithm to RS256, ES256 or EdDSA")]
    PemAsSecret,
    /// The private half has no place where signatures are verified.
    #[error("this is a private key; give the public one (`openssl pkey -in key.pem -pubout`)")]
    Private,
    /// A certificate has the key inside.
    #[error("this is a certificate; give its public key (`openssl x509 -in cert.pem -pubkey -noout`)")]
    Certificate,
    /// Not a key of the algorithm's kind.
    #[error("not a public key for {0}")]
    NotForAlgorithm(&'static str),
    /// An RSA key that is too short or too long.
    #[error("an RSA key of {0} bits; between {RSA_BITS_MIN} and {RSA_BITS_MAX} are accepted")]
    RsaSize(usize),
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Hs256,
        Self::Hs384,
        Self::Hs512,
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
    ];

    /// By the exact name: `nOnE` and `hs256` are no algorithms.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// The name that a token's header gives it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }

    /// What kind of key it needs.
    #[must_use]
    pub const fn family(self) -> Family {
        match self {
            Self::Hs256 | Self::Hs384 | Self::Hs512 => Family::Secret,
            Self::Rs256 | Self::Rs384 | Self::Rs512 | Self::Ps256 | Self::Ps384 | Self::Ps512 => Family::Rsa,
            Self::Es256 | Self::Es384 => Family::Ec,
            Self::EdDsa => Family::Ed,
        }
    }

    const fn unfit(self) -> KeyError {
        KeyError::NotForAlgorithm(self.name())
    }
}
