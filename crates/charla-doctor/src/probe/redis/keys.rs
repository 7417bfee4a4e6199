//! What of a channel layer is in a Redis: groups and mailboxes of the core layer, channels of the pub/sub layer.
//!
//! `SCAN`, never `KEYS`; a bounded number of keys, in a bounded time. A large database is not looked at whole, which
//! [`RedisSeen::scanned_all`] says.

use std::collections::BTreeMap;

use tokio::time::Instant;

use super::address::Address;
use super::connection::{Connection, Reply};
use super::{SCAN_WITHIN, entrance};
use crate::evidence::{GroupSeen, RedisAnswer, RedisSeen};

/// Keys looked at in the application's database.
const KEYS: usize = 2_000;
/// Keys looked at in each other one.
const KEYS_ELSEWHERE: usize = 500;
/// Other databases looked at.
const DATABASES: usize = 8;
/// Groups, mailboxes and channels told, of each.
const TOLD: usize = 50;

/// What one database holds of channel layers.
#[derive(Default)]
struct Found {
    groups: Vec<String>,
    mailboxes: Vec<String>,
    prefixes: BTreeMap<String, u64>,
    all: bool,
}

/// Looks at the keys, this database's first.
///
/// # Errors
/// The connection is gone.
pub(super) async fn scan(
    seen: &mut RedisSeen,
    connection: &mut Connection,
    database: u32,
    until: Instant,
) -> Result<(), RedisAnswer> {
    let found = keys(connection, KEYS, until, &mut seen.forbidden).await?;
    seen.scanned_all = Some(found.all);
    seen.prefixes.extend(
        found
            .prefixes
            .iter()
            .map(|(prefix, keys)| (database, prefix.clone(), *keys)),
    );
    seen.groups = groups(connection, &found.groups).await?;
    seen.mailboxes = sizes(connection, &found.mailboxes).await?;
    let others: Vec<u32> = seen
        .databases
        .iter()
        .map(|(index, _)| *index)
        .filter(|index| *index != database)
        .take(DATABASES)
        .collect();
    for other in others {
        if Instant::now() >= until {
            break;
        }
        if let Reply::Error(_) = connection.ask(&["SELECT", &other.to_string()]).await? {
            continue;
        }
        let found = keys(connection, KEYS_ELSEWHERE, until, &mut seen.forbidden).await?;
        seen.prefixes.extend(
            found
                .prefixes
                .iter()
                .map(|(prefix, keys)| (other, prefix.clone(), *keys)),
        );
        let there = groups(connection, &found.groups).await?;
        seen.groups_elsewhere
            .extend(there.into_iter().map(|group| (other, group)));
    }
    Ok(())
}

/// Looks again while the probe's own WebSocket is open.
///
/// # Errors
/// How far it went.
pub(super) async fn again(seen: &mut RedisSeen, address: &Address) -> Result<(), RedisAnswer> {
    let mut connection = Connection::open(address).await?;
    for words in entrance(address) {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        connection.ask(&words).await?;
    }
    let mut now = RedisSeen {
        databases: seen.databases.clone(),
        ..RedisSeen::default()
    };
    now.channels = channels(&mut connection, &mut Vec::new()).await?;
    // A database that was empty before is not among those that INFO named then.
    if let Some(info) = connection.ask(&["INFO", "keyspace"]).await?.text() {
        now.databases.clear();
        super::info::read(&mut now, info);
    }
    scan(
        &mut now,
        &mut connection,
        address.database,
        Instant::now() + SCAN_WITHIN,
    )
    .await?;
    connection.close().await;
    merge(&mut seen.groups, now.groups);
    for (database, group) in now.groups_elsewhere {
        let same = seen
            .groups_elsewhere
            .iter_mut()
            .find(|(index, known)| *index == database && known.key == group.key);
        match same {
            Some((_, known)) => known.members_during = Some(group.members),
            None => seen.groups_elsewhere.push((database, new(group))),
        }
    }
    seen.channels_during = now.channels;
    seen.looked_during = true;
    Ok(())
}

fn merge(before: &mut Vec<GroupSeen>, now: Vec<GroupSeen>) {
    for group in before.iter_mut() {
        // A group that is gone by now has no members.
        group.members_during = Some(0);
    }
    for group in now {
        match before.iter_mut().find(|known| known.key == group.key) {
            Some(known) => known.members_during = Some(group.members),
            None => before.push(new(group)),
        }
    }
}

/// One that was not there before.
fn new(group: GroupSeen) -> GroupSeen {
    GroupSeen {
        members: 0,
        members_during: Some(group.members),
        ..group
    }
}

async fn keys(
    connection: &mut Connection,
    most: usize,
    until: Instant,
    forbidden: &mut Vec<String>,
) -> Result<Found, RedisAnswer> {
    let mut found = Found::default();
    let mut cursor = "0".to_owned();
    let mut looked = 0;
    while looked < most {
        let reply = connection.ask(&["SCAN", &cursor, "COUNT", "250"]).await?;
        if let Reply::Error(said) = &reply {
            if !forbidden.iter().any(|row| row.starts_with("SCAN")) {
                forbidden.push(format!("SCAN: {said}"));
            }
            return Ok(found);
        }
        for key in reply.elements().get(1).map(Reply::elements).unwrap_or_default() {
            looked += 1;
            note(&mut found, key.text().unwrap_or_default());
        }
        cursor = reply
            .elements()
            .first()
            .and_then(Reply::text)
            .unwrap_or("0")
            .to_owned();
        if cursor == "0" {
            found.all = true;
            break;
        }
        if Instant::now() >= until {
            break;
        }
    }
    Ok(found)
}

/// `<prefix>:group:<name>`, `<prefix>specific.<32 hex>!`, and the same with `$inflight`.
fn note(found: &mut Found, key: &str) {
    if key.len() > 300 {
        return;
    }
    let prefix = if let Some((prefix, _)) = key.split_once(":group:") {
        found.groups.push(key.to_owned());
        prefix
    } else if let Some((prefix, process)) = key.split_once("specific.") {
        let Some((hex, rest)) = process.split_once('!') else {
            return;
        };
        if hex.len() < 16 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return;
        }
        if rest.is_empty() {
            found.mailboxes.push(key.to_owned());
        }
        prefix
    } else {
        return;
    };
    *found.prefixes.entry(prefix.to_owned()).or_default() += 1;
}

async fn groups(connection: &mut Connection, keys: &[String]) -> Result<Vec<GroupSeen>, RedisAnswer> {
    let told: Vec<&String> = keys.iter().take(TOLD).collect();
    let commands: Vec<Vec<&str>> = told
        .iter()
        .flat_map(|key| [vec!["TYPE", key.as_str()], vec!["ZCARD", key.as_str()]])
        .collect();
    let replies = connection.ask_all(&commands).await?;
    let rows = told
        .iter()
        .zip(replies.chunks(2))
        .map(|(key, replies)| GroupSeen {
            key: (*key).clone(),
            kind: replies
                .first()
                .and_then(Reply::text)
                .unwrap_or_default()
                .to_owned(),
            members: replies.get(1).and_then(Reply::number).unwrap_or(0),
            members_during: None,
        });
    // Something else may have such a name: only sorted sets are groups.
    Ok(rows.filter(|group| group.kind == "zset").collect())
}

async fn sizes(connection: &mut Connection, keys: &[String]) -> Result<Vec<(String, u64)>, RedisAnswer> {
    let told: Vec<&String> = keys.iter().take(TOLD).collect();
    let commands: Vec<Vec<&str>> = told.iter().map(|key| vec!["ZCARD", key.as_str()]).collect();
    let replies = connection.ask_all(&commands).await?;
    let rows = told.iter().zip(replies);
    Ok(rows
        .filter_map(|(key, reply)| Some(((*key).clone(), reply.number()?)))
        .collect())
}

/// Channels of the pub/sub layer with subscribers.
///
/// # Errors
/// The connection is gone.
pub(super) async fn channels(
    connection: &mut Connection,
    forbidden: &mut Vec<String>,
) -> Result<Vec<(String, u64)>, RedisAnswer> {
    let mut names = Vec::new();
    for pattern in ["*__group__*", "*specific.*"] {
        let reply = connection.ask(&["PUBSUB", "CHANNELS", pattern]).await?;
        if let Reply::Error(said) = &reply {
            forbidden.push(format!("PUBSUB CHANNELS: {said}"));
            return Ok(Vec::new());
        }
        let found = reply.elements().iter().filter_map(Reply::text);
        names.extend(
            found
                .filter(|name| !name.contains("charla-doctor-"))
                .map(str::to_owned),
        );
    }
    names.truncate(TOLD);
    let mut words = vec!["PUBSUB", "NUMSUB"];
    words.extend(names.iter().map(String::as_str));
    let reply = connection.ask(&words).await?;
    let pairs = reply.elements().chunks(2);
    Ok(pairs
        .filter_map(|pair| Some((pair.first()?.text()?.to_owned(), pair.get(1)?.number()?)))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_a_channel_layer_are_known_by_their_shape() {
        let mut found = Found::default();
        let process = "asgispecific.0123456789abcdef0123456789abcdef!";
        for key in [
            "asgi:group:chat_5",
            "demo:group:chat_5",
            process,
            &format!("{process}$inflight"),
            "session:1",
            "specific.x",
            "celery",
        ] {
            note(&mut found, key);
        }
        assert_eq!(found.groups, ["asgi:group:chat_5", "demo:group:chat_5"]);
        assert_eq!(found.mailboxes, [process]);
        assert_eq!(
            found.prefixes,
            BTreeMap::from([("asgi".into(), 3), ("demo".into(), 1)])
        );
    }
}
