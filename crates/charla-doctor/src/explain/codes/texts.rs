//! Error texts, as browsers, clients, servers and libraries print them: the words of the [signs](crate::signs) again.

use charla_wire::{Cause, Lang};

use super::{CodeMeaning, code, doctor};
use crate::explain::words::{Hits, WORDS};
use crate::signs::Sign;
use crate::text::{Text, both};

/// What a sign can stand for when it is all that is known, the likeliest first.
const STANDS_FOR: &[(Sign, &[Cause])] = &[
    (Sign::TokenExpired, &[Cause::TokenExpired]),
    (Sign::TokenNotYetValid, &[Cause::TokenNotYetValid]),
    (Sign::TokenAlgorithm, &[Cause::TokenInvalid]),
    (Sign::TokenMalformed, &[Cause::TokenMalformed]),
    (Sign::TokenWrongType, &[Cause::TokenInvalid]),
    (Sign::TokenBlacklisted, &[Cause::TokenRevoked]),
    (Sign::TokenMissing, &[Cause::TokenMissing]),
    (
        Sign::TokenInvalid,
        &[
            Cause::TokenInvalid,
            Cause::TokenMalformed,
            Cause::TokenNotYetValid,
        ],
    ),
    (Sign::UserUnknown, &[Cause::UserUnknown, Cause::UserInactive]),
    (Sign::UserInactive, &[Cause::UserInactive]),
    (Sign::NotAMember, &[Cause::NotAMember]),
    (Sign::ChatMissing, &[Cause::ChatNotFound]),
    (Sign::RedisRefused, &[Cause::RedisDown, Cause::RedisWrongAddress]),
    (Sign::RedisNoName, &[Cause::RedisWrongAddress]),
    (Sign::RedisClosed, &[Cause::RedisRestarted, Cause::RedisDown]),
    (Sign::RedisNoAuth, &[Cause::RedisAuth]),
    (Sign::RedisWrongPass, &[Cause::RedisAuth]),
    (Sign::RedisMaxClients, &[Cause::RedisMaxClients]),
    (Sign::RedisReadOnly, &[Cause::RedisReadOnly]),
    (Sign::RedisLoading, &[Cause::RedisLoading]),
    (Sign::RedisOutOfMemory, &[Cause::RedisOutOfMemory]),
    (Sign::RedisMisconf, &[Cause::RedisCannotPersist]),
    (Sign::RedisNoBzpopmin, &[Cause::RedisTooOld]),
    (
        Sign::RedisTimeout,
        &[Cause::RedisClientTimeout, Cause::RedisFrozen],
    ),
    (Sign::RedisOutputBuffer, &[Cause::RedisOutputBuffer]),
    (Sign::RedisCliRefused, &[Cause::RedisDown]),
    (Sign::PubSubLost, &[Cause::RedisRestarted, Cause::RedisDown]),
    (Sign::OverCapacity, &[Cause::ChannelLayerFull]),
    (Sign::NoLayer, &[Cause::ChannelLayerMissing]),
    (Sign::LayerUndecodable, &[Cause::ChannelLayerMismatch]),
    (Sign::NoRoute, &[Cause::RouteNotFound]),
    (Sign::NotAsgi, &[Cause::NoWebsocketRoute, Cause::NotAsgi]),
    (Sign::NoLibrary, &[Cause::NoWebsocketLibrary]),
    (Sign::UnsupportedUpgrade, &[Cause::NoWebsocketLibrary]),
    (Sign::PlainNotFound, &[Cause::ProxyNoUpgrade, Cause::NotAsgi]),
    (Sign::PortInUse, &[Cause::PortInUse]),
    (Sign::StartupError, &[Cause::ServerStartupError]),
    (Sign::ModuleMissing, &[Cause::ServerStartupError]),
    (Sign::WorkerTimeout, &[Cause::EventLoopBlocked]),
    (Sign::OutOfMemory, &[Cause::OutOfMemoryKill]),
    (Sign::WorkerKilled, &[Cause::ServerKilled, Cause::OutOfMemoryKill]),
    (Sign::RestartScheduled, &[Cause::RestartLoop]),
    (Sign::RestartLimit, &[Cause::RestartLoop]),
    (Sign::ConcurrencyLimit, &[Cause::Overloaded]),
    (Sign::TooManyFiles, &[Cause::DescriptorLimit]),
    (Sign::PingTimeout, &[Cause::PingTimeout]),
    (Sign::InvalidHttp, &[Cause::TlsOnPlainPort]),
    (Sign::HeadTooLong, &[Cause::UriTooLarge, Cause::HeaderTooLarge]),
    (Sign::DatabaseRefused, &[Cause::DatabaseDown]),
    (Sign::DatabaseFull, &[Cause::DatabaseDown]),
    (Sign::DatabaseRefusedUser, &[Cause::DatabaseDown]),
    (Sign::TableMissing, &[Cause::DatabaseSchemaMissing]),
    (Sign::InvalidJson, &[Cause::InvalidJson]),
    (Sign::BinaryFrame, &[Cause::UnsupportedData]),
    (Sign::InvalidUtf8, &[Cause::InvalidUtf8]),
    (Sign::ProtocolError, &[Cause::ProtocolError]),
    (Sign::MessageTooBig, &[Cause::MessageTooBig]),
    (
        Sign::NginxRefused,
        &[Cause::ServerDown, Cause::ProxyUpstreamWrongPort],
    ),
    (Sign::NginxPermission, &[Cause::ProxyUpstreamPermission]),
    (
        Sign::NginxNoSocket,
        &[Cause::ServerDown, Cause::ProxyUpstreamWrongPort],
    ),
    (Sign::NginxNoAnswer, &[Cause::ServerFrozen, Cause::RedisFrozen]),
    (Sign::NginxConnectTimeout, &[Cause::ServerUnreachable]),
    (Sign::NginxIdleCut, &[Cause::ProxyReadTimeout]),
    (
        Sign::NginxHungUp,
        &[Cause::DescriptorLimit, Cause::ServerRestarting],
    ),
    (Sign::NginxReset, &[Cause::ServerKilled, Cause::ServerRestarting]),
    (Sign::NginxRateLimited, &[Cause::ProxyRateLimited]),
    (Sign::NginxConnectionsLimited, &[Cause::ProxyConnectionsLimited]),
    (Sign::NginxNoFile, &[Cause::ProxyWrongLocation]),
    (Sign::NginxWorkerConnections, &[Cause::ProxyWorkerConnections]),
    (Sign::NginxHeaderTooLong, &[Cause::HeaderTooLarge]),
    (Sign::NginxUriTooLong, &[Cause::UriTooLarge]),
    (Sign::NginxPlainOnTls, &[Cause::PlainOnTlsPort]),
    (Sign::NginxNoPassword, &[Cause::ProxyAuthRequired]),
    (Sign::NginxReload, &[Cause::ProxyReload]),
    (
        Sign::AuthenticationFailed,
        &[Cause::ProxyAuthRequired, Cause::TokenExpired],
    ),
    (Sign::BrowserRefused, &[Cause::ServerDown, Cause::ServerWrongPort]),
    (Sign::BrowserNoName, &[Cause::DnsFailure]),
    (Sign::BrowserNoTls, &[Cause::TlsOnPlainPort]),
    (
        Sign::BrowserAuthority,
        &[Cause::TlsSelfSigned, Cause::TlsChain, Cause::TlsInspection],
    ),
    (Sign::BrowserCertDate, &[Cause::TlsExpired]),
    (Sign::BrowserCertName, &[Cause::TlsWrongHost]),
    (
        Sign::BrowserTimedOut,
        &[Cause::ServerFrozen, Cause::RedisFrozen, Cause::ServerUnreachable],
    ),
    (
        Sign::BrowserNoAnswer,
        &[Cause::ProxyClosedSilently, Cause::DescriptorLimit],
    ),
    (
        Sign::BrowserReset,
        &[Cause::DescriptorLimit, Cause::ProxyWorkerConnections],
    ),
    (Sign::MixedContent, &[Cause::MixedContent]),
    (Sign::ContentPolicy, &[Cause::CspBlocked]),
    (Sign::BlockedByClient, &[Cause::BlockedByClient]),
    (Sign::TooManySockets, &[Cause::TooManySockets]),
    (Sign::BrowserOffline, &[Cause::Offline]),
    (Sign::SubprotocolMissing, &[Cause::SubprotocolMismatch]),
    (Sign::SubprotocolForeign, &[Cause::SubprotocolMismatch]),
    (Sign::LocalNetwork, &[Cause::LocalNetworkBlocked]),
    (Sign::NotHttp, &[Cause::PlainOnTlsPort]),
    (Sign::AppException, &[Cause::AppException]),
    (Sign::GaveUp, &[Cause::ReconnectLoop]),
];

pub(super) fn meaning(text: &str) -> Option<CodeMeaning> {
    // Words of Chromium that are known only beside a WebSocket's address.
    if text.contains("ERR_BLOCKED_BY_CLIENT") && !text.contains(' ') {
        return Some(told(text, &[Cause::BlockedByClient]));
    }
    let mut hits = Hits::default();
    WORDS.look(text.as_bytes(), &mut hits);
    let with_status = [
        "Unexpected response code: ",
        "Unexpected server response: ",
        "WebSocket connection: HTTP ",
    ];
    let status = with_status.iter().find_map(|words| {
        let (_, rest) = text.split_once(words)?;
        rest.split(|c: char| !c.is_ascii_digit()).next()
    });
    if let Some(meaning) = status.and_then(code) {
        return Some(meaning);
    }
    let causes = STANDS_FOR
        .iter()
        .find(|(sign, _)| hits.signs.contains(sign))
        .map(|(_, causes)| *causes)?;
    Some(told(text, causes))
}

fn told(text: &str, causes: &[Cause]) -> CodeMeaning {
    let titles = |lang: Lang| {
        let titles: Vec<&str> = causes.iter().map(|cause| cause.words(lang).title).collect();
        titles.join("; ")
    };
    let explain = |lang: Lang| causes.first().map_or("", |cause| cause.words(lang).explain);
    let (en, es) = (explain(Lang::En), explain(Lang::Es));
    let mut next: Vec<String> = causes
        .iter()
        .map(|cause| format!("charla causes {}", cause.id()))
        .collect();
    next.extend(doctor());
    CodeMeaning {
        code: crate::redact::redact(text),
        name: Text {
            en: titles(Lang::En),
            es: titles(Lang::Es),
        },
        meaning: both!("{en}", "{es}"),
        causes: causes.to_vec(),
        next,
    }
}
