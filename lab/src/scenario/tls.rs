//! Certificates, and which side speaks TLS.

use std::error::Error;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;

use charla_ground::process::{self, free_port};
use charla_ground::{Failure, Outcome};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};

use crate::lab::Lab;
use crate::namespace::NEIGHBOUR;
use crate::scenario::token::Whole;
use crate::scenario::{Case, Family, not_broken, prove_status};
use crate::stack::django::{Server, good, url};
use crate::stack::nginx::{Frame, Nginx, UPGRADE, location};

/// An authority, one below it, and certificates by both.
pub(super) struct Certificates {
    folder: PathBuf,
}

impl Certificates {
    pub(super) fn make(lab: &mut Lab) -> Outcome<Self> {
        let folder = lab.new_folder("certificates")?;
        Self::write(&folder).map_err(|error| Failure::Tool("certificate", error.to_string()))?;
        Ok(Self { folder })
    }

    fn write(folder: &Path) -> Result<(), Box<dyn Error>> {
        let authority = authority("Autoridad del laboratorio")?;
        let (root_key, below_key) = (KeyPair::generate()?, KeyPair::generate()?);
        let root = authority.self_signed(&root_key)?;
        process::write(&folder.join("ca.pem"), &root.pem())?;
        let issuer = Issuer::from_params(&authority, &root_key);
        let below = self::authority("Autoridad intermedia")?;
        below.signed_by(&below_key, &issuer)?;
        let below_issuer = Issuer::from_params(&below, &below_key);
        let write = |name: &str,
                     params: &CertificateParams,
                     by: Option<&Issuer<'_, &KeyPair>>|
         -> Result<(), Box<dyn Error>> {
            let key = KeyPair::generate()?;
            let made = match by {
                Some(by) => params.signed_by(&key, by)?,
                None => params.self_signed(&key)?,
            };
            process::write(&folder.join(format!("{name}.pem")), &made.pem())?;
            process::write(&folder.join(format!("{name}.key")), &key.serialize_pem())?;
            Ok(())
        };
        write("good", &leaf("127.0.0.1")?, Some(&issuer))?;
        write("self-signed", &leaf("127.0.0.1")?, None)?;
        write("other-host", &leaf("otra.example.com")?, Some(&issuer))?;
        let mut chainless = leaf("127.0.0.1")?;
        chainless
            .custom_extensions
            .push(issuer_address("http://ca.example.com/intermedia.crt"));
        write("chainless", &chainless, Some(&below_issuer))?;
        let mut expired = leaf("127.0.0.1")?;
        expired.not_before = date_time_ymd(2024, 1, 1);
        expired.not_after = date_time_ymd(2025, 1, 1);
        write("expired", &expired, Some(&issuer))?;
        let mut inspector = self::authority("Zscaler Intermediate Root CA (zscaler.net)")?;
        inspector
            .distinguished_name
            .push(rcgen::DnType::OrganizationName, "Zscaler Inc.");
        let inspector_key = KeyPair::generate()?;
        let own = inspector.self_signed(&inspector_key)?;
        process::write(&folder.join("inspector.pem"), &own.pem())?;
        let inspector = Issuer::from_params(&inspector, &inspector_key);
        write("inspected", &leaf(&NEIGHBOUR.to_string())?, Some(&inspector))
    }

    pub(super) fn file(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }
}

fn authority(name: &str) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

fn leaf(name: &str) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(vec![name.to_owned()])?;
    params.distinguished_name.push(rcgen::DnType::CommonName, "chat");
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

/// Where the issuer's own certificate can be had (RFC 5280, 4.2.2.1), as every public authority writes it.
fn issuer_address(url: &str) -> CustomExtension {
    let length = |text: &[u8]| u8::try_from(text.len()).unwrap_or(u8::MAX);
    let mut description = vec![
        0x06,
        8,
        0x2b,
        6,
        1,
        5,
        5,
        7,
        0x30,
        2,
        0x86,
        length(url.as_bytes()),
    ];
    description.extend(url.as_bytes());
    let mut content = vec![0x30, length(&description) + 2, 0x30, length(&description)];
    content.extend(description);
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], content)
}

/// Name, how, id, the certificate, and what OpenSSL says of it.
type Broken = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

const BROKEN: &[Broken] = &[
    (
        "tls-self-signed",
        "a self-signed certificate",
        "tls_self_signed",
        "self-signed",
        "self-signed certificate",
    ),
    (
        "tls-expired",
        "a certificate that ran out, of a trusted authority",
        "tls_expired",
        "expired",
        "certificate has expired",
    ),
    (
        "tls-other-host",
        "a trusted authority's certificate for another host",
        "tls_wrong_host",
        "other-host",
        "IP address mismatch",
    ),
    (
        "tls-chain",
        "the intermediate certificate is not sent",
        "tls_chain",
        "chainless",
        "unable to",
    ),
];

pub(super) fn family() -> Family {
    let mut family = Family::new("tls");
    for (name, how, id, certificate, words) in BROKEN {
        family.broken(*name, *how, std::slice::from_ref(id), move |lab| {
            let (whole, certificates, nginx, front) = secure(lab, certificate)?;
            let said = verify(front, Some(&certificates.folder.join("ca.pem")))?;
            let Some(proof) = said.lines().find(|line| line.contains(words)) else {
                return Err(not_broken(words, &said));
            };
            let url = url(front, &good()).replace("ws://", "wss://");
            let case = Case::url(&url, format!("openssl: {}", proof.trim()));
            Ok(case
                .and(&["--ca-file", &certificates.file("ca.pem")])
                .keep(nginx)
                .keep(whole))
        });
    }
    family.broken(
        "ws-to-tls-port",
        "ws:// to a port that speaks TLS",
        &["plain_on_tls_port"],
        |lab| {
            let (whole, _, nginx, front) = secure(lab, "good")?;
            let url = url(front, &good());
            let proof = prove_status(&url, &[], 400)?;
            Ok(Case::url(&url, proof).keep(nginx).keep(whole))
        },
    );
    family.broken(
        "wss-to-plain-uvicorn",
        "wss:// to uvicorn's own port",
        &["tls_on_plain_port"],
        |lab| {
            let whole = Whole::shared(lab, Server::Uvicorn)?;
            plain(&whole, whole.app.port)
        },
    );
    family.broken(
        "wss-to-plain-nginx",
        "wss:// to nginx's plain port",
        &["tls_on_plain_port"],
        |lab| {
            let whole = Whole::shared(lab, Server::Uvicorn)?;
            plain(&whole, whole.front)
        },
    );
    family.broken(
        "dns-failure",
        "the address names a host that does not exist",
        &["dns_failure"],
        |_| {
            let url = format!("wss://chat.invalid/ws/chat/5/?token={}", good());
            let found = std::net::ToSocketAddrs::to_socket_addrs(&("chat.invalid", 443));
            match found {
                Err(error) => Ok(Case::url(&url, error.to_string())),
                Ok(_) => Err(not_broken("no address", "an address")),
            }
        },
    );
    family
}

fn plain(whole: &std::rc::Rc<Whole>, port: u16) -> Outcome<Case> {
    let said = verify(port, None)?;
    let Some(proof) = said.lines().find(|line| {
        line.contains("wrong version number")
            || line.contains("packet length too long")
            || line.contains("unexpected eof")
    }) else {
        return Err(not_broken("wrong version number", &said));
    };
    let url = url(port, &good()).replace("ws://", "wss://");
    Ok(Case::url(
        &url,
        format!("openssl: {}", proof.chars().skip(17).collect::<String>()),
    )
    .keep(std::rc::Rc::clone(whole)))
}

type Secure = (std::rc::Rc<Whole>, std::rc::Rc<Certificates>, Nginx, u16);

fn secure(lab: &mut Lab, certificate: &str) -> Outcome<Secure> {
    let certificates = lab.lasting("certificates", Certificates::make)?;
    let whole = Whole::shared(lab, Server::Uvicorn)?;
    let front = free_port()?;
    let lines = format!(
        "server {{\n    listen 127.0.0.1:{front} ssl;\n    server_name chat.example.com;\n    ssl_certificate {};\n    ssl_certificate_key {};\n{}\n}}\n",
        certificates.file(&format!("{certificate}.pem")),
        certificates.file(&format!("{certificate}.key")),
        location(whole.app.port, UPGRADE)
    );
    let nginx = Nginx::start(lab, Frame::PLAIN, &lines, front)?;
    Ok((whole, certificates, nginx, front))
}

/// Who signed the certificate of a place, as OpenSSL shows it.
pub(super) fn issuer(host: Ipv4Addr, port: u16) -> Outcome<String> {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", &format!("{host}:{port}")]);
    let done = command.stdin(std::process::Stdio::null()).output()?;
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    let issuer = said.lines().find(|line| line.starts_with("issuer="));
    issuer
        .map(|line| format!("openssl: {line}"))
        .ok_or_else(|| not_broken("a certificate", &said))
}

/// What OpenSSL makes of a port.
fn verify(port: u16, authority: Option<&Path>) -> Outcome<String> {
    let mut command = Command::new("openssl");
    command.args([
        "s_client",
        "-connect",
        &format!("127.0.0.1:{port}"),
        "-verify_ip",
        "127.0.0.1",
    ]);
    if let Some(authority) = authority {
        command.arg("-CAfile").arg(authority);
    }
    let done = command.stdin(std::process::Stdio::null()).output()?;
    Ok(String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr))
}
