//! Where programs stand: each node on a network of its own behind a bridge, where the kernel lets us; else on free ports.
//!
//! On a machine of the run's own packets can be dropped without a word, which is how networks break.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::process::Command;

use charla_ground::process::{free_port, output};
use charla_ground::{Failure, Outcome, machine};

/// Most nodes that a run has at once.
pub(crate) const NODES_MAX: usize = 4;
/// What drops packets is called this everywhere.
const TABLE: &str = "cut";

/// Where a run is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Network {
    is_own: bool,
}

/// Where packets are dropped.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Side {
    /// Beside Redis, PostgreSQL, nginx and the clients.
    Hub,
    /// On one node.
    Node(usize),
}

impl Network {
    /// Builds the bridge and the nodes' networks.
    pub(crate) fn build() -> Outcome<Self> {
        let network = Self {
            is_own: machine::is_own(),
        };
        if network.is_own {
            ip("link add hub type bridge")?;
            ip("addr add 10.77.0.1/24 dev hub")?;
            ip("addr add 10.77.0.2/24 dev hub")?;
            ip("link set hub up")?;
            for index in 0..NODES_MAX {
                network.add_node(index)?;
            }
        }
        Ok(network)
    }

    fn add_node(self, index: usize) -> Outcome<()> {
        ip(&format!("netns add node{index}"))?;
        ip(&format!(
            "link add to{index} type veth peer name eth0 netns node{index}"
        ))?;
        ip(&format!("link set to{index} master hub up"))?;
        ip(&format!(
            "-n node{index} addr add {}/24 dev eth0",
            self.node(index)
        ))?;
        ip(&format!("-n node{index} link set eth0 up"))?;
        ip(&format!("-n node{index} link set lo up"))
    }

    /// Whether packets can be dropped here.
    pub(crate) fn is_own(self) -> bool {
        self.is_own
    }

    /// Where all stand that nodes and clients speak with.
    pub(crate) fn hub(self) -> Ipv4Addr {
        if self.is_own {
            Ipv4Addr::new(10, 77, 0, 1)
        } else {
            Ipv4Addr::LOCALHOST
        }
    }

    /// The same by another address: the clients that go there can be cut off.
    pub(crate) fn wireless(self) -> Ipv4Addr {
        if self.is_own {
            Ipv4Addr::new(10, 77, 0, 2)
        } else {
            Ipv4Addr::LOCALHOST
        }
    }

    /// A node's address.
    pub(crate) fn node(self, index: usize) -> Ipv4Addr {
        let last = u8::try_from(index).unwrap_or(u8::MAX - 11) + 11;
        if self.is_own {
            Ipv4Addr::new(10, 77, 0, last)
        } else {
            Ipv4Addr::LOCALHOST
        }
    }

    /// A place for a server: the well-known port on a network of our own, else a free one.
    pub(crate) fn place(self, address: Ipv4Addr, port: u16) -> Outcome<SocketAddrV4> {
        let port = if self.is_own { port } else { free_port()? };
        Ok(SocketAddrV4::new(address, port))
    }

    /// A program on a node's network.
    pub(crate) fn command(self, index: usize, program: &str) -> Command {
        if !self.is_own {
            return Command::new(program);
        }
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &format!("node{index}"), program]);
        command
    }

    /// Drops every packet to and from a port, without a word to either end.
    pub(crate) fn cut_port(self, side: Side, port: u16) -> Outcome<()> {
        self.cut(
            side,
            &[&format!("tcp dport {port}"), &format!("tcp sport {port}")],
        )
    }

    /// The same for an address.
    pub(crate) fn cut_address(self, side: Side, address: Ipv4Addr) -> Outcome<()> {
        self.cut(
            side,
            &[&format!("ip daddr {address}"), &format!("ip saddr {address}")],
        )
    }

    fn cut(self, side: Side, matches: &[&str]) -> Outcome<()> {
        self.needs_own()?;
        let chain = |hook: &str| {
            let rules: String = matches.iter().map(|which| format!("{which} drop; ")).collect();
            format!("chain {hook} {{ type filter hook {hook} priority 0; {rules}}}\n")
        };
        let rules = format!("table ip {TABLE} {{ {} {} }}", chain("input"), chain("output"));
        output(self.nft(side).arg(rules)).map(drop)
    }

    /// Lets everything through again.
    pub(crate) fn mend(self, side: Side) -> Outcome<()> {
        output(self.nft(side).arg(format!("delete table ip {TABLE}"))).map(drop)
    }

    /// What needs namespaces is left out without them.
    pub(crate) fn needs_own(self) -> Outcome<()> {
        if self.is_own {
            Ok(())
        } else {
            Err(Failure::Lacking("needs root and network namespaces".to_owned()))
        }
    }

    fn nft(self, side: Side) -> Command {
        match side {
            Side::Hub => Command::new("nft"),
            Side::Node(index) => self.command(index, "nft"),
        }
    }
}

fn ip(arguments: &str) -> Outcome<()> {
    output(Command::new("ip").args(arguments.split(' '))).map(drop)
}
