//! Keys that signatures are verified with.

use std::fmt;

use ring::hmac;
use ring::rsa::PublicKeyComponents;
use ring::signature::{self, RsaParameters, UnparsedPublicKey, VerificationAlgorithm};

use super::curve::{Curve, P256, P384, is_ed25519};
use super::pem::{Numbers, numbers};
use super::{Algorithm, Family, KeyError, RSA_BITS_MAX, RSA_BITS_MIN, only_public};

/// A key that verifies with one algorithm.
#[derive(Clone)]
pub struct VerifyingKey {
    algorithm: Algorithm,
    material: Material,
}

#[derive(Clone)]
enum Material {
    Secret(hmac::Key),
    Rsa(&'static RsaParameters, PublicKeyComponents<Box<[u8]>>),
    Point(UnparsedPublicKey<Box<[u8]>>),
}

impl VerifyingKey {
    /// A secret that both sides know.
    ///
    /// # Errors
    /// When the algorithm needs a public key, or the secret is empty or a PEM.
    pub fn from_secret(algorithm: Algorithm, secret: &[u8]) -> Result<Self, KeyError> {
        let hash = hash(algorithm).ok_or(KeyError::NeedsPublic(algorithm.name()))?;
        if secret.is_empty() {
            return Err(KeyError::EmptySecret);
        }
        if secret.trim_ascii_start().starts_with(b"-----BEGIN ") {
            return Err(KeyError::PemAsSecret);
        }
        Ok(Self {
            algorithm,
            material: Material::Secret(hmac::Key::new(hash, secret)),
        })
    }

    /// A public key: the first block of a PEM, `PUBLIC KEY` or, for RSA, `RSA PUBLIC KEY`.
    ///
    /// # Errors
    /// When it is none, is not sound, or is one of another algorithm.
    pub fn from_pem(algorithm: Algorithm, pem: &str) -> Result<Self, KeyError> {
        only_public(pem)?;
        if algorithm.family() == Family::Secret {
            return Err(KeyError::NeedsSecret(algorithm.name()));
        }
        match numbers(algorithm, pem).ok_or(algorithm.unfit())? {
            Numbers::Rsa { modulus, exponent } => Self::from_rsa(algorithm, &modulus, &exponent),
            Numbers::Ec(point) => Self::from_point(algorithm, point),
            Numbers::Ed(point) => Self::from_ed(algorithm, &point),
        }
    }

    /// A public RSA key by its two numbers, big-endian (RFC 7518, 6.3.1).
    ///
    /// # Errors
    /// When they are no sound key, or the algorithm is not RSA's.
    pub fn from_rsa(algorithm: Algorithm, modulus: &[u8], exponent: &[u8]) -> Result<Self, KeyError> {
        let parameters = rsa_parameters(algorithm).ok_or(algorithm.unfit())?;
        let (modulus, exponent) = (significant(modulus), significant(exponent));
        let bits = rsa_bits(modulus, exponent).ok_or(algorithm.unfit())?;
        if !(RSA_BITS_MIN..=RSA_BITS_MAX).contains(&bits) {
            return Err(KeyError::RsaSize(bits));
        }
        let components = PublicKeyComponents {
            n: modulus.into(),
            e: exponent.into(),
        };
        Ok(Self {
            algorithm,
            material: Material::Rsa(parameters, components),
        })
    }

    /// A public key on P-256 or P-384 by its coordinates (RFC 7518, 6.2.1).
    ///
    /// # Errors
    /// When they are no point of the algorithm's curve, or it has none.
    pub fn from_ec(algorithm: Algorithm, x: &[u8], y: &[u8]) -> Result<Self, KeyError> {
        let (_, curve) = ecdsa(algorithm).ok_or(algorithm.unfit())?;
        if x.len() != curve.bytes || y.len() != curve.bytes {
            return Err(algorithm.unfit());
        }
        Self::from_point(algorithm, [&[0x04], x, y].concat())
    }

    /// A public key of Ed25519 (RFC 8037, 2).
    ///
    /// # Errors
    /// When it is none, or the algorithm is another.
    pub fn from_ed(algorithm: Algorithm, point: &[u8]) -> Result<Self, KeyError> {
        let sound = <&[u8; 32]>::try_from(point).is_ok_and(is_ed25519);
        if algorithm.family() != Family::Ed || !sound {
            return Err(algorithm.unfit());
        }
        Ok(Self::on_curve(algorithm, &signature::ED25519, point.into()))
    }

    fn from_point(algorithm: Algorithm, encoded: Vec<u8>) -> Result<Self, KeyError> {
        let (verification, curve) = ecdsa(algorithm).ok_or(algorithm.unfit())?;
        let point = curve.point(encoded).ok_or(algorithm.unfit())?;
        Ok(Self::on_curve(algorithm, verification, point.into()))
    }

    fn on_curve(
        algorithm: Algorithm,
        verification: &'static dyn VerificationAlgorithm,
        point: Box<[u8]>,
    ) -> Self {
        Self {
            algorithm,
            material: Material::Point(UnparsedPublicKey::new(verification, point)),
        }
    }

    /// The one algorithm that it is for.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether the signature is by this key.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.material {
            Material::Secret(key) => hmac::verify(key, message, signature).is_ok(),
            Material::Rsa(parameters, key) => key.verify(parameters, message, signature).is_ok(),
            Material::Point(key) => key.verify(message, signature).is_ok(),
        }
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey")
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

/// The hash of an HMAC.
pub(super) fn hash(algorithm: Algorithm) -> Option<hmac::Algorithm> {
    match algorithm {
        Algorithm::Hs256 => Some(hmac::HMAC_SHA256),
        Algorithm::Hs384 => Some(hmac::HMAC_SHA384),
        Algorithm::Hs512 => Some(hmac::HMAC_SHA512),
        Algorithm::Rs256 | Algorithm::Rs384 | Algorithm::Rs512 => None,
        Algorithm::Ps256 | Algorithm::Ps384 | Algorithm::Ps512 => None,
        Algorithm::Es256 | Algorithm::Es384 | Algorithm::EdDsa => None,
    }
}

fn rsa_parameters(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    match algorithm {
        Algorithm::Rs256 => Some(&signature::RSA_PKCS1_2048_8192_SHA256),
        Algorithm::Rs384 => Some(&signature::RSA_PKCS1_2048_8192_SHA384),
        Algorithm::Rs512 => Some(&signature::RSA_PKCS1_2048_8192_SHA512),
        Algorithm::Ps256 => Some(&signature::RSA_PSS_2048_8192_SHA256),
        Algorithm::Ps384 => Some(&signature::RSA_PSS_2048_8192_SHA384),
        Algorithm::Ps512 => Some(&signature::RSA_PSS_2048_8192_SHA512),
        Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => None,
        Algorithm::Es256 | Algorithm::Es384 | Algorithm::EdDsa => None,
    }
}

/// RFC 7518, 3.4: both numbers of a signature in their full length, one behind the other.
fn ecdsa(algorithm: Algorithm) -> Option<(&'static dyn VerificationAlgorithm, &'static Curve)> {
    match algorithm {
        Algorithm::Es256 => Some((&signature::ECDSA_P256_SHA256_FIXED, &P256)),
        Algorithm::Es384 => Some((&signature::ECDSA_P384_SHA384_FIXED, &P384)),
        Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 | Algorithm::EdDsa => None,
        Algorithm::Rs256 | Algorithm::Rs384 | Algorithm::Rs512 => None,
        Algorithm::Ps256 | Algorithm::Ps384 | Algorithm::Ps512 => None,
    }
}

/// A number without zeros before it.
fn significant(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

/// The length of a modulus, if the numbers can be a key at all.
fn rsa_bits(modulus: &[u8], exponent: &[u8]) -> Option<usize> {
    // An exponent of 1 signs everything; one beyond four bytes is nobody's.
    let exponent = exponent
        .iter()
        .try_fold(0_u32, |sum, &byte| Some(sum.checked_mul(256)? | u32::from(byte)))?;
    let modulus_is_odd = modulus.last().is_some_and(|byte| byte & 1 == 1);
    if exponent < 3 || exponent % 2 == 0 || !modulus_is_odd {
        return None;
    }
    Some(modulus.len() * 8 - modulus.first()?.leading_zeros() as usize)
}
