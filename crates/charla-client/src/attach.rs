//! Files of messages: they go over HTTP to where the server says, and a send names them.
//!
//! The bytes never pass through the socket, and the token never goes where they go.

use bytes::Bytes;
use charla_wire::{ChatId, Retry};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::address::Address;
use crate::charla::Charla;
use crate::frame::Refusal;
use crate::http;

/// A file that is where the server wanted it; its id can be sent once, with [`Charla::send_entry`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    /// Its id.
    pub id: Uuid,
    /// What it is called: cleaned by the server.
    pub name: String,
}

/// Where a file can be fetched, by whoever has the address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// An absolute address.
    pub url: String,
    /// Until when it holds, RFC 3339.
    pub until: String,
}

impl Charla {
    /// Puts a file where the server says. The chat must be subscribed.
    ///
    /// # Errors
    /// [`Refusal`] of the server or of whoever keeps the file; `attachment_storage_unavailable` when that does not answer.
    pub async fn attach(
        &self,
        chat: &ChatId,
        name: &str,
        media_type: &str,
        bytes: impl Into<Bytes>,
    ) -> Result<Attached, Refusal> {
        let bytes = bytes.into();
        let fields = json!({"chat": chat, "name": name, "media_type": media_type, "bytes": bytes.len()});
        let upload = self.request("attach", fields).await?;
        let lines = upload.json().get("headers").and_then(Value::as_object);
        let lines: Vec<(String, String)> = lines
            .into_iter()
            .flatten()
            .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
            .collect();
        let (server, target) = self.place_of(upload.text_of("url")).ok_or_else(away)?;
        let answer = http::put(&self.way.1, &server, &target, &lines, bytes).await;
        let answer = answer.map_err(|error| Refusal {
            detail: error.to_string(),
            ..away()
        })?;
        if !(200..300).contains(&answer.status) {
            return Err(refused(&answer));
        }
        Ok(Attached {
            id: upload.id().ok_or_else(away)?,
            name: upload.text_of("name").to_owned(),
        })
    }

    /// Where a file of one of a chat's messages can be fetched.
    ///
    /// # Errors
    /// [`Refusal`], also when there is no connection at the moment.
    pub async fn locate(&self, chat: &ChatId, id: Uuid) -> Result<Located, Refusal> {
        let found = self.request("download", json!({"chat": chat, "id": id})).await?;
        let url = found.text_of("url");
        let url = match url.starts_with('/') {
            true => format!("{}{url}", self.way.0.origin()),
            false => url.to_owned(),
        };
        let until = found.text_of("until").to_owned();
        Ok(Located { url, until })
    }

    /// The server and the target of an address that the server gave: a path is one of its own.
    fn place_of(&self, url: &str) -> Option<(Address, String)> {
        if url.starts_with('/') {
            return Some((self.way.0.clone(), url.to_owned()));
        }
        let after_scheme = url.find("://")? + "://".len();
        let path = after_scheme + url.get(after_scheme..)?.find('/')?;
        let (origin, target) = url.split_at_checked(path)?;
        Some((Address::parse(origin).ok()?, target.to_owned()))
    }
}

fn away() -> Refusal {
    Refusal::of_ours("attachment_storage_unavailable", Retry::Backoff)
}

/// A bucket's own words are XML, and for its operator.
fn refused(answer: &http::Answer) -> Refusal {
    let detail = format!("status {}", answer.status);
    let Some(cause) = answer.text("cause") else {
        return match answer.status {
            500.. => Refusal { detail, ..away() },
            _ => Refusal {
                detail,
                ..Refusal::of_ours("attachment_not_found", Retry::Stop)
            },
        };
    };
    let retry = answer.text("retry").and_then(Retry::from_word);
    Refusal {
        detail: answer.text("detail").unwrap_or_default().to_owned(),
        ..Refusal::of_ours(cause, retry.unwrap_or(Retry::Stop))
    }
}
