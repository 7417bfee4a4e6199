//! The targets.

mod doctor;
mod frames;
mod server;
mod tenants;
mod wire;

/// Something that reads bytes of others.
#[derive(Debug)]
pub struct Target {
    /// Its name: of its folder in `corpus/`, too.
    pub name: &'static str,
    /// What it reads, in one line.
    pub about: &'static str,
    /// Reads. Panics when a promise is broken.
    pub run: fn(&[u8]),
}

macro_rules! targets {
    ($($name:literal, $run:path, $about:literal;)*) => {
        /// All of them.
        pub static TARGETS: &[Target] = &[$(Target { name: $name, about: $about, run: $run }),*];
    };
}

targets! {
    "frames", frames::stream, "frames as they come off a socket, whole and in pieces";
    "spoken-frames", frames::spoken, "the same, from well-formed frames in an order that nobody thought of";
    "deflate", frames::deflate, "compressed messages: bounded, and read back as written";
    "request-head", server::request_head, "a request's head";
    "client-frame", wire::client_frame, "charla.v1's requests in JSON";
    "plain", wire::plain, "lines of the plain dialects";
    "proxy-header", wire::proxy_header, "the PROXY header, versions 1 and 2";
    "extensions", wire::extensions, "the offer in Sec-WebSocket-Extensions";
    "token", server::token, "a token, from its three parts before they are encoded, and as text";
    "session", server::session, "Django's signed sessions, behind the signature and before it";
    "pickle", server::pickle, "sessions pickled in Redis";
    "msgpack", server::msgpack, "what Channels says over Redis";
    "resp", server::resp, "what Redis answers, whole and in pieces";
    "nats", server::nats, "what NATS says, whole and in pieces";
    "nginx", doctor::nginx, "nginx' configuration, and the way of a request through it";
    "logs", doctor::logs, "pasted logs, and the verdict on them";
    "python", doctor::python, "Django's settings, read without running them";
    "bundle", doctor::bundle, "a report's evidence that somebody sent";
    "redact", doctor::redact, "the striking out of secrets";
    "tenants", tenants::two_of_one_name, "two tenants whose chats and people have the same names";
}

/// The target of a name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
