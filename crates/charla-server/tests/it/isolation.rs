//! Two tenants with chats and people of the same names do what comes to mind, over sockets and HTTP: whatever is answered to one, no
//! word of the other's is in it.
//!
//! Every name, title and text says whose it is; every answer is searched. The dice are thrown by a seed (`CHARLA_ISOLATION_SEED`), as
//! often as `CHARLA_ISOLATION_DEEDS` says.

use std::time::Duration;

use charla_server::store::{Role, UserChange};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::serving::{Client, Serving, room, tenant_id, user_key, with_parameter};

const TENANTS: [&str; 2] = ["demo", "acme"];
const CHATS: [&str; 3] = ["5", "6", "absent"];
const PEOPLE: [&str; 3] = ["ana", "luis", "sofia"];

/// A throw of the dice (xorshift64*).
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let thrown = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(thrown).unwrap() % sides
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.throw(of.len())]
    }
}

/// One side, and what its people and its back end have heard.
struct Side {
    tenant: &'static str,
    other: &'static str,
    tokens: Vec<String>,
    key: String,
    clients: Vec<Client>,
    answers: usize,
    own_words: usize,
}

impl Side {
    async fn new(serving: &Serving, tenant: &'static str, other: &'static str) -> Self {
        let node = serving.node();
        for chat in &CHATS[..2] {
            let title = format!("{chat} of {tenant}");
            node.store
                .put_chat(&room(tenant, chat), Some(&title))
                .await
                .unwrap();
        }
        let mut tokens = Vec::new();
        for person in PEOPLE {
            let role = if person == "sofia" {
                Role::Agent
            } else {
                Role::Member
            };
            let change = UserChange {
                name: Some(format!("{person} of {tenant}")),
                role: Some(role),
                ..UserChange::default()
            };
            let user = user_key(tenant, person);
            node.store.put_user(&user, change).await.unwrap();
            for chat in &CHATS[..2] {
                node.store
                    .put_member(&room(tenant, chat), &user.user)
                    .await
                    .unwrap();
            }
            tokens.push(serving.token_of(tenant, person, Duration::from_secs(3600)).await);
        }
        let of_tenant = Some(tenant_id(tenant));
        let made = node
            .auth
            .api_keys
            .create(of_tenant, "shop", node.auth.now())
            .await;
        let mut clients = Vec::new();
        for token in &tokens {
            clients.push(Client::open(serving.address, &format!("/ws/?token={token}"), &["charla.v1"]).await);
        }
        Self {
            tenant,
            other,
            tokens,
            key: made.unwrap().0.expose_secret().to_owned(),
            clients,
            answers: 0,
            own_words: 0,
        }
    }

    /// Nothing in an answer is the other's.
    fn judge(&mut self, answer: &str, to: &dyn std::fmt::Debug) {
        let (own, others) = (format!(" of {}", self.tenant), format!(" of {}", self.other));
        assert!(
            !answer.contains(&others),
            "{} is told {answer} for {to:?}",
            self.tenant
        );
        self.answers += 1;
        self.own_words += usize::from(answer.contains(&own));
    }

    async fn over_socket(&mut self, dice: &mut Dice) {
        let chat = dice.pick(&CHATS);
        let seq = dice.throw(30);
        let text = format!("word {seq} of {}", self.tenant);
        let request = match dice.throw(10) {
            0..3 => json!({"type": "send", "ref": 1, "chat": chat, "id": uuid::Uuid::new_v4(), "text": text}),
            3 => json!({"type": "subscribe", "ref": 1, "chat": chat}),
            4 => json!({"type": "subscribe", "ref": 1, "chat": chat, "after": seq, "rev": 0}),
            5 => json!({"type": "history", "ref": 1, "chat": chat, "before": seq, "limit": 20}),
            6 => json!({"type": "edit", "ref": 1, "chat": chat, "seq": seq, "text": text}),
            7 => json!({"type": "delete", "ref": 1, "chat": chat, "seq": seq}),
            8 => json!({"type": "typing", "ref": 1, "chat": chat, "on": true}),
            _ => json!({"type": "unsubscribe", "ref": 1, "chat": chat}),
        };
        let who = dice.throw(self.clients.len());
        self.clients[who].say(&request).await;
        for place in 0..self.clients.len() {
            for frame in self.clients[place].heard().await {
                self.judge(&frame.to_string(), &request);
            }
        }
    }

    async fn over_http(&mut self, serving: &Serving, dice: &mut Dice) {
        let (chat, person, seq) = (dice.pick(&CHATS), dice.pick(&PEOPLE), dice.throw(30));
        let text = json!({"id": uuid::Uuid::new_v4(), "text": format!("posted {seq} of {}", self.tenant)});
        let (method, path, body) = match dice.throw(18) {
            0 => ("GET", "/api/v1/chats".to_owned(), Value::Null),
            1 => ("GET", format!("/api/v1/chats/{chat}"), Value::Null),
            2 => ("GET", format!("/api/v1/chats/{chat}/members"), Value::Null),
            3 | 4 => (
                "GET",
                format!("/api/v1/chats/{chat}/messages?after={seq}"),
                Value::Null,
            ),
            5 | 6 => ("POST", format!("/api/v1/chats/{chat}/messages"), text),
            7 => ("PATCH", format!("/api/v1/chats/{chat}/messages/{seq}"), text),
            8 => (
                "DELETE",
                format!("/api/v1/chats/{chat}/messages/{seq}"),
                Value::Null,
            ),
            9 => ("GET", "/api/v1/users".to_owned(), Value::Null),
            10 => ("GET", format!("/api/v1/users/{person}"), Value::Null),
            11 => ("GET", "/api/v1/me".to_owned(), Value::Null),
            12 => ("GET", "/api/v1/me/chats".to_owned(), Value::Null),
            13 => ("GET", "/api/v1/me/notifications".to_owned(), Value::Null),
            14 => (
                "POST",
                format!("/api/v1/users/{person}/notifications"),
                json!({"kind": "note", "text": format!("note of {}", self.tenant)}),
            ),
            15 => ("GET", format!("/api/v1/tenants/{}", self.other), Value::Null),
            16 => ("GET", format!("/ws/chat/{chat}/"), Value::Null),
            _ => ("PUT", format!("/api/v1/chats/{chat}/members/{person}"), json!({})),
        };
        // Some ask in the other's name, each way that there is.
        let path = match dice.throw(4) {
            0 => with_parameter(&path, "tenant", self.other),
            _ => path,
        };
        let named = format!(
            "Charla-Tenant: {}",
            if dice.throw(4) == 0 {
                self.other
            } else {
                self.tenant
            }
        );
        let bearer = match dice.throw(3) {
            0 => &self.key,
            _ => &self.tokens[dice.throw(self.tokens.len())],
        };
        let headers = [
            format!("Authorization: Bearer {bearer}"),
            "Content-Type: application/json".to_owned(),
            named,
        ];
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        let body = if body.is_null() {
            Vec::new()
        } else {
            body.to_string().into_bytes()
        };
        let reply = serving.http(method, &path, &headers, &body).await;
        assert!(reply.status < 500, "{method} {path}: {reply:?}");
        let answer = String::from_utf8_lossy(&reply.body).into_owned();
        self.judge(&answer, &(method, path));
    }
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_tenant_hears_a_word_of_another() {
    let seed = number("CHARLA_ISOLATION_SEED", 7);
    let deeds = number("CHARLA_ISOLATION_DEEDS", 600);
    let mut dice = Dice(seed.max(1));
    let serving = Serving::start_with(|settings| {
        settings.limits.sends_per_second = 0;
        settings.limits.requests_per_second = 0;
    })
    .await;
    let mut sides = [
        Side::new(&serving, TENANTS[0], TENANTS[1]).await,
        Side::new(&serving, TENANTS[1], TENANTS[0]).await,
    ];
    for _ in 0..deeds {
        let side = &mut sides[dice.throw(2)];
        if dice.throw(3) == 0 {
            side.over_socket(&mut dice).await;
        } else {
            side.over_http(&serving, &mut dice).await;
        }
    }
    for side in &sides {
        println!(
            "{}: {} answers, {} of them with words of its own, none with one of {}'s (seed {seed}, {deeds} deeds)",
            side.tenant, side.answers, side.own_words, side.other
        );
        assert!(side.own_words as u64 > deeds / 20, "hardly anything was answered");
    }
}
