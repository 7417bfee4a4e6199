//! The sections of the file.

/// The sections in the order of the file, each with its line for people.
pub(in crate::settings) const SECTIONS: &[(&str, &str)] = &[
    ("server", "Sockets and HTTP."),
    (
        "origins",
        "Which pages may connect. The server's own pages always may.",
    ),
    ("auth", "Whose tokens are believed."),
    (
        "auth.claims",
        "Where a token says what. The defaults are SimpleJWT's names.",
    ),
    (
        "auth.django",
        "Django's sessions and SimpleJWT's blacklist: docs/tokens.md.",
    ),
    ("store", "Where chats live."),
    (
        "history",
        "The application's own table of messages, written along: PostgreSQL only, in the database of store.url.",
    ),
    (
        "broker",
        "How several nodes on one PostgreSQL hear of each other.",
    ),
    (
        "application",
        "The application's own database, which is only read: who may enter, which tokens and sessions hold.",
    ),
    ("authority", "Who says who may enter: docs/authority.md."),
    (
        "bridge",
        "Django Channels beside Charla, over the Redis of channels_redis: each hears what is said through the other.",
    ),
    ("limits", "How much anybody may do."),
    ("liveness", "Pings and presence."),
    ("plain", "Front ends that know nothing of charla.v1."),
    ("compression", "permessage-deflate."),
    ("log", "What is written down, on standard error."),
    ("metrics", "Who may read /metrics."),
    ("retention", "How long messages are kept: docs/data.md."),
    ("search", "Messages by their words: docs/search.md."),
    ("console", "The operator's overview at /console."),
    ("telemetry", "Traces over OTLP: docs/telemetry.md."),
    (
        "webhooks",
        "What the application is told over HTTP: docs/webhooks.md.",
    ),
    ("attachments", "Files of messages: docs/attachments.md."),
    (
        "attachments.s3",
        "A bucket for them instead of a directory: clients put and fetch there themselves.",
    ),
];
