//! The process is there, the kernel completes connections for it, and it never answers.

use charla_wire::Cause;

use crate::checks::{Check, Step, serving};
use crate::evidence::{Answer, Evidence, RedisAnswer, ServerSeen, Shape, WorkerSeen};
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::ServerFrozen, step: Step::Server, judge };

const EXPLAINS: [Cause; 4] = [Cause::AcceptQueueOverflow, Cause::EventLoopBlocked, Cause::ServerRestarting, Cause::ServerKilled];

fn judge(evidence: &Evidence) -> Outcome {
    if serving::is_pasted(evidence) {
        return told(evidence);
    }
    let Some(server) = serving::seen(evidence) else {
        return Outcome::Skip(serving::unseen());
    };
    let stopped: Vec<&WorkerSeen> = server.serving.iter().filter(|worker| is_stopped(worker)).collect();
    if !stopped.is_empty() {
        return Outcome::Fail(stopped_of(server, &stopped));
    }
    let Some(hop) = serving::own_hop(evidence) else {
        return Outcome::Skip(both!("the server's own socket was not tried", "no se probó el socket del propio servidor"));
    };
    if serving::answers(hop) || hop.browser() != Some(&Answer::Silent) {
        return Outcome::Pass(both!("it answers", "responde"));
    }
    // A good token may wait for Redis or the database; one that cannot be right touches neither.
    if !serving::silent(hop).contains(&Shape::BadToken) || is_waiting_for_redis(evidence) {
        return Outcome::Pass(both!("what it waits for is elsewhere", "lo que espera está en otra parte"));
    }
    if server.listeners.iter().any(|listener| listener.queue_fell) {
        return Outcome::Pass(both!("it takes connections, though slowly: its accept queue grew shorter meanwhile", "acepta conexiones, aunque despacio: su cola de espera se acortó mientras tanto"));
    }
    let busy = server.serving.iter().any(|worker| worker.cpu.is_some_and(|cpu| cpu > 0.8));
    if busy || server.listeners.is_empty() {
        return Outcome::Pass(both!("it is busy, not frozen", "está ocupado, no congelado"));
    }
    let mut facts = vec![serving::answered(hop)];
    facts.extend(server.process.as_ref().map(serving::process));
    Outcome::Fail(Finding::likely(
        both!("The server accepts connections and answers none of them, not even one with a token that cannot be right.", "El servidor acepta conexiones y no responde a ninguna, ni siquiera a una con un token que no puede ser válido."),
        facts,
    ).explains(&EXPLAINS))
}

fn is_stopped(worker: &WorkerSeen) -> bool {
    matches!(worker.state.as_str(), "T" | "t")
}

fn stopped_of(server: &ServerSeen, stopped: &[&WorkerSeen]) -> Finding {
    let pids: Vec<String> = stopped.iter().map(|worker| worker.pid.to_string()).collect();
    let (pids, some, all) = (pids.join(" "), stopped.len(), server.serving.len());
    let mut facts: Vec<Fact> = stopped.iter().map(|worker| {
        let (pid, state) = (worker.pid, &worker.state);
        Fact::at(both!("process {pid} is in state {state}: stopped", "el proceso {pid} está en el estado {state}: detenido"), format!("/proc/{pid}/stat"))
    }).collect();
    facts.extend(server.process.as_ref().map(serving::process));
    let sentence = if some == all {
        both!("The server's process is stopped (state T): pid {pids}. The kernel accepts connections for it, and it answers none.", "El proceso del servidor está detenido (estado T): pid {pids}. El kernel acepta conexiones por él, y no responde a ninguna.")
    } else {
        both!("{some} of {all} workers are stopped (state T): pid {pids}. Connections that fall to them hang.", "{some} de {all} workers están detenidos (estado T): pid {pids}. Las conexiones que les tocan se quedan colgadas.")
    };
    Finding::certain(sentence, facts).fix(format!("kill -CONT {pids}")).explains(&EXPLAINS)
}

fn is_waiting_for_redis(evidence: &Evidence) -> bool {
    let answer = evidence.redis.as_ref().map(|redis| &redis.answer);
    matches!(answer, Some(RedisAnswer::Silent | RedisAnswer::NoConnection))
}

/// Pasted logs: `ps` shows a stopped process, or nobody answers while Redis does.
fn told(evidence: &Evidence) -> Outcome {
    let logs = &evidence.logs;
    let running = logs.sign(Sign::ProcessListed).is_some();
    if let Some(seen) = logs.sign(Sign::ProcessStopped) {
        let sentence = both!("The server's process is stopped: `ps` shows it in state T.", "El proceso del servidor está detenido: `ps` lo muestra en el estado T.");
        let facts = serving::quotes(seen);
        let waited = logs.unanswered.count > 0
            || logs.any(&[Sign::NginxNoAnswer, Sign::BrowserTimedOut]).is_some();
        // Beside one that runs it may be a leftover.
        return match (running, waited) {
            (false, _) => Outcome::Fail(Finding::certain(sentence, facts).explains(&EXPLAINS)),
            (true, true) => Outcome::Fail(Finding::possible(sentence, facts).explains(&EXPLAINS)),
            (true, false) => Outcome::Pass(both!(
                "another process of the server runs",
                "otro proceso del servidor está en marcha"
            )),
        };
    }
    let redis = [Sign::RedisSilent, Sign::RedisTimeout, Sign::DatabaseRefused];
    if logs.any(&redis).is_some() {
        return Outcome::Pass(both!("what it waits for is elsewhere", "lo que espera está en otra parte"));
    }
    match (logs.sign(Sign::NginxNoAnswer), logs.sign(Sign::BrowserTimedOut)) {
        (Some(nginx), Some(browser)) => {
            let facts = [serving::quotes(nginx), serving::quotes(browser)].concat();
            Outcome::Fail(Finding::likely(both!("The server accepts connections and never answers: nginx and the browser both waited in vain.", "El servidor acepta conexiones y nunca responde: nginx y el navegador esperaron en vano."), facts).explains(&EXPLAINS))
        }
        (Some(seen), None) | (None, Some(seen)) => Outcome::Fail(Finding::possible(both!("The server took the connection and did not answer in time; it is frozen, or waits for something.", "El servidor tomó la conexión y no respondió a tiempo; está congelado o espera algo."), serving::quotes(seen)).explains(&EXPLAINS)),
        (None, None) if logs.sources.is_empty() => Outcome::Skip(serving::unseen()),
        (None, None) => Outcome::Pass(both!("nobody waited in vain", "nadie esperó en vano")),
    }
}
