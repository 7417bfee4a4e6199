//! What a scenario may change on a machine of the lab's own (`charla_ground::machine`): a neighbour on the wire, another /etc/hosts.
//!
//! There the doctor finds only what the scenario put there, and nothing that a scenario leaves behind outlives the run.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::process::Command;

use charla_ground::machine::is_own;
use charla_ground::process::{self, Running};
use charla_ground::{Failure, Outcome};

use crate::lab::Lab;

/// Puts another file in the place of one of the machine's, within the lab's own machine only.
fn replace(file: &Path, by: &Path) -> Outcome<()> {
    process::output(Command::new("mount").arg("--bind").arg(by).arg(file)).map(drop)
}

/// Takes that back.
fn put_back(file: &Path) -> Outcome<()> {
    process::output(Command::new("umount").arg(file)).map(drop)
}

/// The addresses of the lab's own machine and of its neighbour.
pub(crate) const OWN: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 1);
/// The neighbour's.
pub(crate) const NEIGHBOUR: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 2);
/// Behind the neighbour, who passes nothing on: what is sent there is gone.
pub(crate) const LOST: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 5);

/// Another machine on one wire with the lab's own: a network namespace of its own.
pub(crate) struct Neighbour {
    holds: Running,
}

impl Neighbour {
    /// Its machine, its address, and the wire.
    pub(crate) fn make(lab: &mut Lab) -> Outcome<Self> {
        if !is_own() {
            return Err(Failure::Lacking(
                "a second machine needs root and `unshare`".to_owned(),
            ));
        }
        let folder = lab.new_folder("neighbour")?;
        // It says so once it is in a network of its own.
        let mut command = Command::new("unshare");
        command.args([
            "--net",
            "sh",
            "-c",
            "ip link set lo up && echo there && exec sleep 3600",
        ]);
        let mut holds = Running::start(&mut command, folder.join("neighbour.out"))?;
        holds.wait_for_words("there")?;
        let neighbour = Self { holds };
        let id = neighbour.holds.pid().to_string();
        let (own, other) = (format!("{OWN}/24"), format!("{NEIGHBOUR}/24"));
        ip(&["link", "add", "lab0", "type", "veth", "peer", "name", "lab1"])?;
        ip(&["link", "set", "lab1", "netns", &id])?;
        ip(&["addr", "add", &own, "dev", "lab0"])?;
        ip(&["link", "set", "lab0", "up"])?;
        ip(&["-6", "addr", "add", "fd99::1/64", "dev", "lab0", "nodad"])?;
        for arguments in [
            &["addr", "add", &other, "dev", "lab1"][..],
            &["link", "set", "lab1", "up"],
            &["-6", "addr", "add", "fd99::2/64", "dev", "lab1", "nodad"],
            // A router drops what it has no use for in silence; a host would say that it leads nowhere.
            &["-6", "route", "add", "blackhole", "2001:db8::/32"],
        ] {
            process::output(neighbour.command("ip").args(arguments))?;
        }
        let forward = "echo 1 > /proc/sys/net/ipv6/conf/all/forwarding";
        process::output(neighbour.command("sh").args(["-c", forward]))?;
        ip(&["-6", "route", "add", "2001:db8::/32", "via", "fd99::2"])?;
        Ok(neighbour)
    }

    /// A program that runs there.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--net=/proc/{}/ns/net", self.holds.pid()))
            .arg(program);
        command
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        // The other end goes with it.
        let _ = ip(&["link", "del", "lab0"]);
    }
}

fn ip(arguments: &[&str]) -> Outcome<()> {
    process::output(Command::new("ip").args(arguments)).map(drop)
}

/// Another /etc/hosts, until it is dropped.
pub(crate) struct Hosts;

impl Hosts {
    /// With this text.
    pub(crate) fn of(lab: &mut Lab, text: &str) -> Outcome<Self> {
        if !is_own() {
            return Err(Failure::Lacking(
                "another /etc/hosts needs root and `unshare`".to_owned(),
            ));
        }
        let file = lab.new_folder("hosts")?.join("hosts");
        process::write(&file, text)?;
        replace(Path::new("/etc/hosts"), &file)?;
        Ok(Self)
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        let _ = put_back(Path::new("/etc/hosts"));
    }
}
