//! An application says who may enter: by a query in its database and by a request to itself.
//!
//! Tenants here are `north` and `south`, which Charla's store knows nothing of until the application lets somebody in.

use charla_server::settings::{Settings, load};
use charla_wire::ChatId;
use serde_json::{Value, json};

use crate::application::Site;
use crate::serving::{Client, Reply, Serving, profile, room, until, user_key};

mod databases;
mod nodes;
mod over_http;
mod trouble;

/// What the application signs its tokens with.
const SECRET: &str = "a secret that only the application knows";
/// A query of an application with a schema for each tenant, which says everything that can be said.
const QUERY: &str = "SELECT (u.is_staff OR c.customer_id = u.id) AS allowed, c.id IS NOT NULL AS chat_exists, c.title, c.closed,
    CASE WHEN u.is_staff THEN 'agent' ELSE 'member' END AS role, u.username AS name, c.id AS chat_id, u.id AS user_id
    FROM auth_user u LEFT JOIN chat_chat c ON c.id = :chat WHERE u.id = :user AND u.is_active";

/// Settings as an operator writes them.
fn configured(toml: &str) -> Settings {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("charla.toml");
    let keys = format!("[[auth.keys]]\nalgorithm = \"HS256\"\nsecret = \"{SECRET}\"\n");
    std::fs::write(&file, format!("{toml}\n{keys}")).unwrap();
    load(Some(&file), std::iter::empty(), &[]).unwrap().settings
}

/// Takes over what those settings say of the application.
fn apply(settings: &mut Settings, toml: &str) {
    let given = configured(toml);
    settings.application = given.application;
    settings.authority = given.authority;
    settings.auth.keys = given.auth.keys;
    settings.server.default_tenant = given.server.default_tenant;
    settings.telemetry = given.telemetry;
    // Tests ask more often than people.
    settings.limits.refusals_per_minute = 0;
    settings.limits.refusals_per_minute_per_address = 0;
}

async fn serve(toml: &str) -> Serving {
    Serving::start_with(|settings| apply(settings, toml)).await
}

/// A query in a database with a schema for each tenant.
fn by_schema(site: &Site, more: &str) -> String {
    format!(
        "[application]\ndatabase_url = \"{}\"\nschema = \"{{tenant}}\"\n[authority]\nkind = \"sql\"\nquery = '''{QUERY}'''\n{more}",
        site.url()
    )
}

/// A token as the application gives it to its user.
fn token(user: &str) -> String {
    let claims = json!({"token_type": "access", "exp": 4_102_444_800_u64, "jti": user, "user_id": user});
    profile::sign(
        &json!({"alg": "HS256", "typ": "JWT"}),
        &claims.to_string(),
        SECRET.as_bytes(),
    )
}

/// Somebody at the door of a tenant's chat.
async fn knock(serving: &Serving, tenant: &str, user: &str, path: &str) -> Client {
    let path = format!("{path}?tenant={tenant}&token={}", token(user));
    Client::open(serving.address, &path, &["charla.v1"]).await
}

/// Goes in; what `welcome` and `subscribed` say.
async fn enter(serving: &Serving, tenant: &str, user: &str, chat: &str) -> (Client, Value, Value) {
    let mut client = knock(serving, tenant, user, &format!("/ws/chat/{chat}/")).await;
    let welcome = client.next_of("welcome").await;
    let subscribed = client.next_of("subscribed").await;
    (client, welcome, subscribed)
}

/// Is not let in; code and cause.
async fn refused(serving: &Serving, tenant: &str, user: &str, chat: &str) -> (u16, String) {
    let (code, reason) = knock(serving, tenant, user, &format!("/ws/chat/{chat}/"))
        .await
        .end()
        .await;
    let cause = reason.split([':', ' ', ';']).next().unwrap().to_owned();
    (code, cause)
}

/// A person's request to the REST interface.
async fn rest(serving: &Serving, tenant: &str, user: &str, path: &str) -> Reply {
    let bearer = format!("Authorization: Bearer {}", token(user));
    serving
        .http("GET", &format!("{path}?tenant={tenant}"), &[&bearer], b"")
        .await
}

/// The application's back end says that its answers count no more.
async fn forget(serving: &Serving, tenant: &str, which: &Value) {
    use secrecy::ExposeSecret as _;
    let auth = &serving.node().auth;
    let tenant = crate::serving::tenant_id(tenant);
    let (key, _) = auth
        .api_keys
        .create(Some(tenant), "app", auth.now())
        .await
        .unwrap();
    let bearer = format!("Authorization: Bearer {}", key.expose_secret());
    let headers = [bearer.as_str(), "Content-Type: application/json"];
    let body = which.to_string();
    let reply = serving
        .http("POST", "/api/v1/authority/forget", &headers, body.as_bytes())
        .await;
    assert_eq!(reply.status, 204, "{}", String::from_utf8_lossy(&reply.body));
}

/// A figure of the authority's.
async fn figure(serving: &Serving, name: &str) -> u64 {
    let reply = serving.http("GET", "/metrics", &[], b"").await;
    let text = String::from_utf8(reply.body).unwrap();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map_or(0, |value| value.parse().unwrap())
}

async fn questions(serving: &Serving, outcome: &str) -> u64 {
    figure(
        serving,
        &format!("charla_authority_questions_total{{outcome=\"{outcome}\"}}"),
    )
    .await
}

async fn readyz(serving: &Serving) -> String {
    let reply = serving.http("GET", "/readyz", &[], b"").await;
    assert_eq!(reply.status, 200, "balancers keep sending");
    String::from_utf8(reply.body).unwrap().trim().to_owned()
}

async fn is_member(serving: &Serving, tenant: &str, user: &str, chat: &str) -> bool {
    let chat = ChatId::parse(chat).unwrap();
    let standing = serving
        .node()
        .store
        .standing(&user_key(tenant, user), Some(&chat))
        .await;
    standing.unwrap().member
}

async fn knows_tenant(serving: &Serving, tenant: &str) -> bool {
    let tenant = crate::serving::tenant_id(tenant);
    serving.node().store.tenant(&tenant).await.unwrap().is_some()
}
