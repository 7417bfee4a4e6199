//! What stands around Charla: nginx, path by path, and systemd's units. The texts are those of `deploy/`.

use charla_doctor::django::{Route, RoutePart, Survey};
use charla_wire::Lang;

use super::server::{PORT, port};
use crate::words::import_django as say;

const HTTP: &str = include_str!("../../../../deploy/nginx/charla-http.conf");
const LOCATION: &str = include_str!("../../../../deploy/nginx/charla-location.conf");
const SERVICE: &str = include_str!("../../../../deploy/systemd/charla.service");
const SOCKET: &str = include_str!("../../../../deploy/systemd/charla.socket");

/// What a route becomes at nginx.
pub(super) struct Moved {
    /// As people read it.
    pub(super) shown: String,
    /// nginx' pattern of it.
    pattern: String,
    /// What Charla knows it by, with the numbers of the pattern's groups; none when it is the same.
    rewrite: Option<String>,
    /// An example of it, for commands.
    pub(super) example: String,
}

/// The routes that can move.
pub(super) fn moved(survey: &Survey) -> Vec<Moved> {
    let mut all: Vec<Moved> = survey.routes.iter().filter_map(of).collect();
    let mut seen = Vec::new();
    all.retain(|one| {
        let is_new = !seen.contains(&one.pattern);
        seen.push(one.pattern.clone());
        is_new
    });
    all
}

/// Whether a part of an address names a tenant, not a chat.
fn is_tenant(name: &str) -> bool {
    let name = name.to_lowercase();
    name.contains("tenant") || name.contains("schema")
}

fn of(route: &Route) -> Option<Moved> {
    let parts = route.parts.as_ref()?;
    let names: Vec<&str> = route.names().collect();
    let chat = names.iter().position(|name| !is_tenant(name))?;
    let tenant = names.iter().position(|name| is_tenant(name));
    if names.len() > 2 || (names.len() == 2 && tenant.is_none()) {
        return None;
    }
    let (mut pattern, mut example) = (String::from("^/"), String::from("/"));
    for part in parts {
        match part {
            RoutePart::Text(text) => {
                pattern.push_str(&text.replace('.', "\\."));
                example.push_str(text);
            }
            RoutePart::Named(name) => {
                pattern.push_str("([^/]+)");
                example.push_str(if is_tenant(name) { "TENANT" } else { "5" });
            }
        }
    }
    let pattern = format!("{}/?$", pattern.trim_end_matches('/'));
    let same = pattern == "^/ws/chat/([^/]+)/?$";
    let query = tenant
        .map(|tenant| format!("?tenant=${}", tenant + 1))
        .unwrap_or_default();
    Some(Moved {
        shown: route.shown(),
        rewrite: (!same).then(|| format!("/ws/chat/${}/{query}", chat + 1)),
        pattern,
        example,
    })
}

/// `nginx.conf`: what goes into http { }: the log format, both upstreams, who serves which path.
pub(super) fn nginx(lang: Lang, survey: &Survey) -> String {
    let theirs = survey.launch.as_ref().map_or(PORT, |launch| launch.port);
    let mut out = HTTP.to_owned();
    out.push_str(&format!(
        "\nupstream charla {{\n    server 127.0.0.1:{};\n    keepalive 32;\n}}\n\nupstream channels {{\n    server 127.0.0.1:{theirs};\n}}\n",
        port(survey)
    ));
    out.push_str(&format!(
        "\n# {}\nmap $uri $chat_by {{\n    default channels;\n",
        say::map_head(lang)
    ));
    let moved = moved(survey);
    let width = moved.iter().map(|one| one.pattern.len()).max().unwrap_or(0);
    for one in &moved {
        out.push_str(&format!(
            "    \"~{}\"{:pad$} charla;\n",
            one.pattern,
            "",
            pad = width - one.pattern.len()
        ));
    }
    out.push_str("}\n");
    out
}

/// `nginx-locations.conf`: the paths themselves.
pub(super) fn locations(lang: Lang, survey: &Survey, place: &dyn Fn(&str) -> String) -> String {
    let mut out = format!("# {}\n", say::server_head(lang));
    for one in moved(survey) {
        out.push('\n');
        out.push_str(&location(lang, &one));
    }
    for route in &survey.routes {
        let at = place(&route.at);
        if route.parts.is_none() {
            out.push_str(&format!(
                "\n# ? {}\n",
                say::route_unclear(lang, &route.pattern, at)
            ));
        } else if of(route).is_none() {
            out.push_str(&format!("\n# {}\n", say::route_stays(lang, route.shown(), at)));
        }
    }
    out
}

/// One path's location, with the lines of deploy/nginx.
fn location(lang: Lang, one: &Moved) -> String {
    let mut out = format!("location ~ {} {{\n", one.pattern);
    if let Some(rewrite) = &one.rewrite {
        out.push_str(&format!(
            "    # {}\n    if ($chat_by = charla) {{ rewrite {} {rewrite} break; }}\n",
            say::rewritten(lang),
            one.pattern
        ));
    }
    let body = LOCATION
        .lines()
        .skip_while(|line| !line.starts_with("location"))
        .skip(1);
    for line in body {
        out.push_str(&line.replace("http://charla;", "http://$chat_by;"));
        out.push('\n');
    }
    out
}

/// `charla.service`, with its settings and the file with its variables.
pub(super) fn service(variables: &[(String, String)]) -> String {
    let mut start = "ExecStart=/usr/bin/charla serve --config /etc/charla/charla.toml".to_owned();
    if !variables.is_empty() {
        start.push_str("\n# CUTOVER.md shows what is in it.\nEnvironmentFile=/etc/charla/charla.env");
    }
    SERVICE.replace("ExecStart=/usr/bin/charla serve", &start)
}

/// `charla.socket`, on the port that nginx knows.
pub(super) fn socket(survey: &Survey) -> String {
    SOCKET.replace(
        "ListenStream=127.0.0.1:9001",
        &format!("ListenStream=127.0.0.1:{}", port(survey)),
    )
}

#[cfg(test)]
mod tests {
    use super::{LOCATION, SERVICE, SOCKET};

    #[test]
    fn what_is_replaced_is_there() {
        assert!(LOCATION.contains("\nlocation / {") && LOCATION.contains("proxy_pass http://charla;"));
        assert!(SERVICE.contains("\nExecStart=/usr/bin/charla serve\n"));
        assert!(SOCKET.contains("\nListenStream=127.0.0.1:9001\n"));
    }
}
