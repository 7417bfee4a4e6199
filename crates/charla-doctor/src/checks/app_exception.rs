//! The application's own code raised, and nothing else explains what it raised.

use charla_wire::Cause;

use crate::checks::handshakes::lines;
use crate::checks::{Check, Step};
use crate::evidence::{Evidence, SourceKind};
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Certainty, Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::AppException, step: Step::Logs, judge };

/// Exceptions of which another check tells the cause.
const OTHERS: [Sign; 32] = [
    Sign::TokenExpired,
    Sign::TokenInvalid,
    Sign::TokenNotYetValid,
    Sign::TokenAlgorithm,
    Sign::TokenMalformed,
    Sign::TokenWrongType,
    Sign::RedisRefused,
    Sign::RedisNoName,
    Sign::RedisClosed,
    Sign::RedisNoAuth,
    Sign::RedisWrongPass,
    Sign::RedisMaxClients,
    Sign::RedisReadOnly,
    Sign::RedisLoading,
    Sign::RedisOutOfMemory,
    Sign::RedisMisconf,
    Sign::RedisNoBzpopmin,
    Sign::RedisTimeout,
    Sign::NoLayer,
    Sign::LayerUndecodable,
    Sign::OverCapacity,
    Sign::NoRoute,
    Sign::NotAsgi,
    Sign::DatabaseRefused,
    Sign::DatabaseFull,
    Sign::DatabaseRefusedUser,
    Sign::TableMissing,
    Sign::InvalidJson,
    Sign::BinaryFrame,
    Sign::InvalidUtf8,
    Sign::ModuleMissing,
    Sign::TooManyFiles,
];

fn judge(evidence: &Evidence) -> Outcome {
    let logs = &evidence.logs;
    let raised = logs.fresh(&[Sign::AppException, Sign::NoHandler, Sign::ForeignKey, Sign::MissingKey]);
    let Some((_, seen)) = raised else {
        let failed = logs.fresh(&[Sign::UvicornFailed]);
        if let Some((_, seen)) = failed {
            return Outcome::Fail(Finding::likely(
                both!("The application answered handshakes with 500; what it raised is not in these lines.",
                    "La aplicación respondió 500 a los handshakes; lo que lanzó no está en estas líneas."),
                lines(seen),
            ));
        }
        if [SourceKind::Uvicorn, SourceKind::Daphne, SourceKind::Django].iter().any(|kind| logs.has(*kind)) {
            return Outcome::Pass(both!("the application's log has no exception", "el registro de la aplicación no tiene ninguna excepción"));
        }
        return Outcome::Skip(both!("the application's log was not read", "no se leyó el registro de la aplicación"));
    };
    if let Some((_, known)) = logs.fresh(&OTHERS) {
        let line = known.quotes.first().map(|quote| quote.line.clone()).unwrap_or_default();
        return Outcome::Pass(both!("what it raised has a cause of its own: {line}", "lo que lanzó tiene causa propia: {line}"));
    }
    let own = logs.fresh(&[Sign::ForeignKey, Sign::MissingKey, Sign::NoHandler]);
    let mut facts: Vec<Fact> = own.map(|(_, seen)| lines(seen)).unwrap_or_default();
    let last = logs.exceptions.iter().max_by_key(|(_, seen)| seen.count);
    let (what, times) = last.map_or((String::new(), seen.count), |(name, seen)| (name.clone(), seen.count));
    facts.extend(last.into_iter().flat_map(|(_, seen)| lines(seen).into_iter().take(1)));
    facts.extend(lines(seen).into_iter().take(1));
    let sentence = if what.is_empty() {
        both!("The application raised an exception {times} times.", "La aplicación lanzó una excepción {times} veces.")
    } else {
        both!("The application raised {times} times: {what}", "La aplicación lanzó {times} veces: {what}")
    };
    // With the exception's own words it is proved; the heading alone may belong to something else.
    let certainty = if what.is_empty() && own.is_none() { Certainty::Likely } else { Certainty::Certain };
    let mut finding = Finding::new(certainty, sentence, facts);
    if let Some((Sign::MissingKey, _)) = own {
        finding = finding.fix("# consumer: a message without the expected key must not end the connection\nasync def receive_json(self, content, **kwargs):\n    texto = content.get(\"texto\")\n    if not isinstance(texto, str):\n        await self.send_json({\"error\": \"texto\"})\n        return");
    } else if let Some((Sign::NoHandler, _)) = own {
        finding = finding.fix("# the `type` of a group_send names a method of the consumer: chat.message -> chat_message\nasync def chat_message(self, event):\n    await self.send_json(event)");
    }
    Outcome::Fail(finding)
}
