//! The hot path: a group of messages in two round trips, whatever its size and however many chats it touches (a chat that
//! is new to this node costs one more).
//!
//! The first holds the rows of the chats, in one order so that two nodes never wait for each other, and looks for
//! messages that are repeats; the second writes and commits. A chat's row is held from its numbering to the commit,
//! so numbers have no gaps and become visible in their order, whichever node gives them.

use std::collections::{BTreeSet, HashMap};

use charla_core::{Draft, RoomKey, Stored};
use charla_wire::{TenantId, Timestamp};
use tokio::time::timeout;
use tokio_postgres::Row;
use uuid::Uuid;

use super::attachments;
use super::fault::Fault;
use super::history::{self, History, Unwritten, What};
use super::numbering::{self, Arrival, Earlier, Held, Numbered, Once};
use super::rows::{self, MESSAGE_WIDTH, id, message_columns, unsigned};
use super::session::{ANSWER_WITHIN, COMMIT, Param, Session};
use super::webhooks;
use crate::store::webhooks::{Event, EventKind, Hooks, Row as Told};
use crate::store::{AppendError, Appended, StoreError};

mod columns;

use columns::Columns;

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

const INSERT: &str = "INSERT INTO messages (chat, seq, id, author, author_name, text, data, sent_at, attachments)
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[],
                         $9::text[])";

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
    arrivals: Vec<Arrival>,
    (history, hooks): (Option<&History>, &Hooks),
) -> Result<Vec<Result<Appended, AppendError>>, Undone> {
    let Some(history) = history else {
        return match at_once(session, ids, now, arrivals, (None, hooks)).await {
            Ok(outcomes) => Ok(outcomes),
            Err(AtOnce::Undone(undone)) => Err(undone),
            Err(AtOnce::History) => Err(Undone::Nothing(Fault::Contradiction(
                "a history that there is not refused a message".into(),
            ))),
        };
    };
    let tenants = arrivals
        .iter()
        .filter(|arrival| arrival.to_history)
        .map(|arrival| &arrival.draft.room.tenant);
    let without = history.ready(session, tenants).await.map_err(Undone::Nothing)?;
    if without.is_empty() {
        match at_once(session, ids, now, arrivals.clone(), (Some(history), hooks)).await {
            Ok(outcomes) => return Ok(outcomes),
            Err(AtOnce::Undone(undone)) => return Err(undone),
            Err(AtOnce::History) => {}
        }
    }
    one_by_one(session, ids, now, arrivals, (history, hooks), without).await
}

/// Why a group could not be written at once.
enum AtOnce {
    /// The application's table refuses something in it.
    History,
    Undone(Undone),
}

async fn at_once(
    session: &mut Session,
    ids: &mut Ids,
    now: Timestamp,
    mut arrivals: Vec<Arrival>,
    (history, hooks): (Option<&History>, &Hooks),
) -> Result<Vec<Result<Appended, AppendError>>, AtOnce> {
    let (mut held, mut earlier) = held(session, ids, &mut arrivals).await.map_err(AtOnce::Undone)?;
    let numbered = numbering::number(arrivals, now, &mut held, &mut earlier);
    let told = rows_of(hooks, &numbered);
    finish(session, numbered, history, &told, now).await
}

/// As [`at_once`], with each message written to the application's table between savepoints: what is refused there takes
/// no number.
async fn one_by_one(
    session: &mut Session,
    ids: &mut Ids,
    now: Timestamp,
    mut arrivals: Vec<Arrival>,
    (history, hooks): (&History, &Hooks),
    mut without: HashMap<TenantId, String>,
) -> Result<Vec<Result<Appended, AppendError>>, Undone> {
    let (mut held, mut earlier) = held(session, ids, &mut arrivals).await?;
    let mut numbered = Numbered::default();
    for arrival in arrivals {
        let room = arrival.draft.room.clone();
        let once = (room.clone(), arrival.draft.author.id.clone(), arrival.draft.id);
        let (chat_before, marks_before) = (held.get(&room).copied(), numbered.marks.clone());
        let (moved_before, fresh_before) = (numbered.moved.clone(), numbered.fresh.len());
        numbered.add(arrival, now, &mut held, &mut earlier);
        let Some(fresh) = numbered.fresh.get(fresh_before).filter(|fresh| fresh.to_history) else {
            continue;
        };
        let written = match without.get(&room.tenant) {
            Some(why) => Err(Unwritten::Away(why.clone())),
            None => history.line(session, What::Insert, &fresh.stored).await,
        };
        let refused = match written {
            Ok(()) => continue,
            Err(Unwritten::Refused) => AppendError::HistoryRefused,
            Err(Unwritten::Away(why)) => {
                without.insert(room.tenant.clone(), why.clone());
                AppendError::Unavailable(why)
            }
            Err(Unwritten::Lost(fault)) => {
                session.roll_back().await;
                return Err(Undone::Nothing(fault));
            }
        };
        held.extend(chat_before.map(|chat| (room, chat)));
        earlier.remove(&once);
        (numbered.marks, numbered.moved) = (marks_before, moved_before);
        numbered.fresh.truncate(fresh_before);
        numbered.outcomes.pop();
        numbered.outcomes.push(Err(refused));
    }
    let told = rows_of(hooks, &numbered);
    match finish(session, numbered, None, &told, now).await {
        Ok(outcomes) => Ok(outcomes),
        Err(AtOnce::Undone(undone)) => Err(undone),
        Err(AtOnce::History) => Err(Undone::Nothing(Fault::Contradiction(
            "what was written before was refused after".into(),
        ))),
    }
}

/// What tells of these messages over HTTP.
fn rows_of(hooks: &Hooks, numbered: &Numbered) -> Vec<Told> {
    let fresh = numbered.fresh.iter().map(|fresh| (&fresh.stored, fresh.trace));
    fresh
        .filter(|(stored, _)| hooks.wants(&stored.draft.room.tenant, EventKind::MessageCreated))
        .flat_map(|(stored, trace)| hooks.rows_of(&Event::MessageCreated(stored.clone()), trace))
        .collect()
}

/// Opens the transaction and holds what the drafts need; undone where that fails.
async fn held(session: &mut Session, ids: &mut Ids, arrivals: &mut [Arrival]) -> Result<Holding, Undone> {
    let wanted: Vec<Once> = arrivals.iter().map(|arrival| once(&arrival.draft)).collect();
    let found = match hold(session, ids, &wanted).await {
        Ok(found) => attachments::look(session, arrivals).await.map(|()| found),
        Err(fault) => Err(fault),
    };
    match found {
        Ok(found) => Ok(found),
        Err(fault) => {
            session.roll_back().await;
            Err(Undone::Nothing(fault))
        }
    }
}

/// Writes what was numbered, and commits.
async fn finish(
    session: &mut Session,
    numbered: Numbered,
    history: Option<&History>,
    told: &[Told],
    now: Timestamp,
) -> Result<Vec<Result<Appended, AppendError>>, AtOnce> {
    if numbered.fresh.is_empty() {
        // Nothing was written: there is nothing to lose.
        session.roll_back().await;
        return Ok(numbered.outcomes);
    }
    if let Err(fault) = attachments::claim(session, &numbered.fresh).await {
        session.roll_back().await;
        return Err(AtOnce::Undone(Undone::Nothing(fault)));
    }
    match write(session, &numbered, history, (told, now)).await {
        Ok(()) => Ok(numbered.outcomes),
        Err((fault, Settled::Undone)) => {
            session.roll_back().await;
            Err(AtOnce::Undone(Undone::Nothing(fault)))
        }
        Err((_, Settled::History)) => {
            session.roll_back().await;
            Err(AtOnce::History)
        }
        Err((fault, Settled::Unknown)) => {
            session.spoil();
            let stored = numbered.fresh.into_iter().map(|fresh| fresh.stored).collect();
            Err(AtOnce::Undone(Undone::InDoubt(stored, fault)))
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
    let wanted: Vec<Once> = doubts.iter().map(|stored| once(&stored.draft)).collect();
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

fn once(draft: &Draft) -> Once {
    (draft.room.clone(), draft.author.id.clone(), draft.id)
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

/// The chats of a group, and what of it is stored already.
pub(super) type Holding = (HashMap<RoomKey, Held>, HashMap<Once, Earlier>);

/// The first round trip: opens the transaction, holds the chats, finds the repeats.
pub(super) async fn hold(session: &mut Session, ids: &mut Ids, wanted: &[Once]) -> Result<Holding, Fault> {
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
pub(super) enum Settled {
    /// The transaction is undone: the server refused a statement of it.
    Undone,
    /// It is to be undone: the application's table refused one.
    History,
    /// Nobody knows.
    Unknown,
}

/// The second round trip: writes and commits. The application's table comes last: from there on names are looked for in its
/// schema.
pub(super) async fn write(
    session: &mut Session,
    numbered: &Numbered,
    history: Option<&History>,
    (told, now): (&[Told], Timestamp),
) -> Result<(), (Fault, Settled)> {
    let undone = |fault: Fault| (fault, Settled::Undone);
    let insert = session.statement(INSERT).await.map_err(undone)?;
    let moving = session.statement(MOVE).await.map_err(undone)?;
    let mark = session.statement(MARK).await.map_err(undone)?;
    let tell = match told {
        [] => None,
        _ => Some(session.statement(webhooks::INSERT).await.map_err(undone)?),
    };
    let told_columns = webhooks::Columns::of(told, now);
    let telling = told_columns.params();
    let columns = Columns::of(numbered);
    let client = session.client();
    let messages: [Param<'_>; 9] = [
        &columns.chats,
        &columns.seqs,
        &columns.ids,
        &columns.authors,
        &columns.names,
        &columns.texts,
        &columns.data,
        &columns.sent_at,
        &columns.attachments,
    ];
    let moves: [Param<'_>; 3] = [&columns.moved, &columns.last_seqs, &columns.places];
    let marks: [Param<'_>; 3] = [&columns.marked, &columns.readers, &columns.marks];
    let kept: Vec<&Stored> = numbered
        .fresh
        .iter()
        .filter(|fresh| fresh.to_history)
        .map(|fresh| &fresh.stored)
        .collect();
    let Some(lines) = history.map_or_else(|| Some(Vec::new()), |h| h.lines(session, client, &kept)) else {
        return Err((not_at_once(), Settled::History));
    };
    let answers = timeout(ANSWER_WITHIN, async {
        // What the application's table took is looked at before the commit: no row is a refusal too.
        let alone = lines.is_empty();
        tokio::join!(
            biased;
            client.execute(&insert, &messages),
            client.execute(&moving, &moves),
            client.execute(&mark, &marks),
            async {
                match &tell {
                    Some(tell) => client.execute(tell, &telling).await,
                    None => Ok(0),
                }
            },
            history::in_order(lines),
            async {
                if alone { Some(client.batch_execute(COMMIT).await) } else { None }
            },
        )
    })
    .await;
    let unknown = |fault: Fault| (fault, Settled::Unknown);
    let (inserted, moved, marked, told, lines, committed) =
        session.judged(answers.map(Ok)).map_err(unknown)?;
    let wrote_none = lines.iter().any(|line| matches!(line, Ok(0)));
    judge(session, [inserted, moved, marked, told], lines)?;
    match committed {
        Some(committed) => session.judged(Ok(committed)),
        None if wrote_none => return Err((not_at_once(), Settled::History)),
        None => session.commit().await,
    }
    .map_err(unknown)
}

/// Whether the server took each statement: ours, and those for the application's table.
fn judge(
    session: &mut Session,
    ours: [Result<u64, tokio_postgres::Error>; 4],
    theirs: Vec<Result<u64, tokio_postgres::Error>>,
) -> Result<(), (Fault, Settled)> {
    let ours = ours.into_iter().map(|wrote| (wrote, Settled::Undone));
    let theirs = theirs.into_iter().map(|wrote| (wrote, Settled::History));
    for (wrote, by) in ours.chain(theirs) {
        // A refusal by the server undoes the transaction; silence in its place says nothing about it.
        let refused = wrote
            .as_ref()
            .err()
            .is_some_and(|error| error.as_db_error().is_some());
        session
            .judged(Ok(wrote))
            .map_err(|fault| (fault, if refused { by } else { Settled::Unknown }))?;
    }
    Ok(())
}

fn not_at_once() -> Fault {
    Fault::Contradiction("the application's table does not take the group as a whole".into())
}
