//! A session by the table: time is a number, frames are texts.

use charla_wire::{TenantId, UserId};

use super::*;
use crate::grant::{Door, Role, enter};
use crate::key::UserKey;

const ID: &str = "0190d3f0-7f4e-7c3a-9c1e-2f6b8c1d4e5f";

fn limits() -> SessionLimits {
    SessionLimits {
        sends: Rate {
            per_second: 20,
            burst: 40,
        },
        bytes: Pace::per_second(0, 0),
        requests: Rate {
            per_second: 20,
            burst: 60,
        },
        pings: Rate {
            per_second: 10,
            burst: 20,
        },
        text_bytes: 16,
        data_bytes: 16,
        subscriptions: 2,
        history_page: 200,
        ping_after: 25_000,
        pong_within: 8_000,
    }
}

fn visitor() -> Visitor {
    let key = UserKey {
        tenant: TenantId::parse("demo").unwrap(),
        user: UserId::parse("42").unwrap(),
    };
    Visitor {
        key,
        name: "Ana".into(),
        role: Role::Member,
    }
}

/// A session in chat 5, its own, whose token ends at `token_ends`.
fn session(token_ends: Option<Millis>) -> Session {
    let chat = ChatId::parse("5").unwrap();
    let mut session = Session::new(visitor(), Some(chat.clone()), token_ends, &limits(), 0);
    let door = Door {
        chat_exists: true,
        is_member: true,
    };
    session.admit(enter(&visitor(), &chat, door).unwrap());
    session
}

fn say(session: &mut Session, text: &str, now: Millis) -> Result<Request, Refusal> {
    session.handle_frame(ClientFrame::parse(text).map(|(frame, _)| frame), &limits(), now)
}

fn send(text: &str) -> String {
    format!(r#"{{"type":"send","id":"{ID}","text":"{text}"}}"#)
}

#[test]
fn a_send_becomes_a_draft_of_the_home_chat() {
    let Ok(Request::Post(draft)) = say(&mut session(None), &send("hola"), 0) else {
        panic!("no draft")
    };
    assert_eq!(draft.room.to_string(), "demo/5");
    assert_eq!((&*draft.text, &*draft.author.name), ("hola", "Ana"));
}

#[test]
fn a_send_with_files_needs_no_words() {
    let with = |text: &str| send(text).replace('}', &format!(r#","attachments":["{ID}"]}}"#));
    let Ok(Request::PostWith(draft, files)) = say(&mut session(None), &with(""), 0) else {
        panic!("no draft")
    };
    assert_eq!((&*draft.text, files.len()), ("", 1));
    let refused = say(&mut session(None), &with("seventeen letters"), 0).unwrap_err();
    assert_eq!(
        (refused.cause, refused.id.is_some()),
        (Cause::MessageTooLong, true)
    );
}

#[test]
fn requests_that_are_refused_say_why() {
    let cases = [
        (send(""), Cause::BadRequest),
        (send("seventeen letters"), Cause::MessageTooLong),
        (
            r#"{"type":"history","chat":"6"}"#.to_owned(),
            Cause::NotSubscribed,
        ),
        (
            r#"{"type":"edit","seq":1,"text":" "}"#.to_owned(),
            Cause::BadRequest,
        ),
        (r#"{"type":"dance"}"#.to_owned(), Cause::BadRequest),
    ];
    for (text, cause) in cases {
        let refusal = say(&mut session(None), &text, 0).unwrap_err();
        assert_eq!((refusal.cause, refusal.closes), (cause, false), "{text}");
    }
}

#[test]
fn a_refused_send_names_its_message() {
    let refusal = say(&mut session(None), &send("seventeen letters"), 0).unwrap_err();
    assert_eq!(refusal.id.unwrap().to_string(), ID);
}

#[test]
fn the_third_unreadable_frame_in_a_row_ends_it() {
    let mut session = session(None);
    let mut closes = |text: &str| say(&mut session, text, 0).is_err_and(|refusal| refusal.closes);
    let heard = ["x", "x", r#"{"type":"ping"}"#, "x", "x", "x"].map(&mut closes);
    assert_eq!(heard, [false, false, false, false, false, true]);
}

#[test]
fn unknown_words_are_answered_as_often_as_requests_may_come() {
    let mut session = session(None);
    let causes: Vec<_> = (0..100)
        .map(|_| say(&mut session, r#"{"type":"dance"}"#, 0).unwrap_err())
        .map(|refusal| (refusal.cause, refusal.closes))
        .collect();
    let known = causes
        .iter()
        .take_while(|said| **said == (Cause::BadRequest, false));
    let known = known.count();
    assert!(known > 3, "{known}");
    assert!(
        causes[known..]
            .iter()
            .all(|said| *said == (Cause::RateLimited, false))
    );
}

#[test]
fn haste_waits_and_lasting_haste_ends_it() {
    let mut session = session(None);
    for n in 0..40 {
        assert!(say(&mut session, &send("hola"), 0).is_ok(), "{n}");
    }
    let refusal = say(&mut session, &send("hola"), 0).unwrap_err();
    assert_eq!(
        (refusal.cause, refusal.retry_in, refusal.closes),
        (Cause::RateLimited, Some(50), false)
    );
    assert_eq!(
        refusal.id.unwrap().to_string(),
        ID,
        "the client must know which send to repeat"
    );
    let closes = (0..2_000).position(|_| say(&mut session, &send("hola"), 0).unwrap_err().closes);
    assert_eq!(closes, Some(999));
}

#[test]
fn a_failure_is_reported_once() {
    let mut session = session(None);
    let report = r#"{"type":"report","cause":"offline","code":1006,"attempts":4,"away_ms":51234}"#;
    let failure = Failure {
        cause: "offline".into(),
        code: Some(1006),
        attempts: 4,
        away: 51_234,
    };
    assert_eq!(say(&mut session, report, 0), Ok(Request::Report(failure)));
    let refusal = say(&mut session, report, 0).unwrap_err();
    assert_eq!((refusal.cause, refusal.closes), (Cause::BadRequest, false));
}

#[test]
fn a_subscription_too_many() {
    let mut session = session(None);
    let other = ChatId::parse("6").unwrap();
    session.admit(
        enter(
            &visitor(),
            &other,
            Door {
                chat_exists: true,
                is_member: true,
            },
        )
        .unwrap(),
    );
    let refusal = say(&mut session, r#"{"type":"subscribe","chat":"7"}"#, 0).unwrap_err();
    assert_eq!(refusal.cause, Cause::SubscriptionLimit);
    assert!(
        say(&mut session, r#"{"type":"subscribe","chat":"6","after":3}"#, 0).is_ok(),
        "one it has"
    );
    assert!(session.expel(&other));
    assert!(say(&mut session, r#"{"type":"subscribe","chat":"7"}"#, 0).is_ok());
}

#[test]
fn silence_is_pinged_and_lasting_silence_ends_it() {
    let mut session = session(None);
    assert_eq!(session.next_timeout(&limits()), 25_000);
    assert_eq!(session.handle_timeout(&limits(), 24_999), None);
    assert_eq!(session.handle_timeout(&limits(), 25_000), Some(Due::Ping));
    assert_eq!(session.next_timeout(&limits()), 33_000);
    session.heard(30_000);
    assert_eq!(session.next_timeout(&limits()), 55_000);
    assert_eq!(session.handle_timeout(&limits(), 55_000), Some(Due::Ping));
    assert_eq!(
        session.handle_timeout(&limits(), 63_000),
        Some(Due::Close(Cause::HeartbeatTimeout))
    );
}

#[test]
fn a_token_warns_once_and_ends() {
    let mut session = session(Some(70_000));
    session.heard(9_000);
    assert_eq!(session.next_timeout(&limits()), 10_000);
    assert_eq!(
        session.handle_timeout(&limits(), 10_000),
        Some(Due::TokenExpiring(60_000))
    );
    assert_eq!(session.handle_timeout(&limits(), 10_000), None);
    session.renew(Some(200_000));
    session.heard(100_000);
    assert_eq!(session.handle_timeout(&limits(), 100_000), None);
    assert_eq!(
        session.handle_timeout(&limits(), 140_001),
        Some(Due::TokenExpiring(59_999))
    );
    assert_eq!(
        session.handle_timeout(&limits(), 200_000),
        Some(Due::Close(Cause::TokenExpired))
    );
}

#[test]
fn pings_at_a_heartbeat_are_answered_and_a_flood_is_not() {
    let mut session = session(None);
    let answered = (0..100)
        .take_while(|_| session.handle_ping(&limits(), 0).is_ok())
        .count();
    assert_eq!(answered, 20);
    assert_eq!(session.handle_ping(&limits(), 0), Err(Cause::FrameFlood));
}

#[test]
fn bytes_are_counted_of_what_is_sent_and_the_limit_is_named() {
    let mut session = session(None);
    let limits = SessionLimits {
        bytes: Pace::per_second(10, 20),
        ..limits()
    };
    let mut ten = |now| {
        let text = send("0123456789");
        let frame = ClientFrame::parse(&text).map(|(frame, _)| frame);
        session.handle_frame(frame, &limits, now)
    };
    assert!(ten(0).is_ok() && ten(0).is_ok());
    let refusal = ten(0).unwrap_err();
    assert_eq!(
        (refusal.cause, refusal.retry_in, refusal.limit, refusal.closes),
        (Cause::RateLimited, Some(1_000), Some(Limit::Bytes), false)
    );
    assert_eq!(refusal.detail, "retry in 1000 ms; limits.bytes_per_second");
    assert!(refusal.id.is_some());
    assert!(ten(1_000).is_ok());
}
