//! The same commands through the REST interface of a server that runs, with a key of `charla key`.
//!
//! [`plan`] says what to ask, without any I/O; [`run`] asks.

use charla_client::Address;
use charla_client::http::{Answer, Method, Question, ask};
use charla_wire::{Cause, Lang};
use serde_json::{Value, json};

use super::record;
use crate::args::{
    Admin, ChatCommand, Desk, MembersCommand, RoleWord, TenantCommand, TokenCommand, UserCommand,
};
use crate::connect::show;
use crate::exit::{Exit, Failure, Outcome};
use crate::screen::{Screen, plain};
use crate::words;

/// One request, and what its answer is to a person.
struct Deed {
    method: Method,
    /// Below `/api/v1/`.
    path: String,
    body: Option<Value>,
    told: Told,
}

/// What a person reads of an answer.
enum Told {
    /// The list in this field, as a table of these columns.
    Table(&'static str, &'static [&'static str]),
    /// The messages in it.
    Messages,
    /// A sentence: the first for what was made now (201), the second for what was there.
    Sentence(String, String),
    /// A record, as a table of these columns.
    Record(&'static [&'static str]),
    /// A sentence beside the answer; more follows.
    Note(String, String),
}

const TENANT: &[&str] = &["id", "name", "created_at"];
const USER: &[&str] = &["id", "name", "role", "state", "has_password", "created_at"];
const CHAT: &[&str] = &["chat", "title", "state", "seq", "customer", "created_at"];
const MEMBER: &[&str] = &["id", "name", "read_seq", "joined_at"];

/// Carries a command out on the server at `url`.
pub(super) async fn run(wanted: &Admin, url: &str, screen: &mut Screen) -> Outcome {
    let lang = screen.lang;
    let desk = wanted.desk();
    let address = Address::parse(url)
        .map_err(|why| Failure::usage(words::bad_address(lang, url, words::trouble::address(lang, &why))))?;
    let Some(key) = &desk.key else {
        return Err(Failure::usage(words::wants_key(lang)));
    };
    for deed in plan(wanted, lang)? {
        let answer = carry_out(&deed, &address, key, desk, lang).await?;
        tell(&deed.told, answer, desk.json, screen)?;
    }
    Ok(Exit::Done)
}

async fn carry_out(
    deed: &Deed,
    server: &Address,
    key: &str,
    desk: &Desk,
    lang: Lang,
) -> Result<Answer, Failure> {
    let mut target = format!("/api/v1/{}", deed.path);
    if let Some(tenant) = &desk.tenant {
        target.push(if target.contains('?') { '&' } else { '?' });
        target.push_str(&format!("tenant={}", encoded(tenant)));
    }
    let question = Question {
        method: deed.method.clone(),
        target: &target,
        bearer: Some(key),
        body: deed.body.as_ref(),
    };
    let answer = ask(server, question).await.map_err(|error| {
        let exit = error.cause().map_or(Exit::Failed, Exit::of);
        Failure::Say(
            exit,
            words::not_connected(lang, words::trouble::connect(lang, &error)),
        )
    })?;
    if answer.status < 300 {
        return Ok(answer);
    }
    let detail = answer.text("detail").map(plain).unwrap_or_default();
    Err(match answer.text("cause").and_then(Cause::from_id) {
        Some(cause) => {
            let title = cause.words(lang).title;
            let about = if detail.is_empty() {
                String::new()
            } else {
                format!(": {detail}")
            };
            Failure::Say(Exit::of(cause), format!("{cause}: {title}{about}"))
        }
        None => Failure::failed(words::http_status(lang, server.origin(), answer.status)),
    })
}

fn tell(told: &Told, answer: Answer, json: bool, screen: &mut Screen) -> Result<(), Failure> {
    let list = |field: &str| {
        answer
            .json
            .get(field)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    let pick = |made: &String, kept: &String| {
        if answer.status == 201 {
            made.clone()
        } else {
            kept.clone()
        }
    };
    match told {
        Told::Note(made, kept) => screen.note(pick(made, kept)),
        Told::Table(field, columns) => record::list(&list(field), columns, json, screen)?,
        Told::Messages if json => screen.line(Value::from(list("messages")))?,
        Told::Messages => {
            for message in list("messages") {
                show::message(&message, None, screen)?;
            }
        }
        Told::Sentence(..) | Told::Record(_) if json => screen.line(answer.json)?,
        Told::Sentence(made, kept) => screen.line(pick(made, kept))?,
        Told::Record(columns) => record::list(&[answer.json], columns, false, screen)?,
    }
    Ok(())
}

/// What to ask for a command.
fn plan(wanted: &Admin, lang: Lang) -> Result<Vec<Deed>, Failure> {
    match wanted {
        Admin::Tenant(wanted) => Ok(vec![tenant(&wanted.command, lang)]),
        Admin::User(wanted) => Ok(vec![user(&wanted.command, lang)?]),
        Admin::Chat(wanted) => Ok(chat(&wanted.command, lang)),
        Admin::Token(wanted) => match &wanted.command {
            TokenCommand::Revoke { token } => {
                let token = super::token::given(token.clone())?;
                let said = words::token_is_revoked(lang);
                Ok(vec![change(
                    Method::POST,
                    "tokens/revoke".into(),
                    Some(json!({"token": token})),
                    said,
                )])
            }
            TokenCommand::Issue { .. } | TokenCommand::Inspect { .. } => {
                Err(Failure::usage(words::only_local(lang)))
            }
        },
        Admin::Key(_) => Err(Failure::usage(words::only_local(lang))),
    }
}

fn get(path: String, told: Told) -> Deed {
    Deed {
        method: Method::GET,
        path,
        body: None,
        told,
    }
}

/// A change that is told the same way whether it was one or not.
fn change(method: Method, path: String, body: Option<Value>, said: String) -> Deed {
    Deed {
        method,
        path,
        body,
        told: Told::Sentence(said.clone(), said),
    }
}

fn put(path: String, body: Value, made: String, kept: String) -> Deed {
    Deed {
        method: Method::PUT,
        path,
        body: Some(body),
        told: Told::Sentence(made, kept),
    }
}

fn tenant(command: &TenantCommand, lang: Lang) -> Deed {
    match command {
        TenantCommand::Add { id, name } => put(
            format!("tenants/{}", encoded(id)),
            without_nulls(json!({"name": name})),
            words::tenant_added(lang, id),
            words::tenant_kept(lang, id),
        ),
        TenantCommand::List => get("tenants".into(), Told::Table("tenants", TENANT)),
        TenantCommand::Show { id } => get(format!("tenants/{}", encoded(id)), Told::Record(TENANT)),
    }
}

fn user(command: &UserCommand, lang: Lang) -> Result<Deed, Failure> {
    let of = |id: &str| format!("users/{}", encoded(id));
    let server = words::the_server(lang);
    Ok(match command {
        UserCommand::Add {
            id,
            name,
            role,
            password,
        } => {
            let role = role.map(|role| match role {
                RoleWord::Member => "member",
                RoleWord::Agent => "agent",
            });
            let body = json!({"name": name, "role": role, "password": super::user::asked(password)?});
            let (made, kept) = (
                words::user_added(lang, id, &server),
                words::user_changed(lang, id, &server),
            );
            put(of(id), without_nulls(body), made, kept)
        }
        UserCommand::List { after, limit } => get(
            page("users", after.as_deref(), *limit),
            Told::Table("users", USER),
        ),
        UserCommand::Show { id } => get(of(id), Told::Record(USER)),
        UserCommand::Password { id, password } => {
            let given = super::user::asked(password)?;
            let given = given.ok_or_else(|| Failure::usage(words::wants_password(lang)))?;
            let body = json!({"password": given});
            change(
                Method::PUT,
                format!("{}/password", of(id)),
                Some(body),
                words::password_changed(lang, id),
            )
        }
        UserCommand::Block { id } => change(
            Method::PUT,
            of(id),
            Some(json!({"state": "blocked"})),
            words::user_blocked(lang, id),
        ),
        UserCommand::Unblock { id } => change(
            Method::PUT,
            of(id),
            Some(json!({"state": "active"})),
            words::user_unblocked(lang, id),
        ),
        UserCommand::SignOut { id } => change(
            Method::POST,
            format!("{}/sign-out", of(id)),
            None,
            words::user_signed_out(lang, id),
        ),
        UserCommand::Export { .. } => return Err(Failure::usage(words::only_local(lang))),
        UserCommand::Erase { id, keep_texts } => change(
            Method::POST,
            format!("{}/erase", of(id)),
            Some(json!({"keep_texts": keep_texts})),
            words::backup::erased_by_server(lang),
        ),
        UserCommand::Remove { id } => change(Method::DELETE, of(id), None, words::user_removed(lang, id)),
    })
}

fn chat(command: &ChatCommand, lang: Lang) -> Vec<Deed> {
    let of = |id: &str| format!("chats/{}", encoded(id));
    let server = words::the_server(lang);
    let members = |id: &str| get(format!("{}/members", of(id)), Told::Table("members", MEMBER));
    match command {
        ChatCommand::Add { id, title, member } => {
            let body = json!({"title": title, "members": member});
            let (made, kept) = (
                words::chat_added(lang, id, &server),
                words::chat_kept(lang, id, &server),
            );
            vec![put(of(id), without_nulls(body), made, kept)]
        }
        ChatCommand::List { after, limit } => {
            vec![get(
                page("chats", after.as_deref(), *limit),
                Told::Table("chats", CHAT),
            )]
        }
        ChatCommand::Show { id } => vec![get(of(id), Told::Record(CHAT))],
        ChatCommand::Close { id, reason, by } => {
            let body = without_nulls(json!({"reason": reason, "by": by}));
            vec![change(
                Method::POST,
                format!("{}/close", of(id)),
                Some(body),
                words::chat_closed(lang, id),
            )]
        }
        ChatCommand::Reopen { id } => {
            vec![change(
                Method::POST,
                format!("{}/reopen", of(id)),
                None,
                words::chat_reopened(lang, id),
            )]
        }
        ChatCommand::Members(MembersCommand::List { id }) => vec![members(id)],
        ChatCommand::Members(MembersCommand::Add { id, user }) => {
            let add = |user: &String| Deed {
                method: Method::PUT,
                path: format!("{}/members/{}", of(id), encoded(user)),
                body: None,
                told: Told::Note(
                    words::member_added(lang, user, id),
                    words::member_before(lang, user, id),
                ),
            };
            user.iter().map(add).chain([members(id)]).collect()
        }
        ChatCommand::Members(MembersCommand::Remove { id, user }) => {
            let remove = |user: &String| Deed {
                method: Method::DELETE,
                path: format!("{}/members/{}", of(id), encoded(user)),
                body: None,
                told: Told::Note(String::new(), words::member_removed(lang, user, id)),
            };
            user.iter().map(remove).chain([members(id)]).collect()
        }
        ChatCommand::History { id, before, limit } => {
            let before = before.map(|seq| format!("&before={seq}")).unwrap_or_default();
            vec![get(
                format!("{}/messages?limit={limit}{before}", of(id)),
                Told::Messages,
            )]
        }
    }
}

fn page(list: &str, after: Option<&str>, limit: usize) -> String {
    let after = after
        .map(|id| format!("&after={}", encoded(id)))
        .unwrap_or_default();
    format!("{list}?limit={limit}{after}")
}

fn without_nulls(mut body: Value) -> Value {
    if let Some(fields) = body.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    body
}

/// A piece of an address: what is not unreserved stands as `%XX` (RFC 3986, 2.1).
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_cannot_leave_its_place_in_the_address() {
        assert_eq!(encoded("ana@example.org"), "ana%40example.org");
        assert_eq!(encoded("../x?y#z"), "..%2Fx%3Fy%23z");
        assert_eq!(page("users", Some("a b"), 5), "users?limit=5&after=a%20b");
    }

    #[test]
    fn what_is_not_given_is_not_sent() {
        assert_eq!(without_nulls(json!({"a": null, "b": 1})), json!({"b": 1}));
    }
}
