//! Keys and tokens made by OpenSSL and PyJWT, in both directions.

use charla_trust::signature::{Algorithm, Family, SigningKey, VerifyingKey};
use serde_json::{Value, json};

use crate::{bytes, openssl, parts, python};

const SECRET: &str = "a secret of the tests that is long enough for HS512, whose hash has sixty-four bytes";

/// A private key of the algorithm's kind, new.
fn private(algorithm: Algorithm) -> String {
    openssl(
        match algorithm.family() {
            Family::Rsa => "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048",
            Family::Ed => "genpkey -algorithm ED25519",
            Family::Ec if algorithm == Algorithm::Es384 => {
                "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384"
            }
            Family::Ec | Family::Secret => "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256",
        },
        "",
    )
}

struct Pair {
    algorithm: Algorithm,
    /// The secret, or the key in PEM.
    signs: String,
    verifies: String,
}

impl Pair {
    fn new(algorithm: Algorithm) -> Self {
        let (signs, verifies) = if algorithm.family() == Family::Secret {
            (SECRET.to_owned(), SECRET.to_owned())
        } else {
            let private = private(algorithm);
            let public = openssl("pkey -pubout", &private);
            (private, public)
        };
        Self {
            algorithm,
            signs,
            verifies,
        }
    }

    fn verifying(&self) -> VerifyingKey {
        let key = match self.algorithm.family() {
            Family::Secret => VerifyingKey::from_secret(self.algorithm, self.verifies.as_bytes()),
            Family::Rsa | Family::Ec | Family::Ed => VerifyingKey::from_pem(self.algorithm, &self.verifies),
        };
        key.unwrap()
    }

    fn signing(&self) -> SigningKey {
        let key = match self.algorithm.family() {
            Family::Secret => SigningKey::from_secret(self.algorithm, self.signs.as_bytes()),
            Family::Rsa | Family::Ec | Family::Ed => SigningKey::from_pem(self.algorithm, &self.signs),
        };
        key.unwrap()
    }
}

#[test]
fn pyjwt_and_this_believe_each_other() {
    let pairs: Vec<Pair> = Algorithm::ALL.into_iter().map(Pair::new).collect();
    let asked: Vec<Value> = pairs
        .iter()
        .map(|pair| {
            let signature = pair.signing().sign(b"eyJ0.eyJ1").unwrap();
            json!({
                "algorithm": pair.algorithm.name(), "private": pair.signs, "public": pair.verifies,
                "message": "eyJ0.eyJ1", "signature": signature,
            })
        })
        .collect();
    let told = python("pyjwt.py", &json!(asked).to_string());
    for (pair, told) in pairs.iter().zip(told.as_array().unwrap()) {
        let name = pair.algorithm.name();
        assert_eq!(told["verified"], true, "{name}");
        let token = told["token"].as_str().unwrap();
        let (signed, signature) = parts(token);
        let key = pair.verifying();
        assert!(key.verifies(signed, &signature), "{name}: {token}");
        assert!(!key.verifies(&signed[1..], &signature), "{name}");
        assert!(!key.verifies(signed, b""), "{name}");
        assert!(!key.verifies(signed, &signature[1..]), "{name}");
        assert!(!key.verifies(signed, &[&signature[..], b"\0"].concat()), "{name}");
        for index in 0..signature.len() {
            let mut other = signature.clone();
            other[index] ^= 0x20;
            assert!(!key.verifies(signed, &other), "{name}, byte {index}");
        }
        let stranger = Pair::new(pair.algorithm).verifying();
        let shared = pair.algorithm.family() == Family::Secret;
        assert_eq!(stranger.verifies(signed, &signature), shared, "{name}");
    }
}

#[test]
fn a_key_is_for_its_algorithm_alone() {
    let pairs: Vec<Pair> = Algorithm::ALL.into_iter().map(Pair::new).collect();
    for pair in &pairs {
        let signature = pair.signing().sign(b"message").unwrap();
        for other in Algorithm::ALL {
            let as_pem = VerifyingKey::from_pem(other, &pair.verifies);
            let as_secret = VerifyingKey::from_secret(other, pair.verifies.as_bytes());
            let names = format!("{} as {}", pair.algorithm.name(), other.name());
            let is_secret = pair.algorithm.family() == Family::Secret;
            assert_eq!(
                as_secret.is_ok(),
                is_secret && other.family() == Family::Secret,
                "{names}"
            );
            let same_kind = pair.algorithm.family() == other.family()
                && (other.family() != Family::Ec || pair.algorithm == other);
            assert_eq!(as_pem.is_ok(), same_kind && !is_secret, "{names}");
            for key in [as_pem, as_secret].into_iter().flatten() {
                assert_eq!(
                    key.verifies(b"message", &signature),
                    pair.algorithm == other,
                    "{names}"
                );
            }
        }
    }
}

#[test]
fn every_way_to_write_a_public_key_down() {
    let forms = [
        (Algorithm::Rs256, "rsa -RSAPublicKey_out"),
        (Algorithm::Es256, "ec -pubout -conv_form compressed"),
        (Algorithm::Es384, "ec -pubout -conv_form compressed"),
    ];
    for (algorithm, form) in forms {
        // Half of all points have an odd y.
        for _ in 0..8 {
            let private = private(algorithm);
            let signature = SigningKey::from_pem(algorithm, &private)
                .unwrap()
                .sign(b"m")
                .unwrap();
            let pem = openssl(form, &private);
            let in_one_line = pem.replace('\n', "");
            let indented = pem.replace('\n', "\r\n    ");
            let after_words = format!("The key of the tests:\n{pem}\nand words behind it");
            for pem in [pem, in_one_line, indented, after_words] {
                let key =
                    VerifyingKey::from_pem(algorithm, &pem).unwrap_or_else(|error| panic!("{error}: {pem}"));
                assert!(key.verifies(b"m", &signature), "{pem}");
            }
            if algorithm == Algorithm::Rs256 {
                break;
            }
        }
    }
}

#[test]
fn a_key_set_of_pyjwt_says_the_same_as_the_pem() {
    let algorithms = [
        Algorithm::Ps256,
        Algorithm::Es256,
        Algorithm::Es384,
        Algorithm::EdDsa,
    ];
    let pairs: Vec<Pair> = algorithms.into_iter().map(Pair::new).collect();
    let asked: Vec<Value> = pairs
        .iter()
        .map(|pair| {
            let signature = pair.signing().sign(b"m").unwrap();
            json!({"algorithm": pair.algorithm.name(), "private": pair.signs, "public": pair.verifies, "message": "m", "signature": signature})
        })
        .collect();
    let told = python("pyjwt.py", &json!(asked).to_string());
    for (pair, told) in pairs.iter().zip(told.as_array().unwrap()) {
        let field = |name: &str| bytes(told["jwk"][name].as_str().unwrap());
        let key = match pair.algorithm.family() {
            Family::Rsa => VerifyingKey::from_rsa(pair.algorithm, &field("n"), &field("e")),
            Family::Ec => VerifyingKey::from_ec(pair.algorithm, &field("x"), &field("y")),
            Family::Ed | Family::Secret => VerifyingKey::from_ed(pair.algorithm, &field("x")),
        };
        let (signed, signature) = parts(told["token"].as_str().unwrap());
        assert!(key.unwrap().verifies(signed, &signature), "{told}");
    }
}
