//! `charla token`

use charla_core::UserKey;
use charla_server::auth::{Auth, Check, Inspection, Outcome as Found, Refusal, inspect};
use charla_server::clock;
use charla_server::settings::parse_duration;
use charla_server::store::UserState;
use charla_wire::Cause;
use owo_colors::OwoColorize as _;
use serde_json::{Value, json};
use std::sync::Arc;

use super::{Office, user_id};
use crate::args::{Desk, TokenArgs, TokenCommand};
use crate::causes;
use crate::config;
use crate::connect::first_line;
use crate::exit::{Exit, Failure, Outcome};
use crate::screen::{Screen, plain};
use crate::words;

pub(super) async fn run(wanted: TokenArgs, screen: &mut Screen) -> Outcome {
    match wanted.command {
        TokenCommand::Issue { user, ttl, refresh } => {
            let office = Office::open(&wanted.desk, false, screen).await?;
            issue(office, &user, ttl.as_deref(), refresh).await
        }
        TokenCommand::Inspect { token } => lay_open(&wanted.desk, &given(token)?, screen).await,
        TokenCommand::Revoke { token } => {
            let office = Office::open(&wanted.desk, false, screen).await?;
            revoke(office, &given(token)?).await
        }
    }
}

/// The token as an argument, or as the first line of standard input.
pub(super) fn given(token: Option<String>) -> Result<String, Failure> {
    let token = match token {
        Some(token) if token != "-" => token,
        _ => first_line()?,
    };
    Ok(token.trim().to_owned())
}

async fn issue(mut office: Office<'_>, user: &str, ttl: Option<&str>, refresh: bool) -> Outcome {
    let lang = office.screen.lang;
    let ttl = match ttl {
        Some(text) => parse_duration(text).ok_or_else(|| Failure::usage(words::bad_duration(lang, text)))?,
        None => office.settings.auth.access_ttl,
    };
    let tenant = office.tenant().await?;
    let key = UserKey {
        user: user_id(user, office.screen)?,
        tenant,
    };
    let Some(known) = office.store.user(&key).await? else {
        return Err(Failure::failed(words::no_user(lang, user, &key.tenant)));
    };
    let auth = office.auth().await?;
    if refresh {
        let pair = auth.accounts.issue_pair(known, auth.now()).await?;
        let record = json!({"access": pair.access, "refresh": pair.refresh});
        return office.done(format!("{}\n{}", pair.access, pair.refresh), &record);
    }
    let token = auth.accounts.issue_access(&known, ttl, auth.now())?;
    office.done(token.clone(), &json!({"access": token}))
}

async fn revoke(mut office: Office<'_>, token: &str) -> Outcome {
    let lang = office.screen.lang;
    let auth = office.auth().await?;
    let identity = auth.verify(token).await?;
    let Some(jti) = &identity.jti else {
        return Err(Failure::failed(words::no_jti(lang)));
    };
    let tenant = match identity.tenant.clone() {
        Some(tenant) => tenant,
        None => office.tenant().await?,
    };
    auth.revoked.revoke(&tenant, jti, identity.expires_at).await?;
    let record = json!({"tenant": tenant, "user": identity.user, "jti": jti});
    office.done(words::token_revoked(lang, plain(jti), &identity.user), &record)
}

/// The keys of a running server's store are out of reach: the signature is left out then, and that is said.
async fn lay_open(desk: &Desk, token: &str, screen: &mut Screen) -> Outcome {
    let settings = config::resolve(&desk.source(), screen)?.settings;
    let mut store_screen = Screen::new(screen.lang);
    let office = Office::open(desk, false, &mut store_screen).await;
    let auth: Option<Arc<Auth>> = match &office {
        Ok(office) => Some(office.auth().await?),
        Err(_) => None,
    };
    let verifier = auth.as_deref().map(|auth| &*auth.verifier);
    let mut inspection = inspect(token, &settings.auth, verifier, clock::system()()).await;
    if let (Ok(office), Some(auth), None) = (&office, &auth, inspection.refusal()) {
        inspection.checks.extend(standing(office, auth, token).await?);
    }
    let exit = inspection
        .refusal()
        .map_or(Exit::Done, |refusal| Exit::of(refusal.cause));
    if desk.json {
        screen.line(as_json(&inspection))?;
        return Ok(exit);
    }
    for part in [&inspection.header, &inspection.claims].into_iter().flatten() {
        screen.line(plain(&part.to_string()))?;
    }
    screen.line("")?;
    for check in &inspection.checks {
        match &check.outcome {
            Found::Passed(found) => {
                screen.line(format_args!(
                    "{} {:<20} {}",
                    "ok".green(),
                    check.name,
                    plain(found)
                ))?;
            }
            Found::Refused(refusal) => {
                screen.line(format_args!(
                    "{} {:<20} {}",
                    "no".red(),
                    check.name,
                    plain(&refusal.to_string())
                ))?;
            }
            Found::Skipped(why) => screen.line(format_args!("{} {:<20} {why}", "--".dimmed(), check.name))?,
        }
    }
    if let Some(refusal) = inspection.refusal() {
        screen.line("")?;
        causes::tell(refusal.cause, screen)?;
    }
    Ok(exit)
}

/// What the store says about a token that is good in itself.
async fn standing(office: &Office<'_>, auth: &Auth, token: &str) -> Result<Vec<Check>, Failure> {
    let check = |name, refused: Option<(Cause, &str)>| Check {
        name,
        outcome: refused.map_or(Found::Passed("no".into()), |(cause, detail)| {
            let detail = detail.to_owned();
            Found::Refused(Refusal { cause, detail })
        }),
    };
    let identity = match auth.verify(token).await {
        Ok(identity) => identity,
        Err(refusal) => return Ok(vec![check("revoked", Some((refusal.cause, &refusal.detail)))]),
    };
    let mut checks = vec![check("revoked", None)];
    let Some(tenant) = identity.tenant.clone() else {
        return Ok(checks);
    };
    let user = identity.user.clone();
    let known = office.store.user(&UserKey { tenant, user }).await?;
    let signed_out = known
        .as_ref()
        .is_some_and(|user| identity.issued_before(user.tokens_valid_from));
    let state = known.map(|user| user.state);
    let blocked = (state == Some(UserState::Blocked)).then_some((Cause::UserBlocked, "this user is blocked"));
    let deleted =
        (state == Some(UserState::Deleted)).then_some((Cause::UserUnknown, "this user was removed"));
    let signed_out = signed_out.then_some((
        Cause::TokenRevoked,
        "the user signed out everywhere after it was made",
    ));
    checks.push(check("user blocked", blocked));
    checks.push(check("user removed", deleted));
    checks.push(check("signed out", signed_out));
    Ok(checks)
}

fn as_json(inspection: &Inspection) -> Value {
    let checks = inspection.checks.iter().map(|check| match &check.outcome {
        Found::Passed(found) => json!({"check": check.name, "outcome": "passed", "detail": found}),
        Found::Refused(refusal) => {
            json!({"check": check.name, "outcome": "refused", "cause": refusal.cause, "detail": refusal.detail})
        }
        Found::Skipped(why) => json!({"check": check.name, "outcome": "skipped", "detail": why}),
    });
    json!({
        "header": inspection.header,
        "claims": inspection.claims,
        "checks": checks.collect::<Vec<_>>(),
        "cause": inspection.refusal().map(|refusal| refusal.cause),
    })
}
