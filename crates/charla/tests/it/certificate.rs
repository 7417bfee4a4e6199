//! `charla serve` with a certificate of its own, renewed while it serves: SIGHUP has the files read again, and ends nothing.

use std::io::{BufRead as _, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::running::charla;

/// Writes a pair that signs itself.
fn make(folder: &Path) {
    let (certificate, key) = (folder.join("new.pem"), folder.join("new.key"));
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
        ])
        .args(["-subj", "/CN=localhost", "-days", "30", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    std::fs::rename(certificate, folder.join("used.pem")).unwrap();
    std::fs::rename(key, folder.join("used.key")).unwrap();
}

struct Serving {
    child: Child,
    log: Lines<BufReader<ChildStderr>>,
}

impl Serving {
    fn start(folder: &Path) -> Self {
        let mut child = charla(&["serve", "--listen", "127.0.0.1:0"])
            .env("CHARLA_STORE_PATH", folder.join("store"))
            .env("CHARLA_SERVER_TLS_CERT_FILE", folder.join("used.pem"))
            .env("CHARLA_SERVER_TLS_KEY_FILE", folder.join("used.key"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, log }
    }

    /// Reads the log up to a line with these words.
    fn says(&mut self, words: &str) -> String {
        let mut before = Vec::new();
        loop {
            match self.log.next() {
                Some(Ok(line)) if line.contains(words) => return line,
                Some(Ok(line)) => before.push(line),
                Some(Err(_)) | None => panic!("it ended without a line with {words}: {before:?}"),
            }
        }
    }

    fn is_told(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().try_into().unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn sighup_has_the_certificate_read_again() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path());
    let mut serving = Serving::start(folder.path());
    serving.says("listening");
    std::fs::write(folder.path().join("used.pem"), "half of a certificate").unwrap();
    serving.is_told(Signal::HUP);
    let line = serving.says("the former one stays");
    assert!(line.contains("server.tls_cert_file"), "{line}");
    make(folder.path());
    serving.is_told(Signal::HUP);
    serving.says("another certificate is used");
    serving.is_told(Signal::TERM);
    assert_eq!(serving.child.wait().unwrap().code(), Some(0));
}
