//! AWS Signature Version 4 as part of an address ("Authenticating Requests: Using Query Parameters" of the S3 documentation): who
//! has the address may do the one thing that it names, until its time is over.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use charla_wire::Timestamp;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// The body is not part of the signature: it is not known yet.
const PAYLOAD: &str = "UNSIGNED-PAYLOAD";

/// Whose signature, and for where.
pub(super) struct Signer {
    pub(super) access_key_id: String,
    pub(super) secret: SecretString,
    pub(super) region: String,
}

/// What is signed.
pub(super) struct Asked<'a> {
    pub(super) method: &'a str,
    /// As in the `Host` line.
    pub(super) host: &'a str,
    /// Encoded, with a slash in front.
    pub(super) path: &'a str,
    /// Further parameters, not encoded.
    pub(super) query: &'a [(&'a str, &'a str)],
    /// Lines that the request has to carry, by their names in small letters.
    pub(super) headers: &'a BTreeMap<&'static str, String>,
}

impl Signer {
    /// The query of an address; `None` for a time that is none.
    pub(super) fn query(&self, asked: &Asked<'_>, at: Timestamp, within: Duration) -> Option<String> {
        let at = jiff::Timestamp::from_millisecond(at.as_millis()).ok()?;
        let moment = at.strftime("%Y%m%dT%H%M%SZ").to_string();
        let day = moment.get(..8)?;
        let scope = format!("{day}/{}/s3/aws4_request", self.region);
        let mut headers = BTreeMap::from([("host", asked.host)]);
        headers.extend(asked.headers.iter().map(|(name, value)| (*name, value.as_str())));
        let names: Vec<&str> = headers.keys().copied().collect();
        let names = names.join(";");
        let (credential, lasts) = (
            format!("{}/{scope}", self.access_key_id),
            within.as_secs().to_string(),
        );
        let mut parameters = BTreeMap::from([
            ("X-Amz-Algorithm", ALGORITHM),
            ("X-Amz-Credential", &*credential),
            ("X-Amz-Date", &*moment),
            ("X-Amz-Expires", &*lasts),
            ("X-Amz-SignedHeaders", &*names),
        ]);
        parameters.extend(asked.query.iter().copied());
        let pairs: Vec<String> = parameters
            .iter()
            .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
            .collect();
        let query = pairs.join("&");
        let mut lines = String::new();
        for (name, value) in &headers {
            // Writing to text does not fail.
            let _ = writeln!(lines, "{name}:{}", value.trim());
        }
        let request = format!(
            "{}\n{}\n{query}\n{lines}\n{names}\n{PAYLOAD}",
            asked.method, asked.path
        );
        let hash = hex(&Sha256::digest(request));
        let signature = self.sign(day, &format!("{ALGORITHM}\n{moment}\n{scope}\n{hash}"))?;
        Some(format!("{query}&X-Amz-Signature={signature}"))
    }

    fn sign(&self, day: &str, text: &str) -> Option<String> {
        let mut key = format!("AWS4{}", self.secret.expose_secret()).into_bytes();
        for word in [day, &self.region, "s3", "aws4_request"] {
            key = mac(&key, word)?;
        }
        mac(&key, text).map(|sum| hex(&sum))
    }
}

fn mac(key: &[u8], text: &str) -> Option<Vec<u8>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(text.as_bytes());
    Some(mac.finalize().into_bytes().to_vec())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Encoded as S3 wants it: everything but letters, digits and `-._~`.
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => {
                // Writing to text does not fail.
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the S3 documentation ("Authenticating Requests: Using Query Parameters").
    #[test]
    fn the_signature_is_that_of_the_documentation() {
        let signer = Signer {
            access_key_id: "AKIAIOSFODNN7EXAMPLE".into(),
            secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into(),
            region: "us-east-1".into(),
        };
        let asked = Asked {
            method: "GET",
            host: "examplebucket.s3.amazonaws.com",
            path: "/test.txt",
            query: &[],
            headers: &BTreeMap::new(),
        };
        // Friday, 24 May 2013, 00:00:00 GMT.
        let at = Timestamp::from_millis(1_369_353_600_000);
        let query = signer.query(&asked, at, Duration::from_secs(86_400)).unwrap();
        assert!(
            query.contains(
                "X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&"
            ),
            "{query}"
        );
        assert!(
            query.ends_with(
                "X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
            ),
            "{query}"
        );
    }

    #[test]
    fn all_but_the_plainest_is_encoded() {
        assert_eq!(encoded("aZ0-._~"), "aZ0-._~");
        assert_eq!(encoded("a/ñ +'*"), "a%2F%C3%B1%20%2B%27%2A");
    }
}
