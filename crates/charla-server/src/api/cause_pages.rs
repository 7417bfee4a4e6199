//! `/docs/causes/`: what a problem document's `type` leads to: a page a cause, out of the one table, in the
//! reader's language.

use std::fmt::{self, Write as _};

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use charla_wire::cause::{Group, Side};
use charla_wire::{Cause, Lang, Retry};
use http::{HeaderMap, HeaderValue, header};

use super::Api;
use super::asked::{At, With};
use super::causes::InLanguage;
use super::pages::guard;
use super::problem::Problem;

/// The pages; with and without the slash at the end.
pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/docs/causes", get(list))
        .route("/docs/causes/", get(list))
        .route("/docs/causes/{id}", get(page))
}

/// The pages' own words.
struct Labels {
    all: &'static str,
    intro: &'static str,
    fix: &'static str,
    check: &'static str,
    code: &'static str,
    status: &'static str,
    client: &'static str,
    to_chat: &'static str,
    interface: &'static str,
    other: &'static str,
}

const fn labels(lang: Lang) -> Labels {
    match lang {
        Lang::En => Labels {
            all: "All causes",
            intro: "Every reason why a connection was refused, cut or never made, with what to do about it.",
            fix: "What to do",
            check: "How to see that it worked",
            code: "close code",
            status: "HTTP status",
            client: "the client then",
            to_chat: "To the chat",
            interface: "REST interface",
            other: "Español",
        },
        Lang::Es => Labels {
            all: "Todas las causas",
            intro: "Todas las razones por las que una conexión se rechaza, se corta o no llega a abrirse, y qué hacer.",
            fix: "Qué hacer",
            check: "Cómo comprobar que funcionó",
            code: "código de cierre",
            status: "estado HTTP",
            client: "el cliente entonces",
            to_chat: "Ir al chat",
            interface: "Interfaz REST",
            other: "English",
        },
    }
}

async fn list(With(asked): With<InLanguage>, headers: HeaderMap) -> Response {
    let lang = asked.or(&headers);
    let labels = labels(lang);
    let mut body = format!(
        "<h1>{}</h1>\n<p class=\"lead\">{}</p>\n",
        labels.all, labels.intro
    );
    let mut group = None;
    for cause in Cause::ALL {
        if group != Some(cause.group()) {
            if group.is_some() {
                body.push_str("</ul>\n");
            }
            group = Some(cause.group());
            write(
                &mut body,
                format_args!(
                    "<h2>{}</h2>\n<ul class=\"causes\">\n",
                    chapter(cause.group(), lang)
                ),
            );
        }
        let row = format_args!(
            "<li><a href=\"/docs/causes/{id}?lang={lang}\"><code>{id}</code> <span>{title}</span></a></li>\n",
            id = cause.id(),
            lang = lang.tag(),
            title = Escaped(cause.words(lang).title)
        );
        write(&mut body, row);
    }
    body.push_str("</ul>\n");
    html(lang, labels.all, "/docs/causes/", &body)
}

async fn page(
    At(id): At<String>,
    With(asked): With<InLanguage>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let cause = Cause::from_id(&id).ok_or_else(|| Problem::not_found("there is no such cause"))?;
    let lang = asked.or(&headers);
    let (labels, words) = (labels(lang), cause.words(lang));
    let mut body = format!(
        "<p class=\"id\"><code>{}</code></p>\n<h1>{}</h1>\n<p class=\"lead\">{}</p>\n<dl>\n",
        cause.id(),
        Escaped(words.title),
        WithCode(words.explain)
    );
    // What the server itself never answers has neither.
    let status = (cause.side() == Side::Server).then(|| cause.http_status());
    let facts = [
        (labels.code, cause.own_close_code().map(|code| code.to_string())),
        (labels.status, status.map(|status| status.to_string())),
        (labels.client, Some(advice(cause, lang).to_owned())),
    ];
    for (label, fact) in facts {
        let Some(fact) = fact else { continue };
        let row = format_args!("<div><dt>{label}</dt><dd>{}</dd></div>\n", Escaped(&fact));
        write(&mut body, row);
    }
    write(&mut body, format_args!("</dl>\n<h2>{}</h2>\n", labels.fix));
    for snippet in words.fix {
        write(
            &mut body,
            format_args!(
                "<pre tabindex=\"0\"><code>{}</code></pre>\n",
                Escaped(snippet.trim())
            ),
        );
    }
    let check = format_args!(
        "<h2>{}</h2>\n<p>{}</p>\n<p class=\"back\"><a href=\"/docs/causes/?lang={}\">{}</a></p>\n",
        labels.check,
        WithCode(words.check),
        lang.tag(),
        labels.all
    );
    write(&mut body, check);
    Ok(html(
        lang,
        words.title,
        &format!("/docs/causes/{}", cause.id()),
        &body,
    ))
}

/// What a client does next, in words.
const fn advice(cause: Cause, lang: Lang) -> &'static str {
    match (cause.retry(), lang) {
        (Retry::Refresh, Lang::En) => "gets a new token and connects again",
        (Retry::Refresh, Lang::Es) => "obtiene un token nuevo y se reconecta",
        (Retry::Backoff, Lang::En) => "connects again, waiting longer each time, within a limit",
        (Retry::Backoff, Lang::Es) => "se reconecta esperando cada vez más, con un límite",
        (Retry::Wait, Lang::En) => "waits as long as it is told, then connects again",
        (Retry::Wait, Lang::Es) => "espera lo que se le indica y se reconecta",
        (Retry::Stop, Lang::En) => "stops: trying again cannot help",
        (Retry::Stop, Lang::Es) => "se detiene: reintentar no ayuda",
        (Retry::Resume, Lang::En) => "connects again at once and resumes",
        (Retry::Resume, Lang::Es) => "se reconecta enseguida y retoma",
    }
}

/// A group's name for people.
const fn chapter(group: Group, lang: Lang) -> &'static str {
    let (en, es) = match group {
        Group::Lifecycle => ("A connection's life", "La vida de una conexión"),
        Group::Token => ("Tokens and their users", "Los tokens y sus usuarios"),
        Group::Permission => ("Permission", "Permisos"),
        Group::Lookup => ("What is not there", "Lo que no existe"),
        Group::Request => ("Wrong requests", "Peticiones erróneas"),
        Group::Limit => ("Limits", "Límites"),
        Group::Rest => ("REST interface", "Interfaz REST"),
        Group::Redis => ("Redis", "Redis"),
        Group::ChannelLayer => ("Django's channel layer", "La capa de canales de Django"),
        Group::Server => ("The server and its machine", "El servidor y su máquina"),
        Group::Path => ("Proxies and balancers", "Proxies y balanceadores"),
        Group::Tls => ("TLS, names and addresses", "TLS, nombres y direcciones"),
        Group::Page => ("The page and its browser", "La página y su navegador"),
        Group::Client => ("The client", "El cliente"),
    };
    match lang {
        Lang::En => en,
        Lang::Es => es,
    }
}

fn html(lang: Lang, title: &str, path: &str, body: &str) -> Response {
    let labels = labels(lang);
    let other = match lang {
        Lang::En => Lang::Es,
        Lang::Es => Lang::En,
    };
    let page = format!(
        "<!doctype html>\n<html lang=\"{tag}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title} · Charla</title>\n\
         <link rel=\"icon\" href=\"/assets/web/page/icon.svg\" type=\"image/svg+xml\">\n\
         <link rel=\"stylesheet\" href=\"/assets/web/page/style/base.css\">\n\
         <link rel=\"stylesheet\" href=\"/assets/web/docs/docs.css\">\n</head>\n<body>\n\
         <header class=\"top\"><a class=\"home\" href=\"/\">Charla</a>\
         <nav><a href=\"/docs/causes/?lang={tag}\">{all}</a> <a href=\"/api/v1/docs\">{interface}</a> \
         <a href=\"/\">{to_chat}</a> \
         <a href=\"{path}?lang={other_tag}\" hreflang=\"{other_tag}\" lang=\"{other_tag}\">{other}</a></nav></header>\n\
         <main>\n{body}</main>\n</body>\n</html>\n",
        tag = lang.tag(),
        title = Escaped(title),
        all = labels.all,
        interface = labels.interface,
        to_chat = labels.to_chat,
        other = labels.other,
        other_tag = other.tag(),
    );
    let mut response = page.into_response();
    let headers = response.headers_mut();
    let fixed = HeaderValue::from_static;
    headers.insert(header::CONTENT_TYPE, fixed("text/html; charset=utf-8"));
    headers.insert(header::CONTENT_LANGUAGE, fixed(lang.tag()));
    headers.append(header::VARY, fixed("accept-language"));
    guard(headers);
    response
}

fn write(page: &mut String, part: fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = page.write_fmt(part);
}

/// Text that means itself in HTML.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for letter in self.0.chars() {
            match letter {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                letter => f.write_char(letter)?,
            }
        }
        Ok(())
    }
}

/// Text whose `commands` stand between back quotes.
struct WithCode<'a>(&'a str);

impl fmt::Display for WithCode<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, part) in self.0.split('`').enumerate() {
            if place % 2 == 1 {
                write!(f, "<code>{}</code>", Escaped(part))?;
            } else {
                write!(f, "{}", Escaped(part))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        assert_eq!(
            Escaped("<a href=\"x\">'&'</a>").to_string(),
            "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;"
        );
        assert_eq!(
            WithCode("run `a<b` now").to_string(),
            "run <code>a&lt;b</code> now"
        );
    }
}
