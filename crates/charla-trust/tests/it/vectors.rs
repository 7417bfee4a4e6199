//! The examples of RFC 7515, appendix A, and of RFC 8037, appendix A.

use charla_trust::signature::{Algorithm, SigningKey, VerifyingKey};

use crate::{bytes, parts};

/// What RFC 7515 signs in each example.
const CLAIMS: &str =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

fn holds(key: &VerifyingKey, token: &str) {
    let (signed, signature) = parts(token);
    assert!(key.verifies(signed, &signature), "{token}");
    assert!(!key.verifies(&signed[..signed.len() - 1], &signature), "{token}");
}

#[test]
fn hs256_of_rfc_7515_a_1() {
    let secret =
        bytes("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow");
    let signed = format!("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{CLAIMS}");
    let signature = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let key = VerifyingKey::from_secret(Algorithm::Hs256, &secret).unwrap();
    holds(&key, &format!("{signed}.{signature}"));
    let signing = SigningKey::from_secret(Algorithm::Hs256, &secret).unwrap();
    assert_eq!(signing.sign(signed.as_bytes()).unwrap(), bytes(signature));
}

#[test]
fn rs256_of_rfc_7515_a_2() {
    let modulus = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
    let signature = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    let key = VerifyingKey::from_rsa(Algorithm::Rs256, &bytes(modulus), &bytes("AQAB")).unwrap();
    holds(&key, &format!("eyJhbGciOiJSUzI1NiJ9.{CLAIMS}.{signature}"));
}

#[test]
fn es256_of_rfc_7515_a_3() {
    let x = bytes("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU");
    let y = bytes("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0");
    let key = VerifyingKey::from_ec(Algorithm::Es256, &x, &y).unwrap();
    let signature = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    let token = format!("eyJhbGciOiJFUzI1NiJ9.{CLAIMS}.{signature}");
    holds(&key, &token);
    // The same two numbers in ASN.1, as TLS has them, are no signature of a token.
    let (signed, signature) = parts(&token);
    let (r, s) = signature.split_at(32);
    let der = [&[0x30, 0x45, 0x02, 0x20], r, &[0x02, 0x21, 0x00], s].concat();
    assert!(!key.verifies(signed, &der));
}

#[test]
fn eddsa_of_rfc_8037_a_4() {
    let key = bytes("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
    let key = VerifyingKey::from_ed(Algorithm::EdDsa, &key).unwrap();
    let token = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    holds(&key, token);
    // RFC 8032, 5.1.7: with the group's order added to its second half it would be a second signature of the same.
    let (signed, mut signature) = parts(token);
    let order = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
    let mut carry = 0;
    for (index, byte) in signature[32..].iter_mut().enumerate() {
        let added = u16::from_str_radix(&order[2 * index..2 * index + 2], 16).unwrap();
        let [low, high] = (u16::from(*byte) + added + carry).to_le_bytes();
        *byte = low;
        carry = u16::from(high);
    }
    assert!(!key.verifies(signed, &signature));
}
