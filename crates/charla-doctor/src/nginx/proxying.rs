//! What the upstream gets: headers, addresses, path; and which other locations pass upgrades on.

use super::effective::{Request, name};
use super::locations;
use super::tree::Node;
use super::walk::Walk;
use crate::evidence::NginxLocation;

/// Other locations that are kept.
const OTHERS: usize = 16;

pub(super) fn headers(walk: &Walk<'_>, found: &mut NginxLocation) {
    let set = walk.effective(&["proxy_set_header"]);
    let header = |name: &str| {
        let node = set.iter().find(|node| node.arg(0).eq_ignore_ascii_case(name))?;
        Some((
            walk.values
                .expand(node.arg(1))
                .unwrap_or_else(|| node.arg(1).to_owned()),
            node.at(),
        ))
    };
    let upgrade = header("Upgrade").filter(|(value, _)| !value.is_empty());
    found.upgrade = upgrade.map(|(value, _)| value);
    found.connection = header("Connection").map(|(value, _)| value);
    found.host = header("Host").map(|(value, _)| value);
    found.headers_at = set.first().map(|node| node.at());
    // Set further out, and lost because a nearer level sets any header at all.
    let mut outer = walk.levels().flat_map(|level| level.named("proxy_set_header"));
    found.headers_lost_at = outer
        .find(|node| {
            found.upgrade.is_none()
                && node.arg(0).eq_ignore_ascii_case("upgrade")
                && !set.iter().any(|own| std::ptr::eq(*own, *node))
        })
        .map(Node::at);
}

pub(super) fn upstream(walk: &Walk<'_>, pass: &Node, request: &Request<'_>, found: &mut NginxLocation) {
    let written = pass.arg(0);
    let Some(url) = walk.values.expand(written) else {
        return;
    };
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", &url));
    let (host, uri) = match rest.strip_prefix("unix:") {
        // `unix:/run/app.sock:/uri`
        Some(socket) => socket.split_once(':').map_or((rest, ""), |(path, uri)| {
            (rest.get(..path.len() + 5).unwrap_or(rest), uri)
        }),
        None => rest.split_at(rest.find('/').unwrap_or(rest.len())),
    };
    let port = if scheme == "https" { 443 } else { 80 };
    found.upstreams = addresses(walk, host, port);
    let level = walk.level().unwrap_or(pass);
    let (_, prefix) = locations::modifier(level);
    let sent = if uri.is_empty() || (walk.broken && !written.contains('$')) {
        if walk.changed {
            walk.path.clone()
        } else {
            request.path.to_owned()
        }
    } else if written.contains('$') {
        uri.to_owned()
    } else {
        format!("{uri}{}", walk.path.strip_prefix(prefix).unwrap_or_default())
    };
    found.upstream_path = (sent != request.path).then_some(sent);
}

/// The servers of an `upstream` of that name; else the name itself.
fn addresses(walk: &Walk<'_>, host: &str, port: u16) -> Vec<String> {
    let http = walk.chain.first();
    let group = http.and_then(|http| http.named("upstream").find(|group| group.arg(0) == host));
    let with_port = |host: &str, port: u16| {
        let has = host.starts_with("unix:")
            || host
                .rsplit_once(':')
                .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        if has {
            host.to_owned()
        } else {
            format!("{host}:{port}")
        }
    };
    let Some(group) = group else {
        return vec![with_port(host, port)];
    };
    let up = group
        .named("server")
        .filter(|server| !server.args.iter().any(|arg| arg == "down"));
    up.map(|server| with_port(server.arg(0), 80)).collect()
}

/// Locations that pass upgrades on: those of the same server first.
pub(super) fn others(http: &Node, walk: &Walk<'_>) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    let own = walk.chain.get(1).copied();
    let servers = own.into_iter().chain(
        http.named("server")
            .filter(|server| !own.is_some_and(|own| std::ptr::eq(own, *server))),
    );
    for server in servers {
        upgrading(&[http, server], server, &mut found);
    }
    found.truncate(OTHERS);
    found
}

fn upgrading(around: &[&Node], level: &Node, found: &mut Vec<(String, String, String)>) {
    for node in level.named("location") {
        let chain: Vec<&Node> = around.iter().copied().chain([node]).collect();
        let set = chain
            .iter()
            .rev()
            .find(|level| level.named("proxy_set_header").next().is_some());
        let upgrades = set.is_some_and(|level| {
            level
                .named("proxy_set_header")
                .any(|header| header.arg(0).eq_ignore_ascii_case("upgrade") && !header.arg(1).is_empty())
        });
        if let (true, Some(pass)) = (upgrades, node.named("proxy_pass").next()) {
            found.push((name(None, node).0, node.at(), pass.arg(0).to_owned()));
        }
        upgrading(&chain, node, found);
    }
}
