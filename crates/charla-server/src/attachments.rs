//! Files of messages. Their bytes never pass through a WebSocket: a client asks where it may put a file ([`announce`]), puts it
//! there over HTTP, and then sends a message that names it ([`gather`]). Whoever may read the chat is told where to fetch it
//! ([`locate`]).
//!
//! Who may is decided here and by the store; [`Place`] knows only how bytes get where, by a key that no client has a word in.

use std::collections::BTreeMap;
use std::time::Duration;

use charla_core::session::Refusal;
use charla_core::{CanEnter, Draft, RoomKey};
use charla_wire::attachment::{clean_name, media_type};
use charla_wire::{Attachment, Cause, TenantId, Timestamp};
use hmac::{Hmac, KeyInit as _};
use sha2::Sha256;
use tokio::sync::{Notify, Semaphore};
use tokio::time::timeout;
use uuid::Uuid;

use crate::join::unavailable;
use crate::node::{Node, millis};
use crate::settings::AttachmentSettings;
use crate::store::attachments::{Allowance, Announced, AttachmentKey, KeptFile};
use crate::store::{Store, StoreError};

mod address;
pub(crate) mod bucket;
pub(crate) mod directory;
mod signature_v4;
mod sweep;

pub(crate) use address::Signed;
use bucket::Bucket;
use directory::Directory;
pub(crate) use sweep::keep_attachments;

/// The value of the server's own that addresses are signed with.
const KEY: &str = "attachments";
/// Within this a bucket says what it has of all that one message names.
const LOOK_WITHIN: Duration = Duration::from_secs(10);
/// Uploads that this node takes at once.
const UPLOADS_MAX: usize = 64;
/// What an allowance counts in.
const DAY_MS: i64 = 24 * 3600 * 1000;

/// Where files are, of a server that takes them.
pub(crate) struct Attachments {
    pub(crate) place: Place,
    /// What this server's own addresses are signed with, the same on every node.
    key: Hmac<Sha256>,
    /// Places of those who upload to this node.
    pub(crate) uploads: Semaphore,
    /// Something was let go.
    wake: Notify,
}

/// Where bytes lie.
pub(crate) enum Place {
    /// With this server.
    Directory(Directory),
    /// Elsewhere.
    Bucket(Box<Bucket>),
}

/// The place of files does not answer, or refuses. The words are for the log.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Away(pub(crate) String);

/// Why a server that is to take files does not start.
#[derive(Debug, thiserror::Error)]
pub enum AttachmentSetupError {
    /// The directory.
    #[error("attachments.directory: {0}")]
    Directory(std::io::Error),
    /// The bucket.
    #[error("attachments.s3: {0}")]
    Bucket(&'static str),
    /// The key of the addresses.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Where a file may be put.
pub(crate) struct Upload {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) headers: BTreeMap<&'static str, String>,
    pub(crate) until: Timestamp,
}

impl Attachments {
    /// Opens the place that the settings name; `None` where they name none.
    ///
    /// # Errors
    /// When the place is of no use, or the store does not answer.
    pub(crate) async fn open(
        settings: &AttachmentSettings,
        store: &dyn Store,
    ) -> Result<Option<Self>, AttachmentSetupError> {
        let place = if let Some(path) = &settings.directory {
            Place::Directory(Directory::open(path).map_err(AttachmentSetupError::Directory)?)
        } else if settings.s3.endpoint.is_some() {
            let bucket = Bucket::open(&settings.s3).map_err(AttachmentSetupError::Bucket)?;
            Place::Bucket(Box::new(bucket))
        } else {
            return Ok(None);
        };
        let failed = |what: &str| StoreError::Internal(what.to_owned());
        let mut fresh = [0; 32];
        getrandom::fill(&mut fresh).map_err(|_| failed("the machine gives no random bytes"))?;
        let fresh: String = fresh.iter().map(|byte| format!("{byte:02x}")).collect();
        let key = store.keep(KEY, &fresh).await?;
        let key = Hmac::new_from_slice(key.as_bytes())
            .map_err(|_| failed("the key of the attachments is of no use"))?;
        Ok(Some(Self {
            place,
            key,
            uploads: Semaphore::new(UPLOADS_MAX),
            wake: Notify::new(),
        }))
    }

    /// There is something to delete.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Reads and judges an address of this server's own.
    pub(crate) fn judge(&self, method: &str, key: &AttachmentKey, query: &str, now: Timestamp) -> Signed {
        address::judge(&self.key, method, key, query, now)
    }
}

fn place_of(node: &Node) -> Result<&Attachments, Refusal> {
    node.attachments
        .as_ref()
        .ok_or_else(|| Refusal::new(Cause::AttachmentsOff, ""))
}

/// An address of this server: as the world names it, or as a path where the world has not been asked.
fn own_address(
    node: &Node,
    place: &Attachments,
    method: &str,
    key: &AttachmentKey,
    until: Timestamp,
) -> String {
    let path = address::signed(&place.key, method, key, until);
    match &node.settings.server.public_url {
        Some(origin) => format!("{origin}{path}"),
        None => path,
    }
}

fn after(now: Timestamp, time: Duration) -> Timestamp {
    now.plus_millis(i64::try_from(millis(time)).unwrap_or(i64::MAX))
}

/// Keeps a file that is about to be put somewhere, and says where.
///
/// # Errors
/// Why it may not be.
pub(crate) async fn announce(
    node: &Node,
    grant: &CanEnter,
    name: &str,
    kind: &str,
    bytes: u64,
) -> Result<Upload, Refusal> {
    let (place, settings) = (place_of(node)?, &node.settings.attachments);
    let kind = media_type(kind).filter(|kind| settings.types.take(kind));
    let kind =
        kind.ok_or_else(|| Refusal::new(Cause::AttachmentTypeRefused, "allowed: attachments.types"))?;
    if bytes > settings.max_bytes as u64 {
        let detail = format!("{bytes} bytes, {} are allowed", settings.max_bytes);
        return Err(Refusal::new(Cause::AttachmentTooLarge, detail));
    }
    let now = (node.clock)();
    let file = KeptFile {
        room: grant.room().clone(),
        user: grant.author().id.clone(),
        attachment: Attachment {
            id: Uuid::now_v7(),
            name: clean_name(name).into(),
            media_type: kind.as_str().into(),
            bytes,
        },
        created_at: now,
        uploaded: false,
        seq: None,
    };
    let allowance = (settings.bytes_per_day_per_user > 0).then(|| Allowance {
        since: now.plus_millis(-DAY_MS),
        bytes: settings.bytes_per_day_per_user as u64,
    });
    let announced = node.store.announce(file.clone(), allowance);
    match announced.await.map_err(unavailable)? {
        Announced::Done => {}
        Announced::NoChat => return Err(Refusal::new(Cause::ChatNotFound, "")),
        Announced::Spent(oldest) => return Err(spent(oldest, now)),
    }
    let until = after(now, settings.upload_within);
    let key = file.key();
    let (url, headers) = match &place.place {
        Place::Directory(_) => {
            let headers = BTreeMap::from([("content-type", kind)]);
            (own_address(node, place, "PUT", &key, until), headers)
        }
        Place::Bucket(bucket) => {
            let put = bucket.put_address(&key, &file.attachment, now, settings.upload_within);
            put.map_err(|away| storage_away(&away))?
        }
    };
    Ok(Upload {
        id: key.id,
        name: file.attachment.name.to_string(),
        url,
        headers,
        until,
    })
}

fn spent(oldest: Option<Timestamp>, now: Timestamp) -> Refusal {
    let free_at = oldest.unwrap_or(now).plus_millis(DAY_MS);
    let wait = u64::try_from(free_at.as_millis() - now.as_millis()).unwrap_or(0);
    Refusal {
        retry_in: Some(wait),
        ..Refusal::new(
            Cause::RateLimited,
            format!("retry in {wait} ms; attachments.bytes_per_day_per_user"),
        )
    }
}

pub(crate) fn storage_away(away: &Away) -> Refusal {
    tracing::warn!(error = %away, "the place of attachments is away");
    Refusal::new(Cause::AttachmentStorageUnavailable, "")
}

/// Puts the files that a message names into its draft. Whether they may be sent with it the store decides, in the message's own
/// transaction: a message that is repeated names files that were sent already, and is acknowledged all the same.
///
/// # Errors
/// When there are too many of them, or the store or the place does not answer.
pub(crate) async fn gather(node: &Node, draft: &mut Draft, ids: &[Uuid]) -> Result<(), Refusal> {
    let (place, most) = (place_of(node)?, node.settings.attachments.max_per_message);
    if ids.len() > most {
        let detail = format!("{} attachments, {most} are allowed", ids.len());
        return Err(Refusal::new(Cause::AttachmentTooLarge, detail));
    }
    let mut named = Vec::with_capacity(ids.len());
    for id in ids {
        named.push(one(node, &draft.room, *id).await?);
    }
    if let Place::Bucket(bucket) = &place.place {
        let looking = look(node, bucket, &named, &draft.author.id);
        let late = |_| storage_away(&Away("no answer in time".into()));
        timeout(LOOK_WITHIN, looking).await.map_err(late)??;
    }
    let files = named.into_iter().zip(ids).map(|(kept, id)| match kept {
        Some(kept) => kept.attachment,
        // Nobody has such a file here: the store finds that out, unless the message is an old one.
        None => Attachment {
            id: *id,
            name: "".into(),
            media_type: "".into(),
            bytes: 0,
        },
    });
    draft.attachments = files.collect();
    Ok(())
}

/// A file of this chat; one of another chat is none.
async fn one(node: &Node, room: &RoomKey, id: Uuid) -> Result<Option<KeptFile>, Refusal> {
    let tenant = room.tenant.clone();
    let found = node.store.attachment(&AttachmentKey { tenant, id }).await;
    Ok(found.map_err(unavailable)?.filter(|kept| kept.room == *room))
}

/// Asks the bucket for what is not known to be there yet.
async fn look(
    node: &Node,
    bucket: &Bucket,
    named: &[Option<KeptFile>],
    sender: &charla_wire::UserId,
) -> Result<(), Refusal> {
    let asked = named.iter().flatten();
    for kept in asked.filter(|kept| !kept.uploaded && kept.user == *sender) {
        let (key, said) = (kept.key(), &kept.attachment);
        let found = bucket.look(&key, (node.clock)()).await;
        let Some(found) = found.map_err(|away| storage_away(&away))? else {
            continue;
        };
        if found.bytes != said.bytes {
            let detail = format!(
                "{} bytes were put there, {} were announced",
                found.bytes, said.bytes
            );
            return Err(Refusal::new(Cause::AttachmentTooLarge, detail));
        }
        if found.media_type.as_deref() != Some(&*said.media_type) {
            let detail = format!("it was announced as {}", said.media_type);
            return Err(Refusal::new(Cause::AttachmentTypeRefused, detail));
        }
        node.store.uploaded(&key).await.map_err(unavailable)?;
    }
    Ok(())
}

/// Where a file can be fetched: one that stands in a message of the grant's chat, or the person's own that is not sent yet.
///
/// # Errors
/// `attachment_not_found` for every other one; when the store does not answer.
pub(crate) async fn locate(node: &Node, grant: &CanEnter, id: Uuid) -> Result<(String, Timestamp), Refusal> {
    let (place, settings) = (place_of(node)?, &node.settings.attachments);
    let kept = one(node, grant.room(), id).await?;
    let may = |kept: &KeptFile| kept.uploaded && (kept.seq.is_some() || kept.user == grant.author().id);
    let Some(kept) = kept.filter(may) else {
        return Err(Refusal::new(Cause::AttachmentNotFound, ""));
    };
    let now = (node.clock)();
    let until = after(now, settings.download_within);
    let url = match &place.place {
        Place::Directory(_) => own_address(node, place, "GET", &kept.key(), until),
        Place::Bucket(bucket) => bucket
            .get_address(&kept.key(), &kept.attachment, now, settings.download_within)
            .map_err(|away| storage_away(&away))?,
    };
    Ok((url, until))
}

/// Images that a browser shows and that can hold no script: all else is saved.
pub(crate) fn is_plain_image(media_type: &str) -> bool {
    matches!(
        media_type,
        "image/png" | "image/jpeg" | "image/gif" | "image/webp" | "image/avif"
    )
}

/// `Content-Disposition` (RFC 6266): the name twice, for those who read only ASCII and for all others.
pub(crate) fn disposition(attachment: &Attachment) -> String {
    let how = if is_plain_image(&attachment.media_type) {
        "inline"
    } else {
        "attachment"
    };
    let plain: String = attachment
        .name
        .chars()
        .map(|c| match c {
            '"' | '\\' | '%' => '_',
            ' '..='~' => c,
            _ => '_',
        })
        .collect();
    let encoded = signature_v4::encoded(&attachment.name);
    format!("{how}; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

/// Where a file's bytes lie, in words of the server's own: the tenant's id and the file's.
fn parts_of(key: &AttachmentKey) -> (&TenantId, String) {
    (&key.tenant, key.id.simple().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_images_are_shown_and_names_stay_within_their_quotes() {
        let attachment = |name: &str, media_type: &str| Attachment {
            id: Uuid::nil(),
            name: name.into(),
            media_type: media_type.into(),
            bytes: 1,
        };
        for (name, media_type, said) in [
            (
                "a b.png",
                "image/png",
                "inline; filename=\"a b.png\"; filename*=UTF-8''a%20b.png",
            ),
            (
                "año.svg",
                "image/svg+xml",
                "attachment; filename=\"a_o.svg\"; filename*=UTF-8''a%C3%B1o.svg",
            ),
            (
                "x\"; y\\.html",
                "text/html",
                "attachment; filename=\"x_; y_.html\"; filename*=UTF-8''x%22%3B%20y%5C.html",
            ),
        ] {
            assert_eq!(disposition(&attachment(name, media_type)), said);
        }
    }
}
