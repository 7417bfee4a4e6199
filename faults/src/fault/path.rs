//! The way between clients and nodes: nginx, and networks that swallow what is sent.

use charla_ground::Outcome;
use charla_ground::process::{is_open, until};

use super::{Fault, by_itself, seconds};
use crate::network::Side;
use crate::stage::{SHOWS_WITHIN, Stage};

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "nginx-reload",
        how: "SIGHUP: new workers, and old ones until their last connection",
        hold: seconds(3),
        is_quick: false,
        cuts_nobody: true,
        inject: reload,
        heal: by_itself,
    },
    Fault {
        name: "nginx-killed",
        how: "SIGKILL of nginx and its workers, 3 s without",
        hold: seconds(3),
        is_quick: true,
        cuts_nobody: false,
        inject: kill,
        heal: run,
    },
    Fault {
        name: "clients-cut",
        how: "the network of a quarter of the clients swallows everything, without a FIN",
        hold: seconds(15),
        is_quick: false,
        cuts_nobody: false,
        inject: cut_clients,
        heal: mend,
    },
];

fn reload(stage: &mut Stage) -> Outcome<String> {
    let before = stage.nginx.workers()?;
    stage.balance(None)?;
    until("new workers", SHOWS_WITHIN, || {
        let now = stage.nginx.workers().map_err(|error| error.to_string())?;
        match now.iter().find(|worker| !before.contains(worker)) {
            Some(_) => Ok(format!("workers {before:?} became {now:?}")),
            None => Err(format!("{now:?}")),
        }
    })
}

fn kill(stage: &mut Stage) -> Outcome<String> {
    let place = stage.nginx.place;
    stage.nginx.kill()?;
    until("nobody at nginx' port", SHOWS_WITHIN, || {
        if is_open(place) {
            Err("somebody listens".to_owned())
        } else {
            Ok("nobody listens at nginx' port".to_owned())
        }
    })
}

fn run(stage: &mut Stage) -> Outcome<()> {
    stage.nginx.run()
}

fn cut_clients(stage: &mut Stage) -> Outcome<String> {
    stage.network.cut_address(Side::Hub, stage.network.wireless())?;
    until("clients that notice", SHOWS_WITHIN, || {
        match stage.crowd.cut_off().len() {
            0 => Err("nobody has noticed".to_owned()),
            count => Ok(format!("{count} clients have noticed, to begin with")),
        }
    })
}

fn mend(stage: &mut Stage) -> Outcome<()> {
    stage.network.mend(Side::Hub)
}
