//! What the interface says of webhooks.

#![allow(
    unused_qualifications,
    reason = "the macro that describes parameters writes their whole path"
)]

use std::sync::Arc;

use charla_wire::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::node::Node;
use crate::store::webhooks::DeadLetter;
use crate::webhooks::Endpoint;

/// Every tenant's.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct WebhookOverview {
    /// All endpoints, by tenant.
    pub(super) webhooks: Vec<Webhook>,
    /// What was given up, the newest first: at most 200.
    pub(super) dead_letters: Vec<Letter>,
    /// Events that this node lost since it started because as many waited as may.
    pub(super) lost: u64,
    /// When this was so.
    #[schema(value_type = String, format = DateTime)]
    pub(super) at: Timestamp,
}

/// A tenant's.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct WebhookList {
    /// Its endpoints.
    pub(super) webhooks: Vec<Webhook>,
}

/// An endpoint.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct Webhook {
    /// Its id; it begins with `file_` where the endpoint stands in the file, which alone can change it then.
    #[schema(value_type = String, example = "we_018f4e5c7d3a")]
    pub(super) id: Arc<str>,
    /// Whose events it gets.
    #[schema(value_type = String, example = "acme")]
    pub(super) tenant: TenantId,
    /// Where they go.
    #[schema(example = "https://app.example.org/charla/events")]
    pub(super) url: String,
    /// Which.
    #[schema(value_type = Vec<String>, example = json!(["message.created"]))]
    pub(super) events: Vec<&'static str>,
    /// `api` or `file`.
    #[schema(value_type = String, example = "api")]
    pub(super) source: &'static str,
    /// When the API made it.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(super) created_at: Option<Timestamp>,
    /// Until when events are signed with the secret before the last one too.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(super) old_secret_until: Option<Timestamp>,
    /// Since when it gets nothing, because it answered 410.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(super) disabled_at: Option<Timestamp>,
    /// How many events wait for it, two seconds ago at most.
    pub(super) waiting: u64,
    /// When the oldest of them happened.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(super) waiting_since: Option<Timestamp>,
}

/// An endpoint to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct WebhookDraft {
    /// Where events go: http or https.
    #[schema(example = "https://app.example.org/charla/events")]
    pub(super) url: String,
    /// Which; all of them if absent.
    pub(super) events: Option<Vec<String>>,
}

/// An endpoint with its secret, which is shown this once.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct WebhookWithSecret {
    /// The endpoint.
    #[serde(flatten)]
    pub(super) webhook: Webhook,
    /// What events are signed with, as libraries of Standard Webhooks take it.
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    pub(super) secret: String,
}

/// What was given up.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct LetterList {
    /// The newest first.
    pub(super) dead_letters: Vec<Letter>,
}

/// Something that was given up.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct Letter {
    /// Its number.
    pub(super) id: i64,
    /// Whose.
    #[schema(value_type = String)]
    pub(super) tenant: TenantId,
    /// For which endpoint.
    pub(super) endpoint: String,
    /// Where that is, if it is still there.
    pub(super) url: Option<String>,
    /// Which event.
    #[schema(example = "message.created")]
    pub(super) event: String,
    /// The id that receivers know repeats by.
    pub(super) webhook_id: String,
    /// When it was written.
    #[schema(value_type = String, format = DateTime)]
    pub(super) created_at: Timestamp,
    /// When it was given up.
    #[schema(value_type = String, format = DateTime)]
    pub(super) dead_at: Timestamp,
    /// How often it was tried.
    pub(super) attempts: u32,
    /// What the endpoint said last.
    pub(super) last_answer: Option<String>,
}

/// Which dead letters.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct Which {
    /// Those for one endpoint.
    pub(super) endpoint: Option<String>,
    /// Only those with a lower number: the next page.
    pub(super) before: Option<i64>,
}

/// How many.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct Revived {
    /// How many are sent again.
    pub(super) retried: u64,
}

impl Webhook {
    pub(super) fn of(node: &Node, endpoint: &Endpoint) -> Self {
        let backlog = node.webhooks.backlog();
        let waiting = backlog.iter().find(|line| line.endpoint == endpoint.id);
        Self {
            id: Arc::clone(&endpoint.id),
            tenant: endpoint.tenant.clone(),
            url: endpoint.url.to_string(),
            events: endpoint.events.names(),
            source: if endpoint.from_file { "file" } else { "api" },
            created_at: endpoint.created_at,
            old_secret_until: endpoint.old_secret_until,
            disabled_at: endpoint.disabled_at,
            waiting: waiting.map_or(0, |line| line.waiting),
            waiting_since: waiting.map(|line| line.since),
        }
    }
}

impl Letter {
    pub(super) fn of(letter: DeadLetter, endpoints: &[Arc<Endpoint>]) -> Self {
        let endpoint = endpoints.iter().find(|one| *one.id == *letter.endpoint);
        Self {
            id: letter.row,
            url: endpoint.map(|one| one.url.to_string()),
            tenant: letter.tenant,
            endpoint: letter.endpoint,
            event: letter.event,
            webhook_id: letter.webhook_id,
            created_at: letter.created_at,
            dead_at: letter.dead_at,
            attempts: letter.attempts,
            last_answer: letter.last_answer,
        }
    }
}
