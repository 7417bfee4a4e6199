//! `[server]`, `[origins]`, `[store]`, `[plain]` and `[log]`: where Charla stands, who may connect, what goes over the socket.

use charla_doctor::django::{FieldRole, Purpose, Sends, Survey};

use super::paper::{Paper, State, list, quoted};
use super::tenancy::Tenancy;
use crate::words::import_django as say;

/// uvicorn's port in the guide, and Charla's beside it where nothing says.
pub(super) const PORT: u16 = 9001;

/// The port that Charla listens on, beside the application's.
pub(super) fn port(survey: &Survey) -> u16 {
    let theirs = survey.launch.as_ref().map_or(PORT, |launch| launch.port);
    theirs.checked_add(1).unwrap_or(PORT)
}

pub(super) fn server(paper: &mut Paper<'_>, survey: &Survey, tenancy: &Tenancy) {
    let lang = paper.lang;
    paper.section("server");
    let own = port(survey);
    match &survey.launch {
        Some(launch) if launch.written => {
            let at = paper.place(&launch.at);
            paper.note(&say::listen_beside(lang, &launch.server, launch.port, &at));
            paper.row(
                say::row_launch(lang),
                State::Found,
                format!("{} :{} ({at})", launch.server, launch.port),
            );
        }
        Some(launch) => {
            let at = paper.place(&launch.at);
            paper.ask(&say::listen_default(lang, &launch.server, launch.port, &at));
            paper.row(
                say::row_launch(lang),
                State::Open,
                format!("{} ({at})", launch.server),
            );
        }
        None => {
            paper.ask(&say::listen_unknown(lang, PORT));
            paper.row(say::row_launch(lang), State::Open, say::nothing_found(lang));
        }
    }
    paper.set("listen", &quoted(&format!("127.0.0.1:{own}")));
    match public_host(survey) {
        Some(host) => {
            let at = paper.place(survey.settings.at("ALLOWED_HOSTS").unwrap_or_default());
            paper.note(&say::public_url(lang, &at));
            paper.set("public_url", &quoted(&format!("https://{host}")));
        }
        None => {
            paper.ask(&say::public_url_unknown(lang));
            paper.idle("public_url", "\"https://chat.example.org\"");
        }
    }
    paper.note(&say::proxies(lang));
    paper.set("trusted_proxies", "[\"127.0.0.1/32\", \"::1/128\"]");
    tenancy.server(paper);
}

/// The name that people reach the site by, as far as `ALLOWED_HOSTS` says.
pub(super) fn public_host(survey: &Survey) -> Option<String> {
    let hosts = survey.settings.texts("ALLOWED_HOSTS")?;
    hosts.into_iter().find(|host| {
        host.contains('.')
            && !host.starts_with(['.', '*'])
            && !host.contains(['/', ':', ' '])
            && host.parse::<std::net::IpAddr>().is_err()
    })
}

pub(super) fn origins(paper: &mut Paper<'_>, survey: &Survey) {
    let lang = paper.lang;
    let settings = &survey.settings;
    let seen = settings.seen();
    paper.section("origins");
    let own = public_host(survey).map(|host| format!("https://{host}"));
    let mut allow: Vec<String> = Vec::new();
    let mut places = Vec::new();
    for name in [
        "CORS_ALLOWED_ORIGINS",
        "CORS_ORIGIN_WHITELIST",
        "CSRF_TRUSTED_ORIGINS",
    ] {
        let Some(at) = settings.at(name).map(|at| paper.place(at)) else {
            continue;
        };
        let Some(origins) = settings.texts(name) else {
            paper.ask(&say::origins_unknown(lang, name, &at));
            continue;
        };
        places.push(format!("{name} {at}"));
        for origin in origins {
            if origin.contains('*') || !origin.contains("://") {
                paper.ask(&say::origin_pattern(lang, &origin, &at));
            } else if Some(&origin) != own.as_ref() && !allow.contains(&origin) {
                allow.push(origin.trim_end_matches('/').to_owned());
            }
        }
    }
    if let Some(validator) = &seen.origin_validator {
        hosts(paper, survey, &mut allow);
        paper.note(&say::origins_checked(lang, validator));
    } else if survey.asks.session.is_some() {
        paper.note(&say::origins_for_cookies(lang));
    } else {
        paper.ask(&say::origins_unchecked(lang));
    }
    if !places.is_empty() {
        paper.note(&say::origins_from(lang, places.join(", ")));
    }
    paper.row(say::row_origins(lang), State::Found, allow.join(" "));
    paper.set("allow", &list(&allow));
    if seen.origin_validator.is_some() {
        paper.note(&say::origin_missing(lang));
        paper.set("allow_missing", "false");
    }
}

/// What `AllowedHostsOriginValidator` lets in: pages of these hosts.
fn hosts(paper: &mut Paper<'_>, survey: &Survey, allow: &mut Vec<String>) {
    let lang = paper.lang;
    let own = public_host(survey);
    let Some(hosts) = survey.settings.texts("ALLOWED_HOSTS") else {
        let at = paper.place(survey.settings.at("ALLOWED_HOSTS").unwrap_or_default());
        paper.ask(&say::origins_unknown(lang, "ALLOWED_HOSTS", &at));
        return;
    };
    for host in hosts {
        if host.contains('*') || host.starts_with('.') {
            let at = paper.place(survey.settings.at("ALLOWED_HOSTS").unwrap_or_default());
            paper.ask(&say::origin_pattern(lang, &host, &at));
        } else if Some(&host) != own.as_ref() {
            for scheme in ["https", "http"] {
                let local = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok();
                let origin = format!("{scheme}://{host}");
                if (scheme == "https" || local) && !allow.contains(&origin) {
                    allow.push(origin);
                }
            }
        }
    }
}

pub(super) fn store(paper: &mut Paper<'_>, survey: &Survey) {
    let lang = paper.lang;
    paper.section("store");
    paper.note(&say::store_sqlite(lang));
    paper.set("path", "\"/var/lib/charla\"");
    let postgres = survey
        .settings
        .database()
        .filter(charla_doctor::django::Database::is_postgres);
    if let Some(database) = postgres {
        let host = if database.host.is_empty() || database.host.starts_with('/') {
            "127.0.0.1"
        } else {
            &database.host
        };
        paper.note(&say::store_postgres(lang));
        paper.idle("url", &quoted(&format!("postgres://charla@{host}/charla")));
        paper.idle("password_file", "\"/etc/charla/db-password\"");
    }
}

pub(super) fn plain(paper: &mut Paper<'_>, survey: &Survey) {
    let lang = paper.lang;
    paper.section("plain");
    let said = survey.said();
    let text = said.iter().find(|part| part.role == FieldRole::Text);
    let message = survey
        .events
        .iter()
        .find(|event| event.purpose == Purpose::Message);
    // What the page gets may be called otherwise than what the event has.
    let heard = |role: FieldRole| {
        let event = message?;
        let key = event.fields.iter().find(|part| part.role == role)?.key.clone();
        match &event.sends {
            Sends::Fields(fields) => fields
                .iter()
                .find(|(_, from)| from.as_ref() == Some(&key))
                .map(|(out, _)| out.clone()),
            Sends::Key(outer) => key.strip_prefix(&format!("{outer}.")).map(str::to_owned),
            Sends::Whole | Sends::Unclear => Some(key),
        }
    };
    let (heard_text, author) = (heard(FieldRole::Text), heard(FieldRole::Author));
    let read_at = survey
        .consumers
        .iter()
        .flat_map(|consumer| &consumer.reads)
        .next();
    let Some(text) = text.map(|part| part.key.clone()).or_else(|| heard_text.clone()) else {
        paper.ask(&say::plain_unknown(lang));
        paper.set("dialect", "\"channels-es\"");
        paper.row(say::row_plain(lang), State::Open, say::nothing_found(lang));
        return;
    };
    if let Some((_, at)) = read_at {
        let at = paper.place(at);
        let keys: Vec<&str> = said.iter().map(|part| part.key.as_str()).collect();
        paper.note(&say::plain_read(lang, keys.join(", "), at));
    }
    let spanish = text == "texto" && author.as_deref().is_none_or(|author| author == "autor");
    paper.set("dialect", if spanish { "\"channels-es\"" } else { "\"plain\"" });
    if !spanish {
        if text != "text" {
            paper.set("text_field", &quoted(&text));
        }
        match &author {
            Some(author) if author != "author" => paper.set("author_field", &quoted(author)),
            Some(_) => {}
            None => {
                paper.ask(&say::author_unknown(lang));
                paper.idle("author_field", "\"author\"");
            }
        }
    }
    if let Some(heard) = heard_text.filter(|heard| *heard != text) {
        paper.ask(&say::plain_two_names(lang, &text, heard));
    }
    let detail = format!("{text}, {}", author.as_deref().unwrap_or("?"));
    paper.row(say::row_plain(lang), State::Found, detail);
}

pub(super) fn log(paper: &mut Paper<'_>) {
    paper.section("log");
    paper.set("format", "\"json\"");
}
