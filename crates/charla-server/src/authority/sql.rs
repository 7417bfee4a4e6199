//! The authority as a query in the application's database.
//!
//! One row answers. Its columns are read by name: `allowed` (which must be there), `role`, `name`, `chat_exists`, `tenant_exists`,
//! `title`, `closed`; `chat_id` and `user_id` are the application's own spelling, and an id that is spelled in another way is
//! none of its. No row: there is no such chat.

use std::sync::Arc;

use charla_core::Role;
use charla_wire::TenantId;

use super::{Answer, Failure, Question, Verdict};
use crate::application::{Application, ApplicationError, Query, Row, TENANT_SCHEMA, Value};

pub(super) struct Sql {
    application: Arc<Application>,
    query: Query,
    /// The only tenant there is, where the query finds the same for all.
    only: Option<TenantId>,
    asks_tenant: bool,
}

impl Sql {
    pub(super) fn new(
        application: Arc<Application>,
        query: Query,
        schema: Option<&str>,
        only: Option<TenantId>,
    ) -> Self {
        let asks_tenant = schema == Some(TENANT_SCHEMA) || query.uses("tenant");
        Self {
            application,
            query,
            only,
            asks_tenant,
        }
    }

    pub(super) async fn ask(&self, question: &Question) -> Result<Answer, Failure> {
        let tenant = &question.user.tenant;
        if !self.asks_tenant && self.only.as_ref() != Some(tenant) {
            return Ok(Answer::none(Verdict::NoTenant));
        }
        let chat = question.chat.as_ref();
        let values = [
            ("tenant", Value::Text(tenant.to_string())),
            ("user", Value::Text(question.user.user.to_string())),
            (
                "chat",
                chat.map_or(Value::Null, |chat| Value::Text(chat.to_string())),
            ),
        ];
        match self.application.ask(Some(tenant), &self.query, &values).await {
            Ok(rows) => rows.first().map_or(Ok(Answer::none(Verdict::NoChat)), |row| {
                read(row, question).map_err(Failure::Wrong)
            }),
            Err(ApplicationError::NoSchema) => Ok(Answer::none(Verdict::NoTenant)),
            Err(error @ ApplicationError::Unavailable(_)) => Err(Failure::Away(error.to_string())),
            Err(error @ (ApplicationError::Refused(_) | ApplicationError::Settings(_))) => {
                Err(Failure::Wrong(error.to_string()))
            }
        }
    }
}

/// A row's answer; in words what is wrong with it.
fn read(row: &Row, question: &Question) -> Result<Answer, String> {
    let truth = |column: &str| match row.get(column) {
        None => Ok(None),
        Some(value) => value.truth().map(Some).ok_or_else(|| {
            format!("the column `{column}` of authority.query is neither true nor false (nor 1 or 0)")
        }),
    };
    let text = |column: &str| {
        row.get(column)
            .and_then(Value::text)
            .filter(|text| !text.is_empty())
    };
    let allowed = truth("allowed")?.ok_or("authority.query has no column `allowed`")?;
    if truth("tenant_exists")? == Some(false) {
        return Ok(Answer::none(Verdict::NoTenant));
    }
    if text("user_id").is_some_and(|id| id != question.user.user.as_str()) {
        return Ok(Answer::none(Verdict::NoChat));
    }
    let role = match text("role").as_deref() {
        None | Some("member") => Role::Member,
        Some("agent") => Role::Agent,
        Some(_) => return Err("the column `role` of authority.query is neither member nor agent".into()),
    };
    let spelled = match (&question.chat, text("chat_id")) {
        (Some(chat), Some(own)) => own == chat.as_str(),
        (Some(_) | None, _) => true,
    };
    let exists = truth("chat_exists")?.unwrap_or(true) && spelled;
    let verdict = match (exists, allowed) {
        (false, _) => Verdict::NoChat,
        (true, false) => Verdict::Deny,
        (true, true) => Verdict::Allow,
    };
    Ok(Answer {
        verdict,
        known: true,
        role,
        name: text("name").map(Arc::from),
        title: text("title").map(Arc::from),
        closed: truth("closed")?,
    })
}
