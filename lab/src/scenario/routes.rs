//! Addresses that no route of the application has.

use crate::scenario::token::Whole;
use crate::scenario::{Case, Family, prove_status};
use crate::stack::django::{Server, good, url};

pub(super) fn family() -> Family {
    let mut family = Family::new("routes");
    for kind in [Server::Uvicorn, Server::Daphne] {
        family.broken(
            format!("route-without-slash-{}", kind.name()),
            "the address lacks its last slash",
            &["route_not_found"],
            move |lab| {
                let whole = Whole::shared(lab, kind)?;
                let url = whole.app.good().replace("/5/?", "/5?");
                let proof = prove_status(&url, &[], 500)?;
                Ok(Case::url(&url, proof).keep(whole))
            },
        );
    }
    family.broken(
        "route-other-path-nginx",
        "an address that no route has, through nginx",
        &["route_not_found"],
        |lab| {
            let whole = Whole::shared(lab, Server::Uvicorn)?;
            let url = url(whole.front, &good()).replace("/ws/chat/", "/ws/soporte/");
            let proof = prove_status(&url, &[], 500)?;
            Ok(Case::url(&url, proof).keep(whole))
        },
    );
    family.broken(
        "route-chat-not-a-number",
        "the chat's id is a word",
        &["route_not_found"],
        |lab| {
            let whole = Whole::shared(lab, Server::Uvicorn)?;
            let url = whole.app.good().replace("/chat/5/", "/chat/abc/");
            let proof = prove_status(&url, &[], 500)?;
            Ok(Case::url(&url, proof).keep(whole))
        },
    );
    family
}
