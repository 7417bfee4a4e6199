//! What a host's name leads to, and which of its addresses can be reached.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use crate::evidence::{NameSeen, Reached, Tried};

/// Addresses that are tried.
const ADDRESSES_MAX: usize = 8;

/// Asks the system's resolver, as every program here does, and connects to each address once.
pub async fn look(host: &str, port: u16, within: Duration) -> NameSeen {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let deadline = Instant::now() + within;
    let mut seen = NameSeen {
        name: host.to_owned(),
        ..NameSeen::default()
    };
    let found = match host.parse::<IpAddr>() {
        Ok(address) => Ok(vec![SocketAddr::new(address, port)]),
        Err(_) => resolved(host, port, deadline).await,
    };
    let mut trying = JoinSet::new();
    match found {
        Ok(addresses) => {
            for (index, address) in addresses.into_iter().take(ADDRESSES_MAX).enumerate() {
                trying.spawn(async move { (index, reach(address, deadline).await) });
            }
        }
        Err(words) => seen.error = Some(words),
    }
    let mut tried = Vec::new();
    while let Some(one) = trying.join_next().await {
        tried.extend(one.ok());
    }
    tried.sort_by_key(|(index, _)| *index);
    seen.tried = tried.into_iter().map(|(_, tried)| tried).collect();
    seen
}

async fn resolved(host: &str, port: u16, deadline: Instant) -> Result<Vec<SocketAddr>, String> {
    match timeout_at(deadline, lookup_host((host, port))).await {
        Err(_) => Err("no answer in time".to_owned()),
        Ok(Err(error)) => Err(error.to_string()),
        Ok(Ok(found)) => {
            let mut addresses: Vec<SocketAddr> = Vec::new();
            for address in found {
                if !addresses.contains(&address) {
                    addresses.push(address);
                }
            }
            if addresses.is_empty() {
                return Err("the name has no address".to_owned());
            }
            Ok(addresses)
        }
    }
}

async fn reach(address: SocketAddr, deadline: Instant) -> Tried {
    let began = Instant::now();
    let reached = match timeout_at(deadline, TcpStream::connect(address)).await {
        Err(_) => Reached::TimedOut,
        Ok(Ok(_)) => Reached::Connected,
        Ok(Err(error)) => outcome(error.kind()),
    };
    Tried {
        address: address.to_string(),
        reached,
        ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
    }
}

fn outcome(kind: io::ErrorKind) -> Reached {
    if matches!(
        kind,
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset
    ) {
        Reached::Refused
    } else if kind == io::ErrorKind::TimedOut {
        Reached::TimedOut
    } else if kind == io::ErrorKind::PermissionDenied {
        Reached::Forbidden
    } else {
        // No route, no network of this family: EHOSTUNREACH, ENETUNREACH, EADDRNOTAVAIL.
        Reached::Unreachable
    }
}
