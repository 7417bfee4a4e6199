//! What a client does without its server, as the crowd sees it: news in, the next request out.

use charla_wire::Lang;
use clap::ValueEnum;

use super::random::Random;

pub(super) mod charla;
pub(super) mod formula;

/// What a client learns, at a time that the caller names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    /// Its connection, up for long, is gone; the server may have said when to come back.
    Lost {
        /// `retry in N ms`.
        advice_ms: Option<u32>,
    },
    /// Its attempt of that time failed without a word.
    Failed {
        /// Virtual time.
        asked_ms: u32,
    },
    /// Its attempt of that time was accepted and welcomed.
    Welcomed {
        /// Virtual time.
        asked_ms: u32,
    },
    /// Its new token is there.
    Token,
    /// Its preflight came back: everything is well, or nobody answered.
    Preflight {
        /// Whether the server answered it.
        answered: bool,
    },
}

/// What it does next, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Opens a socket.
    Attempt(u32),
    /// Asks the server over plain HTTP what is wrong.
    Preflight(u32),
    /// Asks the application for a new token.
    Token(u32),
    /// Is back.
    Back(u32),
    /// Has given up.
    Stop,
}

/// A rule that all clients of a crowd follow.
pub(super) trait Policy {
    /// What one client remembers.
    type Client;

    /// A client that has been connected for long.
    fn client(&self, random: &mut Random) -> Self::Client;

    /// The client learns something at `at_ms`, and says its next request, which is never earlier. It is told first
    /// what answered its last request, so whatever else it does meanwhile (giving up waiting, say) comes out here.
    fn told(&self, client: &mut Self::Client, news: News, at_ms: u32, random: &mut Random) -> Next;
}

/// Every policy that can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Which {
    /// Charla's own clients
    Charla,
    /// phoenix.js 1.9
    #[value(name = "phoenix.js", alias = "phoenix")]
    Phoenix,
    /// socket.io-client 4.8
    #[value(name = "socket.io", alias = "socketio")]
    SocketIo,
    /// pusher-js 8.6
    #[value(name = "pusher-js", alias = "pusher")]
    Pusher,
    /// centrifuge-js 5.7
    #[value(name = "centrifuge-js", alias = "centrifuge")]
    Centrifuge,
    /// reconnecting-websocket 4.4
    #[value(name = "reconnecting-websocket")]
    ReconnectingWebSocket,
    /// Every second, without end: what a hand-written loop does
    #[value(name = "endless-loop", alias = "guide")]
    EndlessLoop,
}

impl Which {
    /// In the order in which they are told.
    pub(super) const ALL: [Self; 7] = [
        Self::Charla,
        Self::Phoenix,
        Self::SocketIo,
        Self::Pusher,
        Self::Centrifuge,
        Self::ReconnectingWebSocket,
        Self::EndlessLoop,
    ];

    /// As it is typed and as programs read it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Charla => "charla",
            Self::Phoenix => "phoenix.js",
            Self::SocketIo => "socket.io",
            Self::Pusher => "pusher-js",
            Self::Centrifuge => "centrifuge-js",
            Self::ReconnectingWebSocket => "reconnecting-websocket",
            Self::EndlessLoop => "endless-loop",
        }
    }

    /// As people read it.
    pub(super) const fn title(self, lang: Lang) -> &'static str {
        match (self, lang) {
            (Self::Charla, _) => "Charla",
            (Self::EndlessLoop, Lang::En) => "endless loop, 1 s",
            (Self::EndlessLoop, Lang::Es) => "bucle sin fin, 1 s",
            (
                Self::Phoenix
                | Self::SocketIo
                | Self::Pusher
                | Self::Centrifuge
                | Self::ReconnectingWebSocket,
                _,
            ) => self.name(),
        }
    }

    /// The formula of a policy that is one; Charla's is a machine.
    pub(super) const fn formula(self) -> Option<formula::Formula> {
        match self {
            Self::Charla => None,
            Self::Phoenix => Some(formula::PHOENIX),
            Self::SocketIo => Some(formula::SOCKET_IO),
            Self::Pusher => Some(formula::PUSHER),
            Self::Centrifuge => Some(formula::CENTRIFUGE),
            Self::ReconnectingWebSocket => Some(formula::RECONNECTING_WEBSOCKET),
            Self::EndlessLoop => Some(formula::ENDLESS_LOOP),
        }
    }
}
