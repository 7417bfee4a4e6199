//! What lies between two machines: an address family that leads nowhere, and a gateway that opens TLS.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::process::Command;

use charla_ground::Outcome;
use charla_ground::process::free_port;

use crate::handshake::SILENCE;
use crate::lab::Lab;
use crate::namespace::{Hosts, LOST, NEIGHBOUR, Neighbour, OWN};
use crate::scenario::tls::{Certificates, issuer};
use crate::scenario::token::Whole;
use crate::scenario::{Case, Family, not_broken, prove_status};
use crate::stack::django::{Server, good, url};
use crate::stack::nginx::{Nginx, UPGRADE, location, server};

/// The name that leads to both families.
const NAME: &str = "chat.lab.test";

pub(super) fn family() -> Family {
    let mut family = Family::new("network");
    family.opens(
        "ipv6-path-dead",
        "the name has an IPv6 address too, and what is sent there is lost",
        &["ipv6_path_dead"],
        |lab| {
            let whole = Whole::shared(lab, Server::Uvicorn)?;
            let neighbour = Neighbour::make(lab)?;
            let text = format!("127.0.0.1 localhost\n{LOST} {NAME}\n127.0.0.1 {NAME}\n");
            let hosts = Hosts::of(lab, &text)?;
            let there = SocketAddr::new(LOST.into(), whole.front);
            let lost = match TcpStream::connect_timeout(&there, SILENCE) {
                Err(error) if error.kind() == ErrorKind::TimedOut => error.to_string(),
                Err(error) => return Err(not_broken("nothing over IPv6", &error.to_string())),
                Ok(_) => return Err(not_broken("nothing over IPv6", "a connection")),
            };
            let url = url(whole.front, &good()).replace("127.0.0.1", NAME);
            let proof = prove_status(&url, &[], 101)?;
            Ok(Case::url(&url, format!("IPv6: {lost}; IPv4: {proof}"))
                .keep(hosts)
                .keep(neighbour)
                .keep(whole))
        },
    );
    family.broken(
        "tls-inspection",
        "a gateway on the way opens TLS with an authority of its own that the client does not trust",
        &["tls_inspection"],
        |lab| {
            let (case, _) = gateway(lab, UPGRADE)?;
            Ok(case)
        },
    );
    family.broken(
        "tls-inspection-trusted",
        "its authority is trusted, and it takes the upgrade for an ordinary request",
        &["tls_inspection"],
        |lab| {
            let (case, authority) = gateway(lab, "proxy_set_header Host $http_host;")?;
            Ok(case.and(&["--ca-file", &authority]))
        },
    );
    family
}

/// nginx on the neighbour's machine, as a gateway before the site on the lab's own; its authority's file.
fn gateway(lab: &mut Lab, passes: &str) -> Outcome<(Case, String)> {
    let whole = Whole::shared(lab, Server::Uvicorn)?;
    let certificates = lab.lasting("certificates", Certificates::make)?;
    let neighbour = Neighbour::make(lab)?;
    let (inner, port) = (free_port()?, free_port()?);
    let lines = server(inner, &location(whole.app.port, UPGRADE))
        .replace("listen 127.0.0.1", &format!("listen {OWN}"));
    let site = Nginx::start_at(lab, Command::new("nginx"), &lines, (OWN, inner))?;
    let lines = format!(
        "server {{\n    listen {NEIGHBOUR}:{port} ssl;\n    ssl_certificate {};\n    ssl_certificate_key {};\n{}\n}}\n",
        certificates.file("inspected.pem"),
        certificates.file("inspected.key"),
        location(inner, passes).replace("127.0.0.1", &OWN.to_string())
    );
    let gateway = Nginx::start_at(lab, neighbour.command("nginx"), &lines, (NEIGHBOUR, port))?;
    let proof = issuer(NEIGHBOUR, port)?;
    if !proof.contains("Zscaler") {
        return Err(not_broken("an issuer of its own", &proof));
    }
    let url = url(port, &good()).replace("ws://127.0.0.1", &format!("wss://{NEIGHBOUR}"));
    let case = Case::url(&url, proof)
        .keep(gateway)
        .keep(site)
        .keep(neighbour)
        .keep(whole);
    Ok((case, certificates.file("inspector.pem")))
}
