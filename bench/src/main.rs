//! `charla-bench`: what a delivery, an idle connection and a handshake cost, as ratios to what the kernel alone costs.
//!
//! One process makes the load and reads the servers' own accounts from `/proc`; every server under test is another
//! process on a loopback port: `charla demo`, the [`floor`] and [`plain`], the last two being this program again.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod authority;
mod cluster;
mod database;
mod dialect;
mod failure;
mod floor;
mod load;
mod peers;
mod plain;
mod plot;
mod process;
mod report;
mod scenario;
mod server;
mod soak;
mod stats;
mod storm;
mod tungstenite;

/// Measures Charla against the floor.
#[derive(Parser)]
#[command(name = "charla-bench", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the scenarios.
    All(All),
    /// Measure Charla beside others: Channels, Socket.IO, Nchan and more.
    Peers(peers::Peers),
    /// Simulate storms: every client loses the server at once.
    Storm(storm::Storm),
    /// Measure what it costs to ask the application who may enter.
    Authority(authority::Authority),
    /// Watch a server through an evening: memory, descriptors, disk.
    Soak(soak::Soak),
    /// Serve the floor: a broadcast by one thread, one `send()` a socket.
    Floor {
        /// Address and port; port 0 picks one. The address is printed once it listens.
        #[arg(long, default_value = "127.0.0.1:0")]
        listen: SocketAddr,
    },
    /// Serve a broadcast on tokio-tungstenite, one of the peers.
    Tungstenite {
        /// Address and port; port 0 picks one. The address is printed once it listens.
        #[arg(long, default_value = "127.0.0.1:0")]
        listen: SocketAddr,
    },
    /// Serve a bare JSON route, which preflights are compared with.
    Plain {
        /// Address and port; port 0 picks one. The address is printed once it listens.
        #[arg(long, default_value = "127.0.0.1:0")]
        listen: SocketAddr,
    },
}

/// What to measure and how long.
#[derive(clap::Args, Clone)]
struct All {
    /// Small numbers and one round: asserts that everything arrives, says nothing about time.
    #[arg(long)]
    small: bool,
    /// Only this scenario (may be repeated).
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Alternating rounds; medians are quoted with the spread.
    #[arg(long)]
    rounds: Option<usize>,
    /// The server's program; by default the one beside this program.
    #[arg(long, value_name = "PATH", env = "CHARLA_BIN")]
    charla: Option<PathBuf>,
    /// Write RESULTS.md and results.json to this folder.
    #[arg(long, value_name = "FOLDER", num_args = 0..=1, default_missing_value = "bench")]
    write: Option<PathBuf>,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::All(all) => scenario::run(&all),
        Command::Peers(wanted) => peers::run(&wanted),
        Command::Storm(wanted) => storm::run(&wanted),
        Command::Authority(wanted) => authority::run(&wanted),
        Command::Soak(wanted) => soak::run(&wanted),
        Command::Floor { listen } => floor::serve(listen),
        Command::Tungstenite { listen } => tungstenite::serve(listen),
        Command::Plain { listen } => plain::serve(listen),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "charla-bench: {failure}");
            ExitCode::FAILURE
        }
    }
}
