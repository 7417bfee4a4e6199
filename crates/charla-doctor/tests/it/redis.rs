//! The Redis probe against real Redis servers in every state that an application meets.

pub(crate) mod bus;

use std::time::Duration;

use charla_doctor::checks;
use charla_doctor::evidence::{Evidence, RedisAnswer, RedisSeen};
use charla_doctor::probe::redis::{during, look, look_as, skipped, speaks};
use charla_doctor::verdict::{Certainty, judge};
use rustix::process::Signal;

use bus::{Bus, free_port};

const WITHIN: Duration = Duration::from_millis(1_500);

/// Generous: what is tried here is what Redis says, on a machine that may be loaded.
async fn seen(url: &str) -> RedisSeen {
    look(url, Duration::from_secs(20)).await
}

/// The cause that follows, of those that stand on Redis alone.
fn cause(seen: RedisSeen) -> Option<(&'static str, Certainty)> {
    let evidence = Evidence {
        redis: Some(seen),
        ..Evidence::default()
    };
    let verdict = judge(&evidence);
    verdict
        .cause
        .map(|(cause, finding)| (cause.id(), finding.certainty))
}

fn has(id: &str) -> bool {
    checks::ALL.iter().any(|(name, _)| *name == id)
}

fn assert_cause(seen: RedisSeen, id: &str) {
    let text = format!("{seen:?}");
    if has(id) {
        assert_eq!(cause(seen), Some((leak(id), Certainty::Certain)), "{text}");
    }
}

fn leak(id: &str) -> &'static str {
    checks::ALL.iter().find(|(name, _)| *name == id).unwrap().0
}

#[tokio::test]
async fn healthy_says_all_and_leaves_nothing_behind() {
    let bus = Bus::start(&[]);
    bus.command(&[
        "ZADD",
        "asgi:group:chat_5",
        "1",
        "specific.00112233445566778899aabbccddeeff!a",
    ]);
    bus.command(&[
        "-n",
        "3",
        "ZADD",
        "demo:group:chat_5",
        "1",
        "specific.00112233445566778899aabbccddeeff!b",
    ]);
    bus.command(&["ZADD", "asgispecific.00112233445566778899aabbccddeeff!", "1", "x"]);
    let before = state(&bus);
    let mut seen = seen(&bus.url()).await;
    assert_eq!(seen.answer, RedisAnswer::Pong, "{seen:?}");
    assert_eq!(state(&bus), before, "no key is made, changed or removed");
    assert!(seen.ping_ms.is_some_and(|ms| ms > 0.0) && seen.ping_max_ms >= seen.ping_ms);
    assert!(seen.round_trip_tried && seen.round_trip_ms.is_some());
    assert_eq!(seen.role.as_deref(), Some("master"));
    assert_eq!(
        (seen.write_error.as_deref(), seen.has_bzpopmin),
        (None, Some(true))
    );
    assert_eq!(
        (seen.flushes, seen.readers, seen.idle_timeout_s),
        (Some(0), Some(0), Some(0))
    );
    assert_eq!(seen.databases, [(0, 2), (3, 1)]);
    assert_eq!(
        (seen.groups.len(), seen.groups[0].members, seen.scanned_all),
        (1, 1, Some(true))
    );
    assert_eq!(seen.groups_elsewhere[0].1.key, "demo:group:chat_5");
    assert_eq!(
        seen.mailboxes,
        [("asgispecific.00112233445566778899aabbccddeeff!".into(), 1)]
    );
    assert_eq!(seen.prefixes, [(0, "asgi".into(), 2), (3, "demo".into(), 1)]);
    assert!(
        seen.forbidden.is_empty() && seen.no_answer_to.is_none(),
        "{seen:?}"
    );
    bus.command(&[
        "ZADD",
        "asgi:group:chat_5",
        "1",
        "specific.00112233445566778899aabbccddeeff!c",
    ]);
    bus.command(&[
        "ZADD",
        "asgi:group:chat_6",
        "1",
        "specific.00112233445566778899aabbccddeeff!c",
    ]);
    during(&mut seen, &bus.url()).await;
    assert!(seen.looked_during);
    let groups: Vec<_> = seen
        .groups
        .iter()
        .map(|group| (group.key.as_str(), group.members, group.members_during))
        .collect();
    assert_eq!(
        groups,
        [
            ("asgi:group:chat_5", 1, Some(2)),
            ("asgi:group:chat_6", 0, Some(1))
        ]
    );
    assert_eq!(cause(seen), None);
    // Nobody stays behind either.
    bus.until(&["INFO", "clients"], |text| {
        text.contains("connected_clients:1\r")
    });
}

/// Every key with its value, and how often Redis counted a change.
fn state(bus: &Bus) -> Vec<String> {
    let changes = bus.command(&["INFO", "persistence"]);
    let changes = changes
        .lines()
        .find(|line| line.starts_with("rdb_changes_since_last_save"))
        .unwrap_or_default();
    vec![
        bus.command(&["DEBUG", "DIGEST"]),
        bus.command(&["DBSIZE"]),
        changes.to_owned(),
        bus.command(&["ZRANGE", "asgi:group:chat_5", "0", "-1", "WITHSCORES"]),
    ]
}

#[tokio::test]
async fn down_wrong_name_and_something_else() {
    let port = free_port();
    let down = seen(&format!("redis://:s3cret@127.0.0.1:{port}/1")).await;
    assert!(
        matches!(&down.answer, RedisAnswer::Unreachable(words) if words.contains("refused")),
        "{down:?}"
    );
    assert_eq!(down.url, format!("redis://127.0.0.1:{port}/1"));
    assert_cause(down, "redis_down");
    let gone = seen("unix:///nowhere/redis.sock").await;
    assert!(matches!(gone.answer, RedisAnswer::Unreachable(_)), "{gone:?}");
    assert_cause(gone, "redis_down");
    let named = seen("redis://redis.invalid:6379/0").await;
    assert!(matches!(named.answer, RedisAnswer::NoName(_)), "{named:?}");
    assert_cause(named, "redis_wrong_address");
    let unreadable = seen("redis://:pa#ss@127.0.0.1/0").await;
    assert!(
        matches!(unreadable.answer, RedisAnswer::BadAddress(_)),
        "{unreadable:?}"
    );
    assert_cause(unreadable, "redis_wrong_address");
    let other = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}/0", other.local_addr().unwrap());
    let answers = async {
        use tokio::io::AsyncWriteExt as _;
        let (mut stream, _) = other.accept().await.unwrap();
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .unwrap();
        stream
    };
    let (http, _stream) = tokio::join!(seen(&url), answers);
    assert!(
        matches!(&http.answer, RedisAnswer::NotRedis(words) if words.starts_with("HTTP/1.1 400")),
        "{http:?}"
    );
    assert_cause(http, "redis_wrong_address");
}

#[tokio::test]
async fn passwords_and_access_lists() {
    let bus = Bus::start(&["--requirepass", "s3cret!"]);
    let port = bus.port;
    let none = seen(&bus.url()).await;
    assert!(
        matches!(&none.answer, RedisAnswer::Error(words) if words.starts_with("NOAUTH")),
        "{none:?}"
    );
    assert_cause(none, "redis_auth");
    let wrong = seen(&format!("redis://:nope@127.0.0.1:{port}/0")).await;
    assert!(
        matches!(&wrong.answer, RedisAnswer::Error(words) if words.starts_with("WRONGPASS")),
        "{wrong:?}"
    );
    assert_cause(wrong, "redis_auth");
    let right = seen(&format!("redis://:s3cret%21@127.0.0.1:{port}/0")).await;
    assert_eq!(
        (right.answer.clone(), right.write_error.clone(), cause(right)),
        (RedisAnswer::Pong, None, None)
    );
    assert!(speaks(&format!("127.0.0.1:{port}"), WITHIN).await);
    assert!(!speaks(&format!("127.0.0.1:{}", free_port()), WITHIN).await);
    let cli = |words: &[&str]| bus.command(&[&["-a", "s3cret!", "--no-auth-warning"], words].concat());
    cli(&[
        "ACL",
        "SETUSER",
        "app",
        "on",
        ">pw",
        "~chat*",
        "&chat*",
        "+@all",
        "-@admin",
        "-@dangerous",
    ]);
    let narrow = look_as(
        &format!("redis://app:pw@127.0.0.1:{port}/0"),
        "chat",
        Duration::from_secs(20),
    )
    .await;
    assert_eq!(
        (narrow.answer.clone(), narrow.write_error.as_deref()),
        (RedisAnswer::Pong, None),
        "{narrow:?}"
    );
    assert!(narrow.round_trip_ms.is_some());
    let names: Vec<_> = narrow
        .forbidden
        .iter()
        .map(|row| row.split(':').next().unwrap())
        .collect();
    assert_eq!(names, ["INFO all", "CONFIG GET", "CONFIG GET", "CONFIG GET"]);
    assert!(
        skipped(&narrow)
            .iter()
            .all(|row| row.try_this.as_ref().is_some_and(|line| !line.contains("pw")))
    );
    assert_eq!(cause(narrow), None);
    cli(&[
        "ACL",
        "SETUSER",
        "reader",
        "on",
        ">pw",
        "~*",
        "&*",
        "+@read",
        "+@connection",
        "+@pubsub",
        "+info",
    ]);
    let reader = seen(&format!("redis://reader:pw@127.0.0.1:{port}/0")).await;
    assert!(
        reader
            .write_error
            .as_ref()
            .is_some_and(|words| words.starts_with("NOPERM")),
        "{reader:?}"
    );
    let text = format!("{reader:?}");
    assert!(!text.contains(":pw@"), "{text}");
    assert_cause(reader, "redis_auth");
    let unasked = Bus::start(&[]);
    let given = seen(&format!("redis://:s3cret@127.0.0.1:{}/0", unasked.port)).await;
    assert!(
        matches!(&given.answer, RedisAnswer::Error(words) if words.contains("without any password configured")),
        "{given:?}"
    );
    assert_cause(given, "redis_auth");
    let number = seen(&format!("redis://127.0.0.1:{}/99", unasked.port)).await;
    assert!(
        matches!(&number.answer, RedisAnswer::Error(words) if words.contains("DB index")),
        "{number:?}"
    );
    assert_cause(number, "redis_wrong_address");
}

#[tokio::test]
async fn no_slot_left() {
    let bus = Bus::start(&["--maxclients", "2"]);
    let held = [bus.port; 2].map(|port| std::net::TcpStream::connect(("127.0.0.1", port)).unwrap());
    let mut full = seen(&bus.url()).await;
    // The kernel accepts before Redis does: the two may still be on their way in.
    while full.answer == RedisAnswer::Pong {
        full = seen(&bus.url()).await;
    }
    assert!(
        matches!(&full.answer, RedisAnswer::Error(words) if words.contains("max number of clients")),
        "{full:?}"
    );
    assert_cause(full, "redis_max_clients");
    drop(held);
}

#[tokio::test]
async fn frozen_is_left_when_its_time_is_over() {
    let bus = Bus::start(&[]);
    bus.signal(Signal::STOP);
    let frozen = look(&bus.url(), Duration::from_millis(300)).await;
    assert_eq!(frozen.answer, RedisAnswer::Silent);
    assert_cause(frozen, "redis_frozen");
    let tls = look(
        &format!("rediss://127.0.0.1:{}/0", bus.port),
        Duration::from_millis(300),
    )
    .await;
    assert_eq!(tls.answer, RedisAnswer::Silent);
    bus.signal(Signal::CONT);
    assert_eq!(seen(&bus.url()).await.answer, RedisAnswer::Pong);
}

#[tokio::test]
async fn a_replica_takes_no_writes() {
    let primary = Bus::start(&[]);
    let replica = Bus::start(&["--replicaof", "127.0.0.1", &primary.port.to_string()]);
    replica.until(&["INFO", "replication"], |text| {
        text.contains("master_link_status:up")
    });
    let seen = seen(&replica.url()).await;
    assert_eq!(
        (seen.answer.clone(), seen.role.as_deref()),
        (RedisAnswer::Pong, Some("slave"))
    );
    assert!(
        seen.write_error
            .as_ref()
            .is_some_and(|words| words.starts_with("READONLY")),
        "{seen:?}"
    );
    assert_eq!(seen.primary, Some(format!("127.0.0.1:{}", primary.port)));
    assert_cause(seen, "redis_read_only");
}

#[tokio::test]
async fn over_its_memory() {
    let bus = Bus::start(&["--maxmemory", "1mb", "--maxmemory-policy", "noeviction"]);
    // The last write is let in while there is room before it.
    bus.command(&["SETRANGE", "filler", "600000", "x"]);
    let seen = seen(&bus.url()).await;
    assert!(
        seen.write_error
            .as_ref()
            .is_some_and(|words| words.starts_with("OOM")),
        "{seen:?}"
    );
    assert_eq!(
        (seen.max_memory, seen.eviction.as_deref()),
        (Some(1 << 20), Some("noeviction"))
    );
    assert_cause(seen, "redis_out_of_memory");
}

#[tokio::test]
async fn cannot_save() {
    let bus = Bus::start(&["--save", "3600 100000"]);
    std::fs::remove_dir_all(bus.folder.path()).unwrap();
    bus.command(&["SET", "a", "1"]);
    bus.command(&["BGSAVE"]);
    bus.until(&["INFO", "persistence"], |text| {
        text.contains("rdb_last_bgsave_status:err")
    });
    let seen = seen(&bus.url()).await;
    assert!(
        matches!(&seen.answer, RedisAnswer::Error(words) if words.starts_with("MISCONF")),
        "{seen:?}"
    );
    assert!(
        seen.write_error
            .as_ref()
            .is_some_and(|words| words.starts_with("MISCONF")),
        "{seen:?}"
    );
    assert_eq!(seen.last_save_ok, Some(false));
    assert_cause(seen, "redis_cannot_persist");
}

#[tokio::test]
async fn still_loading() {
    let bus = Bus::start(&[]);
    bus.command(&[
        "EVAL",
        "for i = 1, 2000 do redis.call('SET', 'k' .. i, string.rep('x', 100)) end",
        "0",
    ]);
    bus.command(&["SAVE"]);
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(bus.folder.path().join("dump.rdb"), folder.path().join("dump.rdb")).unwrap();
    drop(bus);
    // Both are Redis' own, for tests of it: so many microseconds a key, and clients are served between bytes.
    let slow = Bus::start_in(
        folder,
        &[
            "--key-load-delay",
            "10000",
            "--loading-process-events-interval-bytes",
            "1024",
        ],
    );
    let seen = seen(&slow.url()).await;
    assert!(
        matches!(&seen.answer, RedisAnswer::Error(words) if words.starts_with("LOADING")),
        "{seen:?}"
    );
    assert_eq!(seen.loading, Some(true));
    assert_cause(seen, "redis_loading");
}

#[tokio::test]
async fn without_a_blocking_pop_and_flushed() {
    let bus = Bus::start(&["--rename-command", "BZPOPMIN", ""]);
    bus.command(&["FLUSHALL"]);
    let seen = seen(&bus.url()).await;
    assert_eq!((seen.has_bzpopmin, seen.flushes), (Some(false), Some(1)));
    assert_cause(seen, "redis_too_old");
}
