//! A bucket that speaks S3, by path-style addresses: clients put and fetch there themselves, by addresses that are signed here.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use charla_wire::attachment::media_type;
use charla_wire::{Attachment, Timestamp};
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use tokio::time::timeout;

use super::signature_v4::{Asked, Signer, encoded};
use super::{Away, disposition, parts_of};
use crate::outgoing::{self, HttpClient};
use crate::settings::S3Settings;
use crate::store::attachments::AttachmentKey;

/// From a request of our own to the end of its answer; its address holds no longer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Bytes of an answer that are read and thrown away, so that its connection can serve again.
const ANSWER_MAX: usize = 64 * 1024;

/// Where files lie.
pub(crate) struct Bucket {
    /// Scheme, host and port.
    endpoint: String,
    /// As in the `Host` line.
    host: String,
    name: String,
    signer: Signer,
    client: HttpClient<Full<Bytes>>,
}

/// What a bucket has of a file.
pub(super) struct Found {
    pub(super) bytes: u64,
    pub(super) media_type: Option<String>,
}

impl Bucket {
    /// The bucket of the settings, which say all of it.
    ///
    /// # Errors
    /// What is missing.
    pub(super) fn open(settings: &S3Settings) -> Result<Self, &'static str> {
        let endpoint = settings.endpoint.clone().ok_or("no endpoint")?;
        let (_, host) = endpoint.split_once("://").ok_or("the endpoint has no scheme")?;
        // As clients write it: without the port that the scheme means anyway.
        let host = match endpoint.split_once("://") {
            Some(("https", host)) => host.strip_suffix(":443").unwrap_or(host),
            Some(("http", host)) => host.strip_suffix(":80").unwrap_or(host),
            Some(_) | None => host,
        };
        Ok(Self {
            host: host.to_owned(),
            name: settings.bucket.clone().ok_or("no bucket")?,
            signer: Signer {
                access_key_id: settings.access_key_id.clone().ok_or("no access_key_id")?,
                secret: settings.secret.clone().ok_or("no secret")?,
                region: settings.region.clone(),
            },
            client: outgoing::client(),
            endpoint,
        })
    }

    fn address(
        &self,
        method: &str,
        key: &AttachmentKey,
        (query, headers): (&[(&str, &str)], &BTreeMap<&'static str, String>),
        (at, within): (Timestamp, Duration),
    ) -> Result<String, Away> {
        let (tenant, name) = parts_of(key);
        let path = format!("/{}/{}/{name}", encoded(&self.name), encoded(tenant.as_str()));
        let asked = Asked {
            method,
            host: &self.host,
            path: &path,
            query,
            headers,
        };
        let query = self.signer.query(&asked, at, within);
        let query = query.ok_or_else(|| Away("nothing can be signed at this time of day".into()))?;
        Ok(format!("{}{path}?{query}", self.endpoint))
    }

    /// Where a file may be put, and the lines that the request has to carry: its type and its length are signed, and it goes
    /// over nothing that is there (where the bucket heeds `If-None-Match`).
    pub(super) fn put_address(
        &self,
        key: &AttachmentKey,
        file: &Attachment,
        at: Timestamp,
        within: Duration,
    ) -> Result<(String, BTreeMap<&'static str, String>), Away> {
        let mut headers = BTreeMap::from([
            ("content-type", file.media_type.to_string()),
            ("if-none-match", "*".to_owned()),
            ("content-length", file.bytes.to_string()),
        ]);
        let url = self.address("PUT", key, (&[], &headers), (at, within))?;
        // Every HTTP client writes this line by itself, and browsers let nobody else write it.
        headers.remove("content-length");
        Ok((url, headers))
    }

    /// Where a file can be fetched.
    pub(super) fn get_address(
        &self,
        key: &AttachmentKey,
        file: &Attachment,
        at: Timestamp,
        within: Duration,
    ) -> Result<String, Away> {
        let (how, kind) = (disposition(file), file.media_type.to_string());
        let query = [
            ("response-content-disposition", &*how),
            ("response-content-type", &*kind),
        ];
        self.address("GET", key, (&query, &BTreeMap::new()), (at, within))
    }

    /// What is there of a file.
    ///
    /// # Errors
    /// When the bucket does not say.
    pub(super) async fn look(&self, key: &AttachmentKey, at: Timestamp) -> Result<Option<Found>, Away> {
        let answer = self.ask("HEAD", key, at).await?;
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Ok(None),
            status => return Err(Away(format!("attachments.s3 answered {status} to HEAD"))),
        }
        let line = |name| answer.headers().get(name).and_then(|value| value.to_str().ok());
        let bytes = line(header::CONTENT_LENGTH).and_then(|length| length.parse().ok());
        Ok(Some(Found {
            bytes: bytes.ok_or_else(|| Away("attachments.s3 does not say how long a file is".into()))?,
            media_type: line(header::CONTENT_TYPE).and_then(media_type),
        }))
    }

    /// Deletes a file, if it is there.
    ///
    /// # Errors
    /// When the bucket does not say that it did.
    pub(super) async fn delete(&self, key: &AttachmentKey, at: Timestamp) -> Result<(), Away> {
        let status = self.ask("DELETE", key, at).await?.status();
        if status.is_success() || status == StatusCode::NOT_FOUND {
            return Ok(());
        }
        Err(Away(format!("attachments.s3 answered {status} to DELETE")))
    }

    async fn ask(&self, method: &str, key: &AttachmentKey, at: Timestamp) -> Result<Response<()>, Away> {
        let url = self.address(method, key, (&[], &BTreeMap::new()), (at, ANSWER_WITHIN))?;
        let request = Request::builder()
            .method(method)
            .uri(url)
            .header(header::USER_AGENT, concat!("charla/", env!("CARGO_PKG_VERSION")))
            .body(Full::default())
            .map_err(|error| Away(error.to_string()))?;
        let asking = async {
            let answer: Response<Incoming> = self
                .client
                .request(request)
                .await
                .map_err(|error| Away(format!("attachments.s3: {}", outgoing::told(&error))))?;
            let (head, body) = answer.into_parts();
            // The head is the answer, whatever becomes of the rest.
            let _ = Limited::new(body, ANSWER_MAX).collect().await;
            Ok(Response::from_parts(head, ()))
        };
        let late = |_| Away("attachments.s3: no answer in time".into());
        timeout(ANSWER_WITHIN, asking).await.map_err(late)?
    }
}
