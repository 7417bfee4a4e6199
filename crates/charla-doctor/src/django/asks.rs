//! What the middleware asks of a handshake: the token and the tenant in the address, claims, Django's session.

use super::group::place_of;
use super::meaning::Meaning;
use super::syntax::{ExprKind, StmtKind};
use super::tree::{Tree, each, text};

/// Names with where they are read.
pub type Read = (String, String);

/// What is asked.
#[derive(Clone, Debug, Default)]
pub struct Asks {
    /// Keys of the address's query with a token.
    pub tokens: Vec<Read>,
    /// Keys of the address's query with a tenant.
    pub tenants: Vec<Read>,
    /// Claims that are read.
    pub claims: Vec<Read>,
    /// The claim that the tenant is taken from.
    pub tenant_claim: Option<Read>,
    /// Where Django's session is a credential: `AuthMiddlewareStack` and the like.
    pub session: Option<Read>,
    /// Sub-protocols are looked at.
    pub protocols: Option<String>,
}

/// Reads all functions.
pub(super) fn read(tree: &Tree) -> Asks {
    let mut asks = Asks::default();
    for (class, function) in tree.functions() {
        let frame = tree.frame(class, function);
        each(&function.it.body, &mut |expr| {
            let at = || function.module.at(expr.line);
            if !matches!(expr.kind, ExprKind::Index(..) | ExprKind::Call(..)) {
                return;
            }
            match tree.meaning(&frame, expr) {
                Meaning::Query(key) => {
                    let lower = key.to_lowercase();
                    if ["token", "jwt", "access"].iter().any(|word| lower.contains(word)) {
                        add(&mut asks.tokens, key, at());
                    } else if place_of(&key) == Some("{tenant}") {
                        add(&mut asks.tenants, key, at());
                    }
                }
                Meaning::Claim(name) => add(&mut asks.claims, name, at()),
                Meaning::Other(text) if text == "scope.subprotocols" => {
                    asks.protocols.get_or_insert_with(at);
                }
                _ => {}
            }
        });
    }
    for (class, function) in tree.functions() {
        let frame = tree.frame(class, function);
        function.it.body.iter().for_each(|stmt| {
            stmt.walk(&mut |stmt| {
                if let StmtKind::Assign(targets, value) = &stmt.kind
                    && let Some(ExprKind::Index(_, key)) = targets.first().map(|target| &target.kind)
                    && text(key).and_then(place_of) == Some("{tenant}")
                    && let Meaning::Claim(claim) = tree.meaning(&frame, value)
                {
                    let at = function.module.at(stmt.line);
                    asks.tenant_claim.get_or_insert((claim, at));
                }
            });
        });
    }
    for module in &tree.modules {
        each(&module.body, &mut |expr| {
            if let ExprKind::Call(called, _) = &expr.kind
                && let Some(name @ ("AuthMiddlewareStack" | "SessionMiddlewareStack" | "AuthMiddleware")) =
                    called.last_name()
            {
                asks.session
                    .get_or_insert_with(|| (name.to_owned(), module.at(expr.line)));
            }
        });
    }
    asks
}

fn add(all: &mut Vec<Read>, name: String, at: String) {
    if !all.iter().any(|(known, _)| *known == name) {
        all.push((name, at));
    }
}
