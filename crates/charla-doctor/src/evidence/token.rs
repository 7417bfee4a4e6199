//! The access token, taken apart. Neither the token nor its signature is kept.

use serde::{Deserialize, Serialize};

/// What stands in the token.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenSeen {
    /// Where it was given: `?token=`, `--token`, `Authorization`.
    pub given_in: String,
    /// What it looks like.
    pub form: TokenForm,
    /// What is odd about one that cannot be read.
    pub odd: Option<Oddity>,
    /// `alg` of its header.
    pub algorithm: Option<String>,
    /// `kid` of its header.
    pub key_id: Option<String>,
    /// `token_type`.
    pub token_type: Option<String>,
    /// `exp`.
    pub expires_at: Option<f64>,
    /// `nbf`.
    pub not_before: Option<f64>,
    /// `iat`.
    pub issued_at: Option<f64>,
    /// `user_id` or `sub`.
    pub user: Option<String>,
    /// The name of that claim.
    pub user_claim: Option<String>,
    /// `iss`.
    pub issuer: Option<String>,
    /// `aud`.
    pub audience: Option<String>,
    /// A claim names the tenant.
    pub tenant: Option<String>,
    /// The signature against the key.
    pub key: KeyCheck,
    /// Where the key came from.
    pub key_from: Option<String>,
    /// Length in characters.
    pub length: usize,
    /// Characters in it that must be percent-encoded in a query, and were not: `+`, `/`, `=`, `#`, space.
    pub unencoded: String,
    /// The server's clock by its `Date` header, at the moment of the probe.
    pub server_time: Option<f64>,
    /// This machine's clock at that moment.
    pub local_time: f64,
}

/// What a token looks like.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenForm {
    /// None was given.
    #[default]
    Missing,
    /// A JWT that could be read.
    Jwt,
    /// `undefined`, `null`, an empty text, `[object Object]`.
    Placeholder,
    /// Anything else that is not a JWT.
    NotJwt,
    /// Has the shape of a JWT, but cannot be read.
    Broken,
}

/// The signature against a key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyCheck {
    /// No key was given or found, or none that can be tried.
    #[default]
    NoKey,
    /// It is right.
    Right,
    /// It is wrong.
    Wrong,
    /// The key is of another kind than `alg` asks for, or `alg` is none.
    WrongAlgorithm,
}

/// What happened to a token that cannot be read, as its shape tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Oddity {
    /// Quotation marks around it.
    Quoted,
    /// `Bearer ` before it.
    Prefixed,
    /// The JSON around it, instead of the token.
    Json,
    /// Spaces or line ends in it.
    Spaces,
    /// A part or more is missing at its end.
    Cut,
    /// Five parts: encrypted (JWE), which is read by nobody but its addressee.
    Encrypted,
}
