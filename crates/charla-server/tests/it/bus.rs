//! A Redis server of a test's own: on a free port, without a file on the disk, gone with the test.

use std::ops::Deref;

use charla_server::settings::BrokerUrl;

mod program;

pub(crate) use program::{Program, free_port};

/// A running server, and all that can be done to a [`Program`]; killed when dropped.
pub(crate) struct Bus {
    program: Program,
    _folder: tempfile::TempDir,
}

impl Bus {
    /// Starts one.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// With options of its own.
    pub(crate) fn start_with(options: &[&str]) -> Self {
        let (port, folder) = (free_port(), tempfile::tempdir().unwrap());
        let (place, number) = (folder.path().display().to_string(), port.to_string());
        let common = ["--port", &number, "--bind", "127.0.0.1"];
        let kept = ["--save", "", "--appendonly", "no", "--dir", &place];
        let arguments = common.into_iter().chain(kept).chain(options.iter().copied());
        Self {
            program: Program::start_with("redis-server", port, arguments),
            _folder: folder,
        }
    }

    /// Its address, with who we are there before an `@`.
    pub(crate) fn url_for(&self, who: &str) -> BrokerUrl {
        BrokerUrl::parse(&format!("redis://{who}127.0.0.1:{}", self.port)).unwrap()
    }

    /// Its address.
    pub(crate) fn url(&self) -> BrokerUrl {
        self.url_for("")
    }
}

impl Deref for Bus {
    type Target = Program;

    fn deref(&self) -> &Program {
        &self.program
    }
}
