//! The pages: served whole, guarded, and nothing else served beside them.

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
