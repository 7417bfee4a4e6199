//! `charla storm`, as typed.

use std::path::PathBuf;

use crate::storm::Which;

/// What `--help` shows.
pub(crate) const HELP: &str = "\
Examples:
  charla storm                                            100,000 clients, a crash of 30 s, seven policies
  charla storm --announced --policy charla                a restart that said when to come back
  charla storm --clients 1000000 --accept-rate 10000 --plot storm.svg
  charla storm --down 300 --accept-rate 500 --json        for programs

What is assumed:
  Every client notices the loss within half a second and is 20 to 80 ms away. While the server is down, an
  attempt fails at once. Then it accepts so many handshakes a second from a queue of --queue seconds of work; an
  attempt that finds the queue full is refused, counts as an attempt, and costs the server --refusal-cost of a
  handshake. A preflight counts as a request and costs 0.3 of a handshake. Tokens come from elsewhere, in 100 ms;
  those at hand live for an hour, of which 1 to 60 minutes are left.
  With --announced each of Charla's clients hears the moment that the real server would tell it; the others cannot read it.
  Nothing is reloaded, slept or switched off; browsers' own throttling of failing pages is left out.
  pusher-js waits a second once, then 15, 30 and 60 s from one attempt to the next. Left out are the HTTP transports
  that it starts 2 to 5 s beside its WebSocket: the real one asks more often, and may be back earlier that way.";

/// `charla storm`
#[derive(Debug, clap::Args)]
pub(crate) struct Storm {
    /// Clients that lose their server
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub(crate) clients: u32,
    /// How long it is down, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(0..=604_800))]
    pub(crate) down: u32,
    /// Handshakes a second that it accepts when it is back
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub(crate) accept_rate: u32,
    /// Only this policy; may be given often [default: all]
    #[arg(long = "policy", value_name = "NAME", value_enum)]
    pub(crate) policies: Vec<Which>,
    /// The server says goodbye with `retry in N ms`, spread over what it can accept; without, it crashes
    #[arg(long)]
    pub(crate) announced: bool,
    /// Seconds of work that may wait to be accepted
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0, value_parser = seconds)]
    pub(crate) queue: f64,
    /// What refusing costs, in handshakes: about 0.02 before TLS, 0.3 after
    #[arg(long, value_name = "SHARE", default_value_t = 0.02, value_parser = share)]
    pub(crate) refusal_cost: f64,
    /// How long to watch after the server is back, in seconds; who is not back then is counted as still trying
    #[arg(long, value_name = "SECONDS", default_value_t = 900, value_parser = clap::value_parser!(u32).range(1..=604_800))]
    pub(crate) watch: u32,
    /// The same seed gives the same storm
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// For programs
    #[arg(long)]
    pub(crate) json: bool,
    /// Draw requests a second and clients back over time
    #[arg(long, value_name = "FILE.svg")]
    pub(crate) plot: Option<PathBuf>,
}

fn seconds(text: &str) -> Result<f64, String> {
    within(text, 600.0)
}

fn share(text: &str) -> Result<f64, String> {
    within(text, 10.0)
}

fn within(text: &str, most: f64) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.0..=most).contains(&value) {
        Ok(value)
    } else {
        Err(format!("not in 0..={most}"))
    }
}
