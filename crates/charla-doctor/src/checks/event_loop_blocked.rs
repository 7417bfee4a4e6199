//! The server answers, but late: a blocking call holds the loop that everything runs on.

use charla_wire::Cause;

use crate::checks::{Check, Step, serving};
use crate::evidence::{Answer, Evidence, Hop, RedisAnswer, Shape};
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::EventLoopBlocked, step: Step::Server, judge };

const EXPLAINS: [Cause; 3] = [Cause::PingTimeout, Cause::AcceptQueueOverflow, Cause::ServerKilled];

/// An answer that touches neither database nor Redis takes milliseconds; so much is no accident.
const LATE_MS: u64 = 700;
/// Share of a core from which a process counts as busy.
const BUSY: f64 = 0.8;

fn judge(evidence: &Evidence) -> Outcome {
    if let Some((_, seen)) = evidence.logs.fresh(&[Sign::WorkerTimeout]) {
        return Outcome::Fail(Finding::likely(both!("gunicorn killed a worker that did not answer in time: a blocking call held its event loop.", "gunicorn mató a un worker que no respondió a tiempo: una llamada bloqueante retenía su bucle de eventos."), serving::quotes(seen)).explains(&EXPLAINS));
    }
    if serving::is_pasted(evidence) {
        return if evidence.logs.sources.is_empty() { Outcome::Skip(serving::unseen()) } else { Outcome::Pass(both!("no worker was killed for being late", "a ningún worker lo mataron por tardar")) };
    }
    let Some(hop) = serving::own_hop(evidence) else {
        return Outcome::Skip(both!("the server's own socket was not tried", "no se probó el socket del propio servidor"));
    };
    let Some(server) = serving::seen(evidence).filter(|server| !server.listeners.is_empty()) else {
        return Outcome::Pass(both!("nobody listens", "nadie escucha"));
    };
    let busy = server.serving.iter().find(|worker| worker.cpu.is_some_and(|cpu| cpu > BUSY));
    let late = late(hop);
    let waits_for_redis = evidence.redis.as_ref().is_some_and(|redis| matches!(redis.answer, RedisAnswer::Silent | RedisAnswer::NoConnection));
    let silent = matches!(hop.browser(), Some(Answer::Silent)) && serving::silent(hop).contains(&Shape::BadToken);
    let stopped = server.serving.iter().any(|worker| matches!(worker.state.as_str(), "T" | "t"));
    // Where the queue grows shorter somebody accepts: it is slow, and not dead.
    let slow = server.listeners.iter().any(|listener| listener.queue_fell);
    if stopped || waits_for_redis || (late.is_none() && !(silent && (busy.is_some() || slow))) {
        return Outcome::Pass(both!("it answers without delay", "responde sin demora"));
    }
    let mut facts = vec![serving::answered(hop)];
    facts.extend(late.map(|ms| Fact::at(both!("an answer took {ms} ms", "una respuesta tardó {ms} ms"), hop.at.clone())));
    facts.extend(busy.map(|worker| {
        let (pid, share) = (worker.pid, (worker.cpu.unwrap_or_default() * 100.0).round());
        Fact::at(both!("process {pid} uses {share} % of a core", "el proceso {pid} usa el {share} % de un núcleo"), format!("/proc/{pid}/stat"))
    }));
    let sentence = both!("The server's event loop is held up: even what touches neither database nor Redis is answered late or not at all.", "El bucle de eventos del servidor está retenido: incluso lo que no toca ni la base de datos ni Redis se responde tarde o nunca.");
    let pids: Vec<String> = server.serving.iter().map(|worker| worker.pid.to_string()).collect();
    let pid = busy.map_or_else(|| pids.join(" "), |worker| worker.pid.to_string());
    let open = hop.browser().is_some_and(Answer::is_open);
    let finding = if busy.is_some() || silent { Finding::likely(sentence, facts) } else { Finding::possible(sentence, facts) };
    let finding = finding.fix(format!("# what is it doing right now?\npy-spy dump --pid {pid}")).explains(&EXPLAINS);
    if open { Outcome::Warn(finding) } else { Outcome::Fail(finding) }
}

/// The quickest answer to what needs no database, when even that was late.
fn late(hop: &Hop) -> Option<u64> {
    let cheap = hop.tried.iter().filter(|tried| matches!(tried.shape, Shape::BadToken | Shape::NoToken | Shape::Plain) && tried.answer.status().is_some());
    let quickest = cheap.map(|tried| tried.ms).min()?;
    (quickest >= LATE_MS).then_some(quickest)
}
