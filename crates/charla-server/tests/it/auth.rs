//! Accounts, revocation, tickets and API keys on a real store, by a clock that the test sets.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use charla_core::UserKey;
use charla_server::auth::{Auth, Inspection, Outcome, Refusal, TICKET_LIFE, TokenPair, inspect};
use charla_server::settings::{AuthSettings, StoreSettings};
use charla_server::store::{Role, Sqlite, Store, User, UserChange, UserState};
use charla_wire::{Cause, ChatId, TenantId, Timestamp, UserId};
use tokio::sync::mpsc;

use crate::store_contract::clock;

const MINUTE: i64 = 60_000;

/// A server's door with two accounts: ana, and sofia of support, each with her name as password.
struct Door {
    auth: Arc<Auth>,
    store: Arc<dyn Store>,
    settings: AuthSettings,
    now: Arc<AtomicI64>,
    /// Kept until the store is gone.
    _folder: tempfile::TempDir,
}

impl Door {
    async fn open() -> Self {
        Self::open_with(AuthSettings::default()).await
    }

    async fn open_with(settings: AuthSettings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let now = Arc::new(AtomicI64::new(1_795_428_000_500));
        let (sink, _) = mpsc::channel(1);
        let place = StoreSettings {
            path: folder.path().to_owned(),
            ..StoreSettings::default()
        };
        let store: Arc<dyn Store> = Arc::new(Sqlite::open(&place, clock(&now), sink).unwrap());
        let auth = Auth::start(&settings, Arc::clone(&store), clock(&now))
            .await
            .unwrap();
        store.put_tenant(&tenant("demo"), "Demo").await.unwrap();
        for (name, role) in [("ana", Role::Member), ("sofia", Role::Agent)] {
            let change = UserChange {
                role: Some(role),
                password: Some(auth.accounts.hash_password(name.into()).await.unwrap()),
                ..UserChange::default()
            };
            store.put_user(&key(name), change).await.unwrap();
        }
        Self {
            auth,
            store,
            settings,
            now,
            _folder: folder,
        }
    }

    /// A second server on the same store.
    async fn neighbour(&self) -> Arc<Auth> {
        Auth::start(&self.settings, Arc::clone(&self.store), clock(&self.now))
            .await
            .unwrap()
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now.load(Ordering::SeqCst))
    }

    fn wait(&self, millis: i64) {
        self.now.fetch_add(millis, Ordering::SeqCst);
    }

    async fn login(&self, name: &str, password: &str) -> Result<TokenPair, Refusal> {
        self.auth
            .accounts
            .login(&tenant("demo"), name, password.into(), self.now())
            .await
    }

    async fn refresh(&self, token: &str) -> Result<TokenPair, Refusal> {
        self.auth.accounts.refresh(token, self.now()).await
    }

    async fn set_state(&self, name: &str, state: UserState) {
        let change = UserChange {
            state: Some(state),
            ..UserChange::default()
        };
        self.store.put_user(&key(name), change).await.unwrap();
    }

    async fn user(&self, name: &str) -> User {
        self.store.user(&key(name)).await.unwrap().unwrap()
    }
}

fn tenant(id: &str) -> TenantId {
    TenantId::parse(id).unwrap()
}

fn key(name: &str) -> UserKey {
    UserKey {
        tenant: tenant("demo"),
        user: UserId::parse(name).unwrap(),
    }
}

fn cause<T>(outcome: Result<T, Refusal>) -> Cause {
    match outcome {
        Ok(_) => panic!("it was let through"),
        Err(refusal) => refusal.cause,
    }
}

#[tokio::test]
async fn a_password_brings_a_pair_of_tokens_in_simplejwts_shape() {
    let door = Door::open().await;
    let pair = door.login("sofia", "sofia").await.unwrap();
    let identity = door.auth.verify(&pair.access).await.unwrap();
    assert_eq!(identity.tenant, Some(tenant("demo")));
    assert_eq!(identity.user.as_str(), "sofia");
    assert_eq!(identity.role, Some(Role::Agent));
    assert!(identity.builtin && identity.jti.is_some());
    assert_eq!(
        identity.issued_at,
        Some(Timestamp::from_millis(1_795_428_000_000))
    );
    assert_eq!(
        identity.expires_at,
        Timestamp::from_millis(1_795_428_000_000 + 15 * MINUTE)
    );

    let claims = inspect(&pair.refresh, &door.settings, None, door.now())
        .await
        .claims
        .unwrap();
    assert_eq!(claims["token_type"], "refresh");
    assert_eq!(claims["user_id"], "sofia");
    assert!(claims["exp"].is_i64() && claims["iat"].is_i64() && claims["jti"].is_string());

    let as_access = door.auth.verify(&pair.refresh).await.unwrap_err();
    assert_eq!(as_access.cause, Cause::TokenInvalid);
    assert_eq!(as_access.detail, "a token of type \"refresh\" is no access token");
    assert_eq!(cause(door.refresh(&pair.access).await), Cause::RefreshInvalid);
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_user_get_the_same_answer() {
    let door = Door::open().await;
    door.store
        .put_user(&key("luis"), UserChange::default())
        .await
        .unwrap();
    let wrong = door.login("ana", "ANA").await.unwrap_err();
    assert_eq!(wrong.cause, Cause::LoginFailed);
    for (name, password) in [
        ("nobody", "nobody"),
        ("luis", ""),
        ("luis", "nobody"),
        ("a b\r\n", "x"),
        ("", ""),
    ] {
        assert_eq!(door.login(name, password).await.unwrap_err(), wrong, "{name:?}");
    }
    let elsewhere = door
        .auth
        .accounts
        .login(&tenant("other"), "ana", "ana".into(), door.now())
        .await;
    assert_eq!(elsewhere.unwrap_err(), wrong);

    door.set_state("ana", UserState::Blocked).await;
    assert_eq!(cause(door.login("ana", "ana").await), Cause::UserBlocked);
    assert_eq!(door.login("ana", "wrong").await.unwrap_err(), wrong);
    door.set_state("ana", UserState::Deleted).await;
    assert_eq!(door.login("ana", "ana").await.unwrap_err(), wrong);
}

#[tokio::test]
async fn accounts_can_be_off() {
    let off = AuthSettings {
        accounts: false,
        ..AuthSettings::default()
    };
    let door = Door::open_with(off).await;
    assert_eq!(cause(door.login("ana", "ana").await), Cause::NotFound);
    assert_eq!(cause(door.refresh("x").await), Cause::NotFound);
}

#[tokio::test]
async fn a_refresh_token_works_once_and_its_reuse_ends_the_family() {
    let door = Door::open().await;
    let first = door.login("ana", "ana").await.unwrap();
    let other_device = door.login("ana", "ana").await.unwrap();
    door.wait(20 * MINUTE);
    assert_eq!(cause(door.auth.verify(&first.access).await), Cause::TokenExpired);
    let second = door.refresh(&first.refresh).await.unwrap();
    assert!(door.auth.verify(&second.access).await.is_ok());
    let third = door.refresh(&second.refresh).await.unwrap();

    assert_eq!(cause(door.refresh(&first.refresh).await), Cause::RefreshReused);
    for stolen_or_not in [&second.refresh, &third.refresh] {
        let outcome = cause(door.refresh(stolen_or_not).await);
        assert!(
            matches!(outcome, Cause::RefreshInvalid | Cause::RefreshReused),
            "{outcome}"
        );
    }
    assert!(door.refresh(&other_device.refresh).await.is_ok());
}

#[tokio::test]
async fn two_refreshes_at_once_are_one_use_and_one_reuse() {
    let door = Door::open().await;
    let pair = door.login("ana", "ana").await.unwrap();
    let (one, other) = tokio::join!(door.refresh(&pair.refresh), door.refresh(&pair.refresh));
    assert!(one.is_ok() != other.is_ok());
    assert_eq!(
        one.and(other).map(|_| ()).unwrap_err().cause,
        Cause::RefreshReused
    );
}

#[tokio::test]
async fn a_refresh_token_ends_with_its_time_its_user_or_a_sign_out() {
    let door = Door::open().await;
    let pair = door.login("ana", "ana").await.unwrap();
    for (state, expected) in [
        (UserState::Blocked, Cause::UserBlocked),
        (UserState::Deleted, Cause::UserUnknown),
    ] {
        door.set_state("ana", state).await;
        assert_eq!(cause(door.refresh(&pair.refresh).await), expected);
    }
    door.set_state("ana", UserState::Active).await;
    door.wait(8 * 24 * 60 * MINUTE);
    assert_eq!(cause(door.refresh(&pair.refresh).await), Cause::RefreshInvalid);

    let pair = door.login("ana", "ana").await.unwrap();
    assert!(
        door.auth
            .accounts
            .sign_out_everywhere(&key("ana"), door.now())
            .await
            .unwrap()
    );
    assert!(
        !door
            .auth
            .accounts
            .sign_out_everywhere(&key("nobody"), door.now())
            .await
            .unwrap()
    );
    assert_eq!(cause(door.refresh(&pair.refresh).await), Cause::RefreshInvalid);
    for bad in ["", "x", "a.b.c", &pair.access] {
        assert_eq!(cause(door.refresh(bad).await), Cause::RefreshInvalid, "{bad}");
    }
}

#[tokio::test]
async fn another_password_ends_tokens_made_before_it_even_in_the_same_second() {
    let door = Door::open().await;
    let before = door.login("ana", "ana").await.unwrap();
    assert!(
        door.auth
            .accounts
            .set_password(&key("ana"), "Ana2".into(), door.now())
            .await
            .unwrap()
    );
    let from = door.user("ana").await.tokens_valid_from;
    assert!(
        door.auth
            .verify(&before.access)
            .await
            .unwrap()
            .issued_before(from)
    );
    assert_eq!(cause(door.login("ana", "ana").await), Cause::LoginFailed);
    let after = door.login("ana", "Ana2").await.unwrap();
    assert!(!door.auth.verify(&after.access).await.unwrap().issued_before(from));
    assert!(door.refresh(&after.refresh).await.is_ok());
}

#[tokio::test]
async fn a_revoked_token_is_refused_here_at_once_and_soon_on_every_node() {
    let door = Door::open().await;
    let neighbour = door.neighbour().await;
    let ana = door.user("ana").await;
    let issue = || {
        door.auth
            .accounts
            .issue_access(&ana, Duration::from_secs(60), door.now())
            .unwrap()
    };
    let (token, other) = (issue(), issue());
    let identity = neighbour.verify(&token).await.unwrap();
    let jti = identity.jti.clone().unwrap();

    door.auth
        .revoked
        .revoke(&tenant("demo"), &jti, identity.expires_at)
        .await
        .unwrap();
    assert_eq!(cause(door.auth.verify(&token).await), Cause::TokenRevoked);
    assert_eq!(
        cause(door.auth.check_revoked(&identity, &tenant("demo"))),
        Cause::TokenRevoked
    );
    assert!(!door.auth.revoked.is_revoked(&tenant("other"), &jti));
    assert!(door.auth.verify(&other).await.is_ok());

    // The neighbour asks the store every second; the limit is for a machine that is busy with other things.
    let heard = async {
        let mut look = tokio::time::interval(Duration::from_millis(20));
        while neighbour.verify(&token).await.is_ok() {
            look.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), heard)
        .await
        .unwrap();
    assert_eq!(
        cause(door.neighbour().await.verify(&token).await),
        Cause::TokenRevoked
    );
}

#[tokio::test]
async fn the_signing_secret_outlives_a_restart_and_can_be_set() {
    let door = Door::open().await;
    let pair = door.login("ana", "ana").await.unwrap();
    assert!(door.neighbour().await.verify(&pair.access).await.is_ok());
    let other = AuthSettings {
        secret: Some("another secret of enough letters, all of them typed".into()),
        ..AuthSettings::default()
    };
    let stranger = Auth::start(&other, Arc::clone(&door.store), clock(&door.now))
        .await
        .unwrap();
    assert_eq!(cause(stranger.verify(&pair.access).await), Cause::TokenInvalid);
}

#[tokio::test]
async fn a_ticket_works_once_within_its_time() {
    let door = Door::open().await;
    let pair = door.login("ana", "ana").await.unwrap();
    let identity = door.auth.verify(&pair.access).await.unwrap();
    let chat = ChatId::parse("5").unwrap();
    let tickets = &door.auth.tickets;

    let ticket = tickets.issue(&identity, Some(&chat), door.now()).await.unwrap();
    assert!(
        door.store.take_ticket(&ticket).await.unwrap().is_none(),
        "it is stored by its hash alone"
    );
    let grant = tickets.redeem(&ticket, door.now()).await.unwrap();
    assert_eq!((grant.identity, grant.chat), (identity.clone(), Some(chat)));
    for bad in [&*ticket, "", "x", &"A".repeat(43), &"A".repeat(100_000)] {
        assert_eq!(cause(tickets.redeem(bad, door.now()).await), Cause::TicketInvalid);
    }

    let late = tickets.issue(&identity, None, door.now()).await.unwrap();
    door.wait(i64::try_from(TICKET_LIFE.as_millis()).unwrap());
    assert_eq!(
        cause(tickets.redeem(&late, door.now()).await),
        Cause::TicketInvalid
    );
}

#[tokio::test]
async fn an_api_key_is_known_until_it_is_removed() {
    let door = Door::open().await;
    let keys = &door.auth.api_keys;
    let (secret, record) = keys
        .create(Some(tenant("demo")), "django", door.now())
        .await
        .unwrap();
    let secret = secrecy::ExposeSecret::expose_secret(&secret).to_owned();
    assert!(secret.starts_with("charla_") && !record.hash.contains(&secret[7..]));
    for _ in 0..2 {
        assert_eq!(keys.authenticate(&secret).await.unwrap(), record);
    }
    for bad in [
        "",
        "charla_",
        &secret[7..],
        &format!("{secret}x"),
        &format!("charla_{}", "A".repeat(43)),
    ] {
        assert_eq!(
            cause(keys.authenticate(bad).await),
            Cause::UnauthorizedKey,
            "{bad}"
        );
    }
    assert!(keys.remove(&record.hash).await.unwrap());
    assert!(!keys.remove(&record.hash).await.unwrap());
    assert_eq!(cause(keys.authenticate(&secret).await), Cause::UnauthorizedKey);
}

#[tokio::test]
async fn an_inspection_goes_on_where_the_handshake_stops() {
    let door = Door::open().await;
    let pair = door.login("ana", "ana").await.unwrap();
    let look =
        async |token: &str| inspect(token, &door.settings, Some(&door.auth.verifier), door.now()).await;
    assert_eq!(look(&pair.access).await.refusal(), None);

    door.wait(60 * MINUTE);
    let inspection = look(&pair.refresh).await;
    assert_eq!(
        inspection.refusal().unwrap().detail,
        "a token of type \"refresh\" is no access token"
    );
    assert_eq!(
        outcome(&inspection, "signature"),
        &Outcome::Passed("by key \"charla\"".into())
    );
    assert_eq!(outcome(&inspection, "user"), &Outcome::Passed("ana".into()));

    let late = look(&pair.access).await;
    assert_eq!(late.refusal().unwrap().cause, Cause::TokenExpired);
    assert_eq!(late.header.as_ref().unwrap()["alg"], "HS256");
    let signature = pair.access.rsplit('.').next().unwrap();
    assert!(!format!("{late:?}").contains(signature));

    let bare = inspect(&pair.access, &door.settings, None, door.now()).await;
    assert_eq!(outcome(&bare, "signature"), &Outcome::Skipped("no keys at hand"));
    assert_eq!(
        look("Bearer x").await.refusal().unwrap().cause,
        Cause::TokenMalformed
    );
}

fn outcome<'i>(inspection: &'i Inspection, name: &str) -> &'i Outcome {
    let check = inspection.checks.iter().find(|check| check.name == name);
    &check.unwrap().outcome
}
