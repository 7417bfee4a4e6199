//! The way in: an address made whole, a sign-in, and what is told when there is no way.

use std::io;

use charla_client::http::{Method, Question, ask};
use charla_client::{Address, ConnectError};
use charla_wire::{Cause, ChatId};
use serde_json::json;

use crate::args::Connect;
use crate::causes;
use crate::exit::{Exit, Failure, Outcome};
use crate::screen::{Screen, plain};
use crate::words;

/// The address with chat, tenant and token, signed in if asked for.
pub(super) async fn address(wanted: &Connect, screen: &Screen) -> Result<Address, Failure> {
    let lang = screen.lang;
    let mut address = Address::parse(&wanted.url)
        .map_err(|why| {
            Failure::usage(words::bad_address(
                lang,
                &wanted.url,
                words::trouble::address(lang, &why),
            ))
        })?
        .with_token(wanted.token.clone());
    if let Some(chat) = &wanted.chat {
        let chat = ChatId::parse(chat).map_err(|why| {
            Failure::usage(words::bad_id(lang, "chat", chat, words::trouble::id(lang, why)))
        })?;
        address = address.with_chat(&chat);
    }
    if let Some(tenant) = &wanted.tenant {
        address = address.with_parameter("tenant", tenant);
    }
    if let Some(user) = &wanted.user {
        let password = match (&wanted.password, wanted.password_stdin) {
            (Some(password), _) => password.clone(),
            (None, true) => first_line()?,
            (None, false) => return Err(Failure::usage(words::needs_password(lang))),
        };
        let token = sign_in(&address, user, &password, screen).await?;
        address = address.with_token(Some(token));
    }
    Ok(address)
}

/// The first line of standard input; the rest stays to be read.
pub(crate) fn first_line() -> io::Result<String> {
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

async fn sign_in(address: &Address, user: &str, password: &str, screen: &Screen) -> Result<String, Failure> {
    let tenant = address
        .parameter("tenant")
        .or_else(|| address.parameter("schema"));
    let mut body = json!({"username": user, "password": password});
    if let (Some(tenant), Some(body)) = (tenant, body.as_object_mut()) {
        body.insert("tenant".into(), tenant.into());
    }
    let question = Question {
        method: Method::POST,
        body: Some(&body),
        ..Question::get("/api/token/")
    };
    let lang = screen.lang;
    let answer = ask(address, question).await.map_err(|error| {
        let exit = error.cause().map_or(Exit::Failed, Exit::of);
        Failure::Say(
            exit,
            words::not_connected(lang, words::trouble::connect(lang, &error)),
        )
    })?;
    if let Some(token) = answer.text("access") {
        return Ok(token.to_owned());
    }
    let cause = answer.text("cause").and_then(Cause::from_id);
    let detail = answer
        .text("detail")
        .map_or_else(|| format!("HTTP {}", answer.status), plain);
    let said = cause.map_or(detail.clone(), |cause| {
        format!("{}. {detail}", cause.words(lang).title)
    });
    let exit = cause.map_or(Exit::Failed, Exit::of);
    Err(Failure::Say(exit, words::login_refused(lang, said)))
}

/// Tells why there is no connection.
pub(super) fn not_connected(error: &ConnectError, address: &Address, screen: &mut Screen) -> Outcome {
    screen.error(&words::not_connected(
        screen.lang,
        words::trouble::connect(screen.lang, error),
    ));
    let Some(cause) = error.cause() else {
        return Ok(Exit::Failed);
    };
    causes::explain(cause, screen);
    screen.note(words::doctor_hint(screen.lang, address));
    Ok(Exit::of(cause))
}
