//! Keys that are none: each is refused when it is read, and nothing that is read breaks anything.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use charla_trust::signature::{Algorithm, KeyError, SigningKey, VerifyingKey};

use crate::openssl;

const RS: KeyError = KeyError::NotForAlgorithm("RS256");
const ED: KeyError = KeyError::NotForAlgorithm("EdDSA");

fn hex(text: &str) -> Vec<u8> {
    text.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

#[test]
fn rsa_keys_are_of_a_length_and_an_exponent_that_somebody_uses() {
    let of = |bytes: usize, first: u8, last: u8| {
        let mut modulus = vec![0xa5; bytes];
        modulus[0] = first;
        modulus[bytes - 1] = last;
        modulus
    };
    let rows: [(Vec<u8>, &[u8], Option<KeyError>); 13] = [
        (of(256, 0x80, 1), &[1, 0, 1], None),
        (of(512, 0xff, 1), &[3], None),
        (
            [vec![0, 0], of(256, 0x80, 1)].concat(),
            &[0, 0, 0, 0, 0, 1, 0, 1],
            None,
        ),
        (of(256, 0x7f, 1), &[1, 0, 1], Some(KeyError::RsaSize(2047))),
        (of(513, 0x01, 1), &[1, 0, 1], Some(KeyError::RsaSize(4097))),
        (of(128, 0x80, 1), &[1, 0, 1], Some(KeyError::RsaSize(1024))),
        (of(256, 0x80, 2), &[1, 0, 1], Some(RS)),
        (of(256, 0x80, 1), &[1], Some(RS)),
        (of(256, 0x80, 1), &[2], Some(RS)),
        (of(256, 0x80, 1), &[], Some(RS)),
        (of(256, 0x80, 1), &[1, 0, 0, 0, 1], Some(RS)),
        (vec![0; 256], &[1, 0, 1], Some(RS)),
        (vec![], &[1, 0, 1], Some(RS)),
    ];
    for (row, (modulus, exponent, error)) in rows.into_iter().enumerate() {
        let key = VerifyingKey::from_rsa(Algorithm::Rs256, &modulus, exponent);
        assert_eq!(key.as_ref().err(), error.as_ref(), "row {row}");
        if let Ok(key) = key {
            assert!(!key.verifies(b"m", &modulus));
            assert!(!key.verifies(b"m", &[]));
        }
    }
}

#[test]
fn points_lie_on_their_curve() {
    // RFC 7515, appendix A.3.1.
    let x = crate::bytes("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU");
    let y = crate::bytes("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0");
    let of = |x: &[u8], y: &[u8]| VerifyingKey::from_ec(Algorithm::Es256, x, y);
    assert!(of(&x, &y).is_ok());
    let unfit = Some(KeyError::NotForAlgorithm("ES256"));
    let mut beside = y.clone();
    beside[31] ^= 1;
    // The prime, and so 0 written in another way.
    let prime = hex("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff");
    for (x, y) in [
        (&x[..], &beside[..]),
        (&y, &x),
        (&x[1..], &y[..]),
        (&x[..], &y[1..]),
        (&[&x[..], &y[..1]].concat(), &y[1..]),
        (&[0; 32], &[0; 32]),
        (&prime, &[0; 32]),
        (&[0xff; 32], &[0xff; 32]),
        (&[], &[]),
    ] {
        assert_eq!(of(x, y).err(), unfit, "{x:?} {y:?}");
    }
    for algorithm in Algorithm::ALL {
        assert_eq!(
            VerifyingKey::from_ec(algorithm, &x, &y).is_ok(),
            algorithm == Algorithm::Es256,
            "{algorithm:?}"
        );
    }
}

#[test]
fn a_point_on_which_everybody_can_sign_is_no_key_of_ed25519() {
    let of = |text: &str| VerifyingKey::from_ed(Algorithm::EdDsa, &hex(text));
    // RFC 8032, 7.1, the first three.
    for good in [
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
    ] {
        assert!(of(good).is_ok(), "{good}");
    }
    for bad in [
        // No point: about half of all bytes are none.
        "0200000000000000000000000000000000000000000000000000000000000000",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f7075100",
        // Of order 1, 2, 4 and 8, and two of those once more beyond the prime.
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f70751",
        "",
    ] {
        assert_eq!(of(bad).err(), Some(ED), "{bad}");
    }
}

#[test]
fn half_of_all_bytes_are_a_point_of_ed25519_in_a_pem_as_well() {
    let mut taken = 0;
    for number in 0..64_u8 {
        let mut bytes = [number.wrapping_mul(37); 32];
        bytes[0] = number;
        // The prefix of RFC 8410's `SubjectPublicKeyInfo`.
        let der = [&hex("302a300506032b6570032100")[..], &bytes].concat();
        let pem = format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            STANDARD.encode(der)
        );
        let from_pem = VerifyingKey::from_pem(Algorithm::EdDsa, &pem);
        let by_hand = VerifyingKey::from_ed(Algorithm::EdDsa, &bytes);
        assert_eq!(from_pem.is_ok(), by_hand.is_ok());
        taken += usize::from(by_hand.is_ok());
    }
    assert!((16..48).contains(&taken), "{taken}");
}

#[test]
fn a_secret_is_no_pem_and_a_public_key_no_secret() {
    let public = openssl("pkey -pubout", &openssl("genpkey -algorithm ED25519", ""));
    let secret = |text: &str| VerifyingKey::from_secret(Algorithm::Hs256, text.as_bytes()).err();
    assert_eq!(secret(""), Some(KeyError::EmptySecret));
    assert_eq!(secret(&public), Some(KeyError::PemAsSecret));
    assert_eq!(secret(&format!(" \n{public}")), Some(KeyError::PemAsSecret));
    let pem = |text: &str| VerifyingKey::from_pem(Algorithm::EdDsa, text).err();
    assert_eq!(pem(&public), None);
    assert_eq!(pem("a secret"), Some(ED));
    assert_eq!(
        VerifyingKey::from_pem(Algorithm::Hs256, &public).err(),
        Some(KeyError::NeedsSecret("HS256"))
    );
    assert_eq!(
        VerifyingKey::from_secret(Algorithm::EdDsa, b"a secret").err(),
        Some(KeyError::NeedsPublic("EdDSA"))
    );
    let certificate = public.replace("PUBLIC KEY", "CERTIFICATE");
    assert_eq!(pem(&certificate), Some(KeyError::Certificate));
    for private in [
        "PRIVATE KEY",
        "RSA PRIVATE KEY",
        "EC PRIVATE KEY",
        "ENCRYPTED PRIVATE KEY",
    ] {
        let text = public.replace("PUBLIC KEY", private);
        assert_eq!(pem(&text), Some(KeyError::Private), "{private}");
    }
    assert_eq!(pem(&public.replace("END PUBLIC", "END RSA PUBLIC")), Some(ED));
    assert!(SigningKey::from_pem(Algorithm::EdDsa, &public).is_err());
    let key = VerifyingKey::from_secret(Algorithm::Hs256, b"a secret").unwrap();
    assert_eq!(format!("{key:?}"), "VerifyingKey { algorithm: Hs256, .. }");
}

#[test]
fn damaged_keys_are_survived() {
    for kind in [
        "genpkey -algorithm ED25519",
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256",
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384",
        "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048",
    ] {
        let pem = openssl("pkey -pubout", &openssl(kind, ""));
        let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let der = STANDARD.decode(body).unwrap();
        let read = |label: &str, der: &[u8]| {
            let pem = format!(
                "-----BEGIN {label}-----{}-----END {label}-----",
                STANDARD.encode(der)
            );
            for algorithm in Algorithm::ALL {
                if let Ok(key) = VerifyingKey::from_pem(algorithm, &pem) {
                    assert!(!key.verifies(b"m", der), "{pem}");
                }
            }
        };
        for index in 0..der.len().min(96) {
            for byte in [0x00, 0x01, 0x7f, 0x80, 0x84, 0xff] {
                let mut other = der.clone();
                other[index] = byte;
                read("PUBLIC KEY", &other);
                read("RSA PUBLIC KEY", &other[24.min(other.len())..]);
            }
            read("PUBLIC KEY", &der[..index]);
            read("PUBLIC KEY", &der[index..]);
            let longer = [&der[..], &der[..index]].concat();
            if index > 0 {
                let pem = format!(
                    "-----BEGIN PUBLIC KEY-----{}-----END PUBLIC KEY-----",
                    STANDARD.encode(longer)
                );
                assert!(
                    Algorithm::ALL
                        .into_iter()
                        .all(|one| VerifyingKey::from_pem(one, &pem).is_err())
                );
            }
        }
    }
}
