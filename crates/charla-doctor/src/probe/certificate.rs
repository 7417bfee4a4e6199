//! What stands in a certificate.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rustls::pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::parse_x509_certificate;
use x509_parser::x509::X509Name;

use crate::evidence::TlsSeen;
use crate::probe::tls::Trust;

/// Names that are kept of a certificate.
const NAMES_MAX: usize = 32;

/// Fills in what the chain says.
pub(crate) fn describe(chain: &[CertificateDer<'_>], trust: &Trust, seen: &mut TlsSeen) {
    let parse = |one| parse_x509_certificate(one).ok().map(|(_, parsed)| parsed);
    let Some(leaf) = chain.first().and_then(|leaf| parse(leaf)) else {
        return;
    };
    seen.subject = leaf.subject().to_string();
    seen.issuer = leaf.issuer().to_string();
    seen.names = names(&leaf);
    seen.self_signed = signs_itself(&leaf);
    (seen.not_before, seen.not_after) = times(&leaf);
    let last = chain.last().and_then(|last| parse(last));
    seen.ends_in_root = last.is_some_and(|last| signs_itself(&last));
    seen.issuer_known = organisation(leaf.issuer()).is_some_and(|name| trust.knows(&name));
    seen.issuer_url = issuer_url(&leaf);
}

/// `id-ad-caIssuers` (RFC 5280, section 4.2.2.1): where the certificate above can be had.
const CA_ISSUERS: &str = "1.3.6.1.5.5.7.48.2";

fn issuer_url(leaf: &X509Certificate<'_>) -> Option<String> {
    leaf.extensions().iter().find_map(|extension| {
        let ParsedExtension::AuthorityInfoAccess(access) = extension.parsed_extension() else {
            return None;
        };
        access.accessdescs.iter().find_map(|one| {
            let GeneralName::URI(url) = &one.access_location else {
                return None;
            };
            (one.access_method.to_id_string() == CA_ISSUERS).then(|| (*url).to_owned())
        })
    })
}

/// The time in which a certificate is good, in seconds since 1970.
pub(crate) fn dates(leaf: &CertificateDer<'_>) -> Option<(f64, f64)> {
    let (_, leaf) = parse_x509_certificate(leaf).ok()?;
    Some(times(&leaf))
}

#[expect(clippy::cast_precision_loss, reason = "a year is far below 2^53 seconds")]
fn times(leaf: &X509Certificate<'_>) -> (f64, f64) {
    let validity = leaf.validity();
    (
        validity.not_before.timestamp() as f64,
        validity.not_after.timestamp() as f64,
    )
}

fn signs_itself(certificate: &X509Certificate<'_>) -> bool {
    certificate.subject().as_raw() == certificate.issuer().as_raw()
}

fn organisation(name: &X509Name<'_>) -> Option<String> {
    let mut found = name.iter_organization();
    found.next()?.as_str().ok().map(str::to_owned)
}

fn names(leaf: &X509Certificate<'_>) -> Vec<String> {
    let alternatives = leaf.subject_alternative_name().ok().flatten();
    let listed = alternatives.iter().flat_map(|list| &list.value.general_names);
    let shown = listed.filter_map(|name| {
        if let GeneralName::DNSName(name) = name {
            Some((*name).to_owned())
        } else if let GeneralName::IPAddress(bytes) = name {
            address(bytes).map(|address| address.to_string())
        } else {
            None
        }
    });
    shown.take(NAMES_MAX).collect()
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes)
            .ok()
            .map(|bytes| Ipv4Addr::from(bytes).into()),
        16 => <[u8; 16]>::try_from(bytes)
            .ok()
            .map(|bytes| Ipv6Addr::from(bytes).into()),
        _ => None,
    }
}
