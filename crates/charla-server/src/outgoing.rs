//! HTTP that the server itself asks of others: key sets, the authority, webhooks, the collector.

use std::error::Error;
use std::fmt::Write as _;

use hyper::body::Body;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::ClientConfig;

/// A client of HTTP/1.1, in the clear or over TLS as each address says; connections that are open serve again.
pub(crate) type HttpClient<B> = Client<HttpsConnector<HttpConnector>, B>;

/// One that believes the authorities that browsers believe.
pub(crate) fn client<B>() -> HttpClient<B>
where
    B: Body + Send,
    B::Data: Send,
{
    let tls = HttpsConnectorBuilder::new().with_webpki_roots();
    Client::builder(TokioExecutor::new()).build(tls.https_or_http().enable_http1().build())
}

/// One that believes whom `tls` believes.
pub(crate) fn client_with<B>(tls: ClientConfig) -> HttpClient<B>
where
    B: Body + Send,
    B::Data: Send,
{
    let tls = HttpsConnectorBuilder::new().with_tls_config(tls);
    Client::builder(TokioExecutor::new()).build(tls.https_or_http().enable_http1().build())
}

/// An error with what is below it: a client's own words are that it could not connect, and no more.
pub(crate) fn told(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        // Writing to text does not fail.
        let _ = write!(text, ": {inner}");
        cause = inner.source();
    }
    text
}
