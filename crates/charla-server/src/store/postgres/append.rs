//! The hot path: a group of messages in two round trips, whatever its size and however many chats it touches (a chat that
//! is new to this node costs one more).
//!
//! The first holds the rows of the chats, in one order so that two nodes never wait for each other, and looks for
//! messages that are repeats; the second writes and commits. A chat's row is held from its numbering to the commit,
//! so numbers have no gaps and become visible in their order, whichever node gives them.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use charla_core::{Draft, RoomKey, Stored};
use charla_wire::Timestamp;
use tokio::time::timeout;
use tokio_postgres::Row;
use uuid::Uuid;

use super::fault::Fault;
use super::numbering::{self, Earlier, Held, Numbered, Once};
use super::rows::{self, MESSAGE_WIDTH, escaped, id, message_columns, unsigned};
use super::session::{ANSWER_WITHIN, COMMIT, Param, Session};
use crate::store::{AppendError, Appended, StoreError};

/// Why a group was not stored.
#[derive(Debug)]
pub(super) enum Undone {
    /// Nothing of it is.
    Nothing(Fault),
    /// The answer to the commit did not come: these may be stored under these numbers, all or none.
    InDoubt(Vec<Stored>, Fault),
}

/// Chats whose ids are remembered before all are forgotten and looked up anew: some 2 MiB.
const REMEMBERED: usize = 16 * 1024;

/// The database's own names of chats. They never change; should somebody put another database in its place, what is
/// held shows it.
pub(super) type Ids = HashMap<RoomKey, i64>;

const FIND: &str = "SELECT c.tenant, c.chat, c.id FROM unnest($1::text[], $2::text[]) AS w (tenant, chat)
    JOIN chats c ON c.tenant = w.tenant AND c.chat = w.chat";

/// Rows in the order of their ids: whoever holds several takes them in this order.
const HOLD: &str = "SELECT tenant, chat, id, last_seq, closed_at IS NOT NULL FROM chats
    WHERE id = ANY($1::bigint[]) ORDER BY id FOR NO KEY UPDATE";

/// Runs after [`HOLD`] and so sees whatever was committed before the rows were held. OFFSET keeps the planner from
/// looking through the chat for the message: the id finds it.
const EARLIER: &str = concat!(
    "SELECT ",
    message_columns!(),
    ", m.rev, m.chat FROM unnest($1::bigint[], $2::text[], $3::uuid[]) AS w (chat, author, id)
     JOIN LATERAL (SELECT * FROM messages WHERE id = w.id AND author = w.author OFFSET 0) m ON m.chat = w.chat"
);

const INSERT: &str = "INSERT INTO messages (chat, seq, id, author, author_name, text, data, sent_at)
    SELECT *, $8 FROM unnest($1::bigint[], $2::bigint[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[])";

const MOVE: &str = "WITH step AS MATERIALIZED (SELECT nextval('chats_moved') AS from_here)
    UPDATE chats c SET last_seq = w.last_seq, moved = step.from_here + w.place
    FROM step, unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS w (id, last_seq, place) WHERE c.id = w.id";

const MARK: &str = "INSERT INTO reads AS r (chat, person, seq)
    SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[])
    ON CONFLICT (chat, person) DO UPDATE SET seq = excluded.seq WHERE excluded.seq > r.seq";

/// Stores a group in one transaction; what became of each draft, in the order given.
pub(super) async fn group(
    session: &mut Session,
    ids: &mut Ids,
    now: Timestamp,
    drafts: Vec<Draft>,
) -> Result<Vec<Result<Appended, AppendError>>, Undone> {
    let wanted: Vec<Once> = drafts
        .iter()
        .map(|draft| (draft.room.clone(), draft.author.id.clone(), draft.id))
        .collect();
    let (mut held, mut earlier) = match hold(session, ids, &wanted).await {
        Ok(found) => found,
        Err(fault) => {
            session.roll_back().await;
            return Err(Undone::Nothing(fault));
        }
    };
    let numbered = numbering::number(drafts, now, &mut held, &mut earlier);
    if numbered.fresh.is_empty() {
        // Nothing was written: there is nothing to lose.
        session.roll_back().await;
        return Ok(numbered.outcomes);
    }
    match write(session, now, &numbered).await {
        Ok(()) => Ok(numbered.outcomes),
        Err((fault, Settled::Undone)) => {
            session.roll_back().await;
            Err(Undone::Nothing(fault))
        }
        Err((fault, Settled::Unknown)) => {
            session.spoil();
            let stored = numbered.fresh.into_iter().map(|(_, stored)| stored).collect();
            Err(Undone::InDoubt(stored, fault))
        }
    }
}

/// Which of these messages are stored under their numbers. Holds their chats first, and so waits for the end of
/// whatever transaction wrote them.
pub(super) async fn settle(
    session: &mut Session,
    ids: &mut Ids,
    doubts: &[Stored],
) -> Result<Vec<bool>, Fault> {
    let wanted: Vec<Once> = doubts
        .iter()
        .map(|stored| {
            let draft = &stored.draft;
            (draft.room.clone(), draft.author.id.clone(), draft.id)
        })
        .collect();
    let found = hold(session, ids, &wanted).await;
    session.roll_back().await;
    let (_, earlier) = found?;
    let is_stored = |(once, doubt): (&Once, &Stored)| {
        earlier
            .get(once)
            .is_some_and(|found| found.stored.seq == doubt.seq)
    };
    Ok(wanted.iter().zip(doubts).map(is_stored).collect())
}

/// Finds the ids of chats that are not remembered.
async fn find(session: &mut Session, ids: &mut Ids, wanted: &[Once]) -> Result<(), Fault> {
    // Before it is known which ones are missing: those of this group must all be there afterwards.
    if ids.len() + wanted.len() > REMEMBERED {
        ids.clear();
    }
    let unknown: BTreeSet<(&str, &str)> = wanted
        .iter()
        .filter(|(room, ..)| !ids.contains_key(room))
        .map(|(room, ..)| (room.tenant.as_str(), room.chat.as_str()))
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let (tenants, chats): (Vec<&str>, Vec<&str>) = unknown.into_iter().unzip();
    let found = session.rows(FIND, &[&tenants, &chats]).await?;
    for row in &found {
        ids.insert(room(row)?, row.try_get(2)?);
    }
    Ok(())
}

/// The first round trip: opens the transaction, holds the chats, finds the repeats.
async fn hold(
    session: &mut Session,
    ids: &mut Ids,
    wanted: &[Once],
) -> Result<(HashMap<RoomKey, Held>, HashMap<Once, Earlier>), Fault> {
    find(session, ids, wanted).await?;
    let (holding, looking) = (session.statement(HOLD).await?, session.statement(EARLIER).await?);
    let known = || wanted.iter().filter_map(|once| Some((*ids.get(&once.0)?, once)));
    let rooms: HashMap<i64, &RoomKey> = known().map(|(chat, (room, ..))| (chat, room)).collect();
    let chats: Vec<i64> = rooms.keys().copied().collect();
    let each_chat: Vec<i64> = known().map(|(chat, _)| chat).collect();
    let each_author: Vec<&str> = known().map(|(_, (_, author, _))| author.as_str()).collect();
    let each_id: Vec<Uuid> = known().map(|(_, (_, _, id))| *id).collect();
    let client = session.client();
    let held: [Param<'_>; 1] = [&chats];
    let each: [Param<'_>; 3] = [&each_chat, &each_author, &each_id];
    // Sent one behind the other without waiting; the server answers them in this order.
    let answers = timeout(ANSWER_WITHIN, async {
        tokio::join!(
            biased;
            client.batch_execute("BEGIN"),
            client.query(&holding, &held),
            client.query(&looking, &each),
        )
    })
    .await;
    let (begun, held, earlier) = session.judged(answers.map(Ok))?;
    session.judged(Ok(begun))?;
    let held = session.judged(Ok(held))?;
    let earlier = session.judged(Ok(earlier))?;
    let held: HashMap<_, _> = held.iter().map(held_row).collect::<Result<_, _>>()?;
    if rooms
        .iter()
        .any(|(chat, room)| held.get(*room).is_none_or(|held| held.id != *chat))
    {
        ids.clear();
        return Err(Fault::Refused(StoreError::Unavailable(
            "the chats of this database are not those that were there before".into(),
        )));
    }
    let earlier = earlier.iter().map(|row| earlier_row(row, &rooms));
    Ok((held, earlier.collect::<Result<_, _>>()?))
}

fn room(row: &Row) -> Result<RoomKey, Fault> {
    Ok(RoomKey {
        tenant: id(row, 0)?,
        chat: id(row, 1)?,
    })
}

fn held_row(row: &Row) -> Result<(RoomKey, Held), Fault> {
    let held = Held {
        id: row.try_get(2)?,
        last_seq: unsigned(row, 3)?,
        closed: row.try_get(4)?,
    };
    Ok((room(row)?, held))
}

fn earlier_row(row: &Row, rooms: &HashMap<i64, &RoomKey>) -> Result<(Once, Earlier), Fault> {
    let chat: i64 = row.try_get(MESSAGE_WIDTH + 1)?;
    let room = rooms
        .get(&chat)
        .ok_or_else(|| Fault::Contradiction(format!("chat {chat} was not asked for")))?;
    let stored = rows::message(row, 0, (*room).clone())?;
    let once = ((*room).clone(), stored.draft.author.id.clone(), stored.draft.id);
    let as_sent = unsigned(row, MESSAGE_WIDTH)? == 0;
    Ok((once, Earlier { stored, as_sent }))
}

/// What is known of a group whose second round trip failed.
enum Settled {
    /// The transaction is undone: the server refused a statement of it.
    Undone,
    /// Nobody knows.
    Unknown,
}

/// The second round trip: writes and commits.
async fn write(session: &mut Session, now: Timestamp, numbered: &Numbered) -> Result<(), (Fault, Settled)> {
    let undone = |fault: Fault| (fault, Settled::Undone);
    let insert = session.statement(INSERT).await.map_err(undone)?;
    let moving = session.statement(MOVE).await.map_err(undone)?;
    let mark = session.statement(MARK).await.map_err(undone)?;
    let columns = Columns::of(numbered);
    let client = session.client();
    let sent_at = now.as_millis();
    let messages: [Param<'_>; 8] = [
        &columns.chats,
        &columns.seqs,
        &columns.ids,
        &columns.authors,
        &columns.names,
        &columns.texts,
        &columns.data,
        &sent_at,
    ];
    let moves: [Param<'_>; 3] = [&columns.moved, &columns.last_seqs, &columns.places];
    let marks: [Param<'_>; 3] = [&columns.marked, &columns.readers, &columns.marks];
    let answers = timeout(ANSWER_WITHIN, async {
        tokio::join!(
            biased;
            client.execute(&insert, &messages),
            client.execute(&moving, &moves),
            client.execute(&mark, &marks),
            client.batch_execute(COMMIT),
        )
    })
    .await;
    let unknown = |fault: Fault| (fault, Settled::Unknown);
    let (inserted, moved, marked, committed) = session.judged(answers.map(Ok)).map_err(unknown)?;
    for wrote in [inserted, moved, marked] {
        // A refusal by the server undoes the transaction; silence in its place says nothing about it.
        let refused = wrote
            .as_ref()
            .err()
            .is_some_and(|error| error.as_db_error().is_some());
        session.judged(Ok(wrote)).map_err(|fault| {
            (
                fault,
                if refused {
                    Settled::Undone
                } else {
                    Settled::Unknown
                },
            )
        })?;
    }
    session.judged(Ok(committed)).map_err(unknown)
}

/// A group as the arrays that its statements take.
struct Columns<'a> {
    chats: Vec<i64>,
    seqs: Vec<i64>,
    ids: Vec<Uuid>,
    authors: Vec<&'a str>,
    names: Vec<Cow<'a, str>>,
    texts: Vec<Cow<'a, str>>,
    data: Vec<Option<Cow<'a, str>>>,
    moved: Vec<i64>,
    last_seqs: Vec<i64>,
    places: Vec<i64>,
    marked: Vec<i64>,
    readers: Vec<&'a str>,
    marks: Vec<i64>,
}

impl<'a> Columns<'a> {
    fn of(numbered: &'a Numbered) -> Self {
        let fresh = || numbered.fresh.iter().map(|(_, stored)| stored);
        let drafts = || fresh().map(|stored| &stored.draft);
        Self {
            chats: numbered.fresh.iter().map(|(chat, _)| *chat).collect(),
            seqs: fresh().map(|stored| rows::number(stored.seq)).collect(),
            ids: drafts().map(|draft| draft.id).collect(),
            authors: drafts().map(|draft| draft.author.id.as_str()).collect(),
            names: drafts().map(|draft| escaped(&draft.author.name)).collect(),
            texts: drafts().map(|draft| escaped(&draft.text)).collect(),
            data: drafts().map(|draft| draft.data.as_deref().map(escaped)).collect(),
            moved: numbered.moved.keys().copied().collect(),
            last_seqs: numbered
                .moved
                .values()
                .map(|(seq, _)| rows::number(*seq))
                .collect(),
            places: numbered
                .moved
                .values()
                .map(|(_, place)| rows::limit(*place))
                .collect(),
            marked: numbered.marks.keys().map(|(chat, _)| *chat).collect(),
            readers: numbered.marks.keys().map(|(_, reader)| reader.as_str()).collect(),
            marks: numbered.marks.values().map(|seq| rows::number(*seq)).collect(),
        }
    }
}
