//! The accept queues of listening TCP sockets, asked of the kernel as `ss -ltn` asks (sock_diag(7)): /proc/net/tcp does not
//! say how many connections may wait.

use std::collections::BTreeMap;

/// By inode: connections waiting to be accepted, and how many may wait. Empty where the kernel does not say.
#[must_use]
pub(super) fn listen_queues() -> BTreeMap<u64, (u32, u32)> {
    let mut found = BTreeMap::new();
    for family in [AF_INET, AF_INET6] {
        found.extend(ask(family).unwrap_or_default());
    }
    found
}

const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;

#[cfg(target_os = "linux")]
fn ask(family: u8) -> rustix::io::Result<Vec<Queue>> {
    use rustix::net::sockopt::set_socket_timeout;
    use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketType, netlink, recv, send, socket};

    let kernel = socket(
        AddressFamily::NETLINK,
        SocketType::DGRAM,
        Some(netlink::SOCK_DIAG),
    )?;
    let patience = Some(std::time::Duration::from_millis(200));
    set_socket_timeout(&kernel, rustix::net::sockopt::Timeout::Recv, patience)?;
    send(&kernel, &request(family), SendFlags::empty())?;
    let mut found = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let (bytes, _) = recv(&kernel, buffer.as_mut_slice(), RecvFlags::empty())?;
        let (rows, more) = read(buffer.get(..bytes).unwrap_or_default());
        found.extend(rows);
        if !more || found.len() >= AT_MOST {
            return Ok(found);
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn ask(_family: u8) -> Result<Vec<Queue>, ()> {
    Ok(Vec::new())
}

/// An inode, what waits and what may wait.
type Queue = (u64, (u32, u32));

/// Listening sockets looked at.
const AT_MOST: usize = 4_096;
/// Bytes of `struct nlmsghdr`.
const HEAD: usize = 16;
/// `SOCK_DIAG_BY_FAMILY`.
const BY_FAMILY: u16 = 20;
/// `NLM_F_REQUEST | NLM_F_DUMP`.
const DUMP: u16 = 0x301;

/// `struct nlmsghdr` and `struct inet_diag_req_v2`, in the machine's own byte order: all TCP sockets in state LISTEN.
fn request(family: u8) -> Vec<u8> {
    const LENGTH: u32 = 72;
    const IPPROTO_TCP: u8 = 6;
    const LISTEN: u32 = 1 << 10;
    let mut bytes = LENGTH.to_ne_bytes().to_vec();
    bytes.extend(BY_FAMILY.to_ne_bytes());
    bytes.extend(DUMP.to_ne_bytes());
    bytes.extend([0; 8]);
    bytes.extend([family, IPPROTO_TCP, 0, 0]);
    bytes.extend(LISTEN.to_ne_bytes());
    bytes.resize(LENGTH as usize, 0);
    bytes
}

/// Rows of one datagram, and whether more will come.
fn read(mut bytes: &[u8]) -> (Vec<Queue>, bool) {
    let mut rows = Vec::new();
    while let Some(length) = number(bytes, 0).map(|length| length as usize) {
        let kind = bytes
            .get(4..6)
            .and_then(|two| Some(u16::from_ne_bytes(two.try_into().ok()?)));
        if kind != Some(BY_FAMILY) || length < HEAD {
            // NLMSG_DONE or NLMSG_ERROR.
            return (rows, false);
        }
        // `struct inet_diag_msg`: 4 bytes, 48 of the socket's id, then expires, rqueue, wqueue, uid, inode.
        let at = |field: usize| number(bytes, HEAD + 52 + field * 4);
        if let (Some(queue), Some(backlog), Some(inode)) = (at(1), at(2), at(4)) {
            rows.push((u64::from(inode), (queue, backlog)));
        }
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    (rows, true)
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at + 4)?;
    Some(u32::from_ne_bytes(four.try_into().ok()?))
}
