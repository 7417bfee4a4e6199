//! Where tokens come from: a function of the application's, asked at most once a cycle and before a token runs out.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt as _, ready};

use crate::closes::CauseName;

/// Why a token is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRequest {
    /// The cause for which the server refused the last one.
    pub refused: Option<CauseName>,
    /// The last one is about to run out: the new one goes in over the living connection.
    pub expiring: bool,
}

/// Why there is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct TokenError {
    /// There will be no other: somebody must sign in again.
    pub stop: bool,
    /// A cause of the table, where one fits better than `token_unavailable`.
    pub cause: Option<CauseName>,
    /// Short English words.
    pub detail: String,
}

impl TokenError {
    /// Signed out: the client stops.
    #[must_use]
    pub fn stop(detail: impl Into<String>) -> Self {
        Self {
            stop: true,
            cause: None,
            detail: detail.into(),
        }
    }

    /// It could not be got just now: the client backs off, within its budget.
    #[must_use]
    pub fn later(detail: impl Into<String>) -> Self {
        Self {
            stop: false,
            ..Self::stop(detail)
        }
    }
}

type Ask = dyn Fn(TokenRequest) -> BoxFuture<'static, Result<String, TokenError>> + Send + Sync;

/// Brings tokens.
#[derive(Clone)]
pub(crate) enum TokenSource {
    /// The server asks for none, or takes the address's own.
    None,
    Ask(Arc<Ask>),
}

impl TokenSource {
    pub(crate) fn of<F, R>(ask: F) -> Self
    where
        F: Fn(TokenRequest) -> R + Send + Sync + 'static,
        R: Future<Output = Result<String, TokenError>> + Send + 'static,
    {
        Self::Ask(Arc::new(move |why| ask(why).boxed()))
    }

    /// The same one whenever asked; once refused there is no other.
    pub(crate) fn fixed(token: String) -> Self {
        Self::of(move |why: TokenRequest| {
            ready(match (why.refused, why.expiring) {
                (None, false) => Ok(token.clone()),
                _ => Err(TokenError::stop("there is no other token")),
            })
        })
    }

    pub(crate) fn ask(&self, why: TokenRequest) -> BoxFuture<'static, Result<Option<String>, TokenError>> {
        match self {
            Self::None => ready(Ok(None)).boxed(),
            Self::Ask(ask) => {
                let ask = Arc::clone(ask);
                // A panic of the application's must not leave a client behind that says it goes on and does not.
                let asked = AssertUnwindSafe(async move { ask(why).await }).catch_unwind();
                let panicked = |_| Err(TokenError::later("the application's token function panicked"));
                asked
                    .map(move |token| token.unwrap_or_else(panicked).map(Some))
                    .boxed()
            }
        }
    }
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "TokenSource::None",
            Self::Ask(_) => "TokenSource::Ask",
        })
    }
}
