//! Keys that sign.
//!
//! Charla signs with a secret of its own, and holds no private key: those are for who plays an authority in a test.

use std::fmt;

use ring::error::Unspecified;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{
    self, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, RsaEncoding, RsaKeyPair,
};

use super::verifying::hash;
use super::{Algorithm, KeyError, pem};

/// A key that signs with one algorithm.
pub struct SigningKey {
    algorithm: Algorithm,
    material: Material,
}

enum Material {
    Secret(hmac::Key),
    Rsa(&'static dyn RsaEncoding, RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

impl SigningKey {
    /// A secret that both sides know.
    ///
    /// # Errors
    /// When the algorithm needs a private key.
    pub fn from_secret(algorithm: Algorithm, secret: &[u8]) -> Result<Self, KeyError> {
        let hash = hash(algorithm).ok_or(algorithm.unfit())?;
        Ok(Self {
            algorithm,
            material: Material::Secret(hmac::Key::new(hash, secret)),
        })
    }

    /// A private key in PKCS#8, as `openssl genpkey` writes it.
    ///
    /// # Errors
    /// When it is none of the algorithm's kind.
    pub fn from_pem(algorithm: Algorithm, pem: &str) -> Result<Self, KeyError> {
        let (label, der) = pem::block(pem).ok_or(algorithm.unfit())?;
        if label != "PRIVATE KEY" {
            return Err(algorithm.unfit());
        }
        let rsa = |encoding| Some(Material::Rsa(encoding, RsaKeyPair::from_pkcs8(&der).ok()?));
        let ec = |curve: &'static EcdsaSigningAlgorithm| {
            let pair = EcdsaKeyPair::from_pkcs8(curve, &der, &SystemRandom::new());
            Some(Material::Ec(pair.ok()?))
        };
        let material = match algorithm {
            Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => {
                return Err(KeyError::NeedsSecret(algorithm.name()));
            }
            Algorithm::Rs256 => rsa(&signature::RSA_PKCS1_SHA256),
            Algorithm::Rs384 => rsa(&signature::RSA_PKCS1_SHA384),
            Algorithm::Rs512 => rsa(&signature::RSA_PKCS1_SHA512),
            Algorithm::Ps256 => rsa(&signature::RSA_PSS_SHA256),
            Algorithm::Ps384 => rsa(&signature::RSA_PSS_SHA384),
            Algorithm::Ps512 => rsa(&signature::RSA_PSS_SHA512),
            Algorithm::Es256 => ec(&ECDSA_P256_SHA256_FIXED_SIGNING),
            Algorithm::Es384 => ec(&ECDSA_P384_SHA384_FIXED_SIGNING),
            // OpenSSL leaves the public half out.
            Algorithm::EdDsa => Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der)
                .ok()
                .map(Material::Ed),
        };
        Ok(Self {
            algorithm,
            material: material.ok_or(algorithm.unfit())?,
        })
    }

    /// The signature of a message.
    ///
    /// # Errors
    /// When the machine gives no random bytes; a secret needs none.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Unspecified> {
        let random = SystemRandom::new();
        Ok(match &self.material {
            Material::Secret(key) => hmac::sign(key, message).as_ref().to_vec(),
            Material::Rsa(encoding, pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(*encoding, &random, message, &mut signature)?;
                signature
            }
            Material::Ec(pair) => pair.sign(&random, message)?.as_ref().to_vec(),
            Material::Ed(pair) => pair.sign(message).as_ref().to_vec(),
        })
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}
