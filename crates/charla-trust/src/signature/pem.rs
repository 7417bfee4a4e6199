//! Public keys as people keep them: PEM, with a `SubjectPublicKeyInfo` (RFC 5280) or PKCS#1's two numbers inside.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use x509_parser::oid_registry::{
    OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384, OID_PKCS1_RSAENCRYPTION, OID_SIG_ED25519, Oid,
};
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::RSAPublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::{Algorithm, Family, KeyError};

/// What stands in a public key.
pub(super) enum Numbers {
    /// Big-endian.
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
    /// Encoded as SEC 1, 2.3.3 has it.
    Ec(Vec<u8>),
    /// Encoded as RFC 8032, 5.1.2 has it.
    Ed(Vec<u8>),
}

/// Refuses what people hand over instead of a public key.
///
/// # Errors
/// [`KeyError::Private`] and [`KeyError::Certificate`].
pub fn only_public(pem: &str) -> Result<(), KeyError> {
    if pem.contains("PRIVATE KEY-----") {
        return Err(KeyError::Private);
    }
    if pem.contains("CERTIFICATE-----") {
        return Err(KeyError::Certificate);
    }
    Ok(())
}

/// The numbers of a public key of the algorithm's kind.
pub(super) fn numbers(algorithm: Algorithm, pem: &str) -> Option<Numbers> {
    let (label, der) = block(pem)?;
    match label {
        "RSA PUBLIC KEY" => (algorithm.family() == Family::Rsa).then(|| rsa(&der))?,
        "PUBLIC KEY" => {
            let (rest, info) = SubjectPublicKeyInfo::from_der(&der).ok()?;
            let whole = rest.is_empty() && info.subject_public_key.unused_bits == 0;
            let bits = whole.then(|| info.subject_public_key.data.to_vec())?;
            let kind = &info.algorithm.algorithm;
            match algorithm.family() {
                Family::Secret => None,
                Family::Rsa => (*kind == OID_PKCS1_RSAENCRYPTION).then(|| rsa(&bits))?,
                Family::Ed => (*kind == OID_SIG_ED25519).then_some(Numbers::Ed(bits)),
                // RFC 5480, 2.1.1: the curve has to be named; parameters of one's own could be anybody's.
                Family::Ec => {
                    let named = info.algorithm.parameters.as_ref()?.as_oid().ok()?;
                    (*kind == OID_KEY_TYPE_EC_PUBLIC_KEY && Some(named) == curve(algorithm))
                        .then_some(Numbers::Ec(bits))
                }
            }
        }
        _ => None,
    }
}

/// The first block of a PEM: its label and what it holds. Parsers at hand want the lines of RFC 7468; a key that came
/// through a variable of the environment often stands in one.
pub(super) fn block(pem: &str) -> Option<(&str, Vec<u8>)> {
    let (_, begun) = pem.split_once("-----BEGIN ")?;
    let (label, begun) = begun.split_once("-----")?;
    let (body, end) = begun.split_once("-----END ")?;
    if end.split_once("-----")?.0 != label {
        return None;
    }
    let body: String = body.split_whitespace().collect();
    Some((label, STANDARD.decode(body).ok()?))
}

fn rsa(der: &[u8]) -> Option<Numbers> {
    let (rest, key) = RSAPublicKey::from_der(der).ok()?;
    let positive = |number: &[u8]| number.first().is_some_and(|first| first & 0x80 == 0);
    (rest.is_empty() && positive(key.modulus) && positive(key.exponent)).then(|| Numbers::Rsa {
        modulus: key.modulus.to_vec(),
        exponent: key.exponent.to_vec(),
    })
}

fn curve(algorithm: Algorithm) -> Option<Oid<'static>> {
    match algorithm {
        Algorithm::Es256 => Some(OID_EC_P256),
        Algorithm::Es384 => Some(OID_NIST_EC_P384),
        Algorithm::Hs256
        | Algorithm::Hs384
        | Algorithm::Hs512
        | Algorithm::Rs256
        | Algorithm::Rs384
        | Algorithm::Rs512
        | Algorithm::Ps256
        | Algorithm::Ps384
        | Algorithm::Ps512
        | Algorithm::EdDsa => None,
    }
}
