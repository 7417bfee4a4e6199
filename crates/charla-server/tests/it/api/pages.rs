//! The pages: served whole, guarded, and nothing else served beside them.

use charla_wire::{Cause, Lang};

use super::{Asker, assert_problem};
use crate::serving::Serving;

const POLICY: &str = "default-src 'self'; connect-src 'self'; img-src 'self' data:; style-src 'self'; \
                      script-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'";

#[tokio::test]
async fn a_page_and_its_parts_are_served_guarded() {
    let serving = Serving::start().await;
    let nobody = Asker::nobody(&serving);
    let rows = [
        ("/", "text/html; charset=utf-8"),
        ("/assets/web/page/main.js", "text/javascript; charset=utf-8"),
        ("/assets/web/page/style/base.css", "text/css; charset=utf-8"),
        ("/assets/web/page/icon.svg", "image/svg+xml"),
        ("/api/v1/docs", "text/html; charset=utf-8"),
        ("/console/doctor", "text/html; charset=utf-8"),
        ("/console/loops", "text/html; charset=utf-8"),
        ("/console/tenants", "text/html; charset=utf-8"),
        ("/console/webhooks", "text/html; charset=utf-8"),
        ("/console/nodes", "text/html; charset=utf-8"),
        ("/assets/web/console/main.js", "text/javascript; charset=utf-8"),
        ("/assets/web/api/main.js", "text/javascript; charset=utf-8"),
        ("/assets/web/docs/docs.css", "text/css; charset=utf-8"),
        ("/assets/charla/index.js", "text/javascript; charset=utf-8"),
    ];
    for (path, kind) in rows {
        let reply = nobody.get(path).await;
        assert_eq!(reply.status, 200, "{path}");
        let line = |name| reply.header(name).map(str::to_owned);
        assert_eq!(line("content-type").as_deref(), Some(kind), "{path}");
        assert_eq!(line("content-security-policy").as_deref(), Some(POLICY), "{path}");
        assert_eq!(line("x-content-type-options").as_deref(), Some("nosniff"));
        assert_eq!(line("referrer-policy").as_deref(), Some("no-referrer"));
        let tag = line("etag").unwrap();
        let again = nobody
            .ask("GET", path, &[&format!("If-None-Match: {tag}")], b"")
            .await;
        assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
        assert_eq!(again.header("etag"), Some(&*tag));
    }
}

#[tokio::test]
async fn what_is_no_part_of_a_page_is_not_there() {
    let serving = Serving::start().await;
    let nobody = Asker::nobody(&serving);
    for path in [
        "/assets/charla/../README.md",
        "/assets/charla/%2e%2e/README.md",
        "/assets/charla/..%2f..%2fCargo.toml",
        "/assets/web/../Cargo.toml",
        "/assets/web/",
        "/assets/web/no-such.js",
        "/assets/web/page/.hidden.js",
        "/assets/charla//index.js",
    ] {
        assert_problem(&nobody.get(path).await, 404, "not_found");
    }
}

#[tokio::test]
async fn no_page_needs_what_its_policy_forbids() {
    let serving = Serving::start().await;
    let nobody = Asker::nobody(&serving);
    for path in [
        "/",
        "/api/v1/docs",
        "/console/doctor",
        "/docs/causes/",
        "/docs/causes/token_expired",
    ] {
        let reply = nobody.get(path).await;
        assert_eq!(reply.header("content-security-policy"), Some(POLICY), "{path}");
        let page = String::from_utf8(reply.body).unwrap();
        for script in page.split("<script").skip(1) {
            let (open, rest) = script.split_once('>').unwrap();
            assert!(open.contains("src=\"/assets/"), "{path}: {open}");
            assert!(rest.starts_with("</script>"), "{path}");
        }
        for forbidden in [
            "<style",
            " style=",
            " onclick=",
            "javascript:",
            "http://",
            "https://",
        ] {
            // A cause's own words may show addresses, as text.
            let markup: String = page
                .split("<pre")
                .map(|part| part.split_once("</pre>").map_or(part, |(_, rest)| rest))
                .collect();
            assert!(!markup.contains(forbidden), "{path}: {forbidden}");
        }
        // Whatever a page names of ours is there.
        for name in page.split(['"']).filter(|text| text.starts_with("/assets/")) {
            assert_eq!(nobody.get(name).await.status, 200, "{path}: {name}");
        }
    }
}

#[tokio::test]
async fn every_cause_has_a_page_in_both_languages() {
    let serving = Serving::start().await;
    let nobody = Asker::nobody(&serving);
    let list = String::from_utf8(nobody.get("/docs/causes").await.body).unwrap();
    for cause in Cause::ALL {
        assert!(
            list.contains(&format!("/docs/causes/{}?lang=en", cause.id())),
            "{cause}"
        );
    }
    for lang in Lang::ALL {
        let path = format!("/docs/causes/edit_forbidden?lang={}", lang.tag());
        let reply = nobody.get(&path).await;
        assert_eq!(reply.header("content-language"), Some(lang.tag()));
        let page = String::from_utf8(reply.body).unwrap();
        assert!(page.contains(&format!("<html lang=\"{}\">", lang.tag())));
        assert!(page.contains(Cause::EditForbidden.words(*lang).title), "{page}");
    }
    let wished = nobody
        .ask("GET", "/docs/causes/token_expired", &["Accept-Language: es"], b"")
        .await;
    assert_eq!(wished.header("content-language"), Some("es"));
    assert_problem(&nobody.get("/docs/causes/none").await, 404, "not_found");
}
