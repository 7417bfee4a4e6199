//! Addresses of this server where one file may be put or fetched for a while: who has one needs nothing else.

use charla_wire::Timestamp;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::store::attachments::AttachmentKey;

/// What an address is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signed {
    /// It is ours, and its time is not over.
    Good,
    /// It was ours.
    Over,
    /// It is not ours.
    Foreign,
}

/// The path and query of an address.
pub(super) fn signed(key: &Hmac<Sha256>, method: &str, file: &AttachmentKey, until: Timestamp) -> String {
    let until = until.as_millis();
    let signature = mac(key, method, file, until).finalize().into_bytes();
    let signature: String = signature.iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "/attachments/{}/{}?until={until}&signature={signature}",
        file.tenant, file.id
    )
}

/// Judges the query of an address. Signatures are compared in a time that says nothing about them.
pub(super) fn judge(
    key: &Hmac<Sha256>,
    method: &str,
    file: &AttachmentKey,
    query: &str,
    now: Timestamp,
) -> Signed {
    let given = |name: &str| {
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find_map(|(key, value)| (key == name).then_some(value))
    };
    let until = given("until").and_then(|until| until.parse::<i64>().ok());
    let signature = given("signature").and_then(|hex| bytes(&hex));
    let (Some(until), Some(signature)) = (until, signature) else {
        return Signed::Foreign;
    };
    match mac(key, method, file, until).verify_slice(&signature) {
        Ok(()) if now.as_millis() < until => Signed::Good,
        Ok(()) => Signed::Over,
        Err(_) => Signed::Foreign,
    }
}

fn mac(key: &Hmac<Sha256>, method: &str, file: &AttachmentKey, until: i64) -> Hmac<Sha256> {
    let mut mac = key.clone();
    // No part has a line feed in it.
    mac.update(format!("{method}\n{}\n{}\n{until}", file.tenant, file.id).as_bytes());
    mac
}

/// Sixty-four hex digits as bytes.
fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digit = |digit: u8| {
        char::from(digit)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    (hex.len() == 64).then_some(())?;
    hex.as_bytes()
        .chunks_exact(2)
        .map(|pair| match pair {
            [high, low] => Some((digit(*high)? << 4) | digit(*low)?),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use charla_wire::TenantId;
    use hmac::KeyInit as _;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn an_address_is_good_for_one_file_one_method_and_one_time() {
        let key = Hmac::new_from_slice(b"a key").unwrap();
        let file = |tenant: &str, id| AttachmentKey {
            tenant: TenantId::parse(tenant).unwrap(),
            id: Uuid::from_u128(id),
        };
        let at = Timestamp::from_millis;
        let ours = file("acme", 7);
        let address = signed(&key, "PUT", &ours, at(1_000));
        let (path, query) = address.split_once('?').unwrap();
        assert_eq!(path, "/attachments/acme/00000000-0000-0000-0000-000000000007");
        let judged =
            |method, file: &AttachmentKey, query: &str, now| judge(&key, method, file, query, at(now));
        assert_eq!(judged("PUT", &ours, query, 999), Signed::Good);
        assert_eq!(judged("PUT", &ours, query, 1_000), Signed::Over);
        assert_eq!(judged("GET", &ours, query, 999), Signed::Foreign);
        assert_eq!(judged("PUT", &file("acme", 8), query, 999), Signed::Foreign);
        assert_eq!(judged("PUT", &file("beta", 7), query, 999), Signed::Foreign);
        let later = query.replace("until=1000", "until=9000");
        let cut = query.strip_suffix(|_: char| true).unwrap();
        let accented = query.replace("signature=", "signature=ñ");
        for foreign in [
            &*later,
            cut,
            &*accented,
            "",
            "until=1000",
            "signature=00",
            "until=x&signature=y",
        ] {
            assert_eq!(judged("PUT", &ours, foreign, 999), Signed::Foreign, "{foreign}");
        }
    }
}
