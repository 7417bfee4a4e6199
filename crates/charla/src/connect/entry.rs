//! The way in: an address made whole, a sign-in, and what is told when there is no way.

use std::io;

use charla_client::http::{Method, Question, ask_over};
use charla_client::{Address, ConnectError, Dialer, Proxies, Proxy, TokenError, TokenRequest};
use charla_wire::{Cause, ChatId};
use serde_json::json;

use crate::args::Connect;
use crate::causes;
use crate::exit::{Exit, Failure};
use crate::screen::{Screen, plain};
use crate::words;

/// A name and its password, good for any number of tokens.
#[derive(Clone)]
struct Account {
    user: String,
    password: String,
}

/// Where to go, and how to get in.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) address: Address,
    pub(super) dialer: Dialer,
    account: Option<Account>,
}

/// Why nobody signed in.
enum NoToken {
    Unreached(ConnectError),
    Refused(Option<Cause>, String),
}

impl Entry {
    /// The address with chat, tenant and token, signed in if asked for.
    pub(super) async fn open(wanted: &Connect, screen: &Screen) -> Result<Self, Failure> {
        let mut entry = Self {
            address: address(wanted, screen)?,
            dialer: dialer(wanted, screen)?,
            account: None,
        };
        if let Some(user) = &wanted.user {
            let password = match (&wanted.password, wanted.password_stdin) {
                (Some(password), _) => password.clone(),
                (None, true) => first_line()?,
                (None, false) => return Err(Failure::usage(words::needs_password(screen.lang))),
            };
            let account = Account {
                user: user.clone(),
                password,
            };
            let token = entry.sign_in(&account).await;
            let token = token.map_err(|why| why.told(&entry.address, screen))?;
            entry.address = entry.address.with_token(Some(token));
            entry.account = Some(account);
        }
        Ok(entry)
    }

    /// The token at hand the first time; after that a new one, where there is an account to get it for.
    pub(super) async fn token(self, why: TokenRequest) -> Result<String, TokenError> {
        match (
            why.refused.is_some() || why.expiring,
            &self.account,
            self.address.token(),
        ) {
            (true, Some(account), _) => self.sign_in(account).await.map_err(NoToken::into_error),
            (false, _, Some(token)) => Ok(token.to_owned()),
            // Without one the server says what it wants.
            (false, _, None) => Ok(String::new()),
            (true, None, _) => Err(TokenError::stop("there is no other token")),
        }
    }

    async fn sign_in(&self, account: &Account) -> Result<String, NoToken> {
        let address = &self.address;
        let tenant = address
            .parameter("tenant")
            .or_else(|| address.parameter("schema"));
        let mut body = json!({"username": account.user, "password": account.password});
        if let (Some(tenant), Some(body)) = (tenant, body.as_object_mut()) {
            body.insert("tenant".into(), tenant.into());
        }
        let question = Question {
            method: Method::POST,
            body: Some(&body),
            ..Question::get("/api/token/")
        };
        let answer = ask_over(&self.dialer, address, question)
            .await
            .map_err(NoToken::Unreached)?;
        if let Some(token) = answer.text("access") {
            return Ok(token.to_owned());
        }
        let cause = answer.text("cause").and_then(Cause::from_id);
        let detail = answer
            .text("detail")
            .map_or_else(|| format!("HTTP {}", answer.status), plain);
        Err(NoToken::Refused(cause, detail))
    }
}

impl NoToken {
    fn told(self, address: &Address, screen: &Screen) -> Failure {
        let lang = screen.lang;
        match self {
            Self::Unreached(error) => Failure::Told(not_connected(&error, address, screen)),
            Self::Refused(cause, detail) => {
                let said = cause.map_or(detail.clone(), |cause| {
                    format!("{}. {detail}", cause.words(lang).title)
                });
                let exit = cause.map_or(Exit::Failed, Exit::of);
                Failure::Say(exit, words::login_refused(lang, said))
            }
        }
    }

    fn into_error(self) -> TokenError {
        match self {
            Self::Unreached(error) => TokenError::later(error.to_string()),
            Self::Refused(_, detail) => TokenError::stop(detail),
        }
    }
}

fn address(wanted: &Connect, screen: &Screen) -> Result<Address, Failure> {
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
    Ok(address)
}

fn dialer(wanted: &Connect, screen: &Screen) -> Result<Dialer, Failure> {
    let mut dialer = Dialer::new();
    if let Some(file) = &wanted.ca_file {
        let with = dialer.with_authorities(file);
        dialer = with.map_err(|why| Failure::usage(why.to_string()))?;
    }
    if let Some(proxy) = &wanted.proxy {
        let proxy =
            Proxy::parse(proxy).map_err(|why| Failure::usage(words::trouble::proxy(screen.lang, &why)))?;
        dialer = dialer.with_proxies(Proxies::always(proxy));
    }
    Ok(dialer)
}

/// The first line of standard input; the rest stays to be read.
pub(crate) fn first_line() -> io::Result<String> {
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// Tells why there is no connection.
pub(super) fn not_connected(error: &ConnectError, address: &Address, screen: &Screen) -> Exit {
    screen.error(&words::not_connected(
        screen.lang,
        words::trouble::connect(screen.lang, error),
    ));
    let Some(cause) = error.cause() else {
        return Exit::Failed;
    };
    causes::explain(cause, screen);
    screen.note(words::doctor_hint(screen.lang, address));
    Exit::of(cause)
}
