//! `charla import-django` on projects in several styles: what it writes is compared with what it wrote before
//! (`CHARLA_BLESS=1` writes it anew: read the difference), loaded, and shown to nginx.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::running::{Ran, charla, finish, run};

const FILES: [&str; 6] = [
    "charla.toml",
    "nginx.conf",
    "nginx-locations.conf",
    "charla.service",
    "charla.socket",
    "CUTOVER.md",
];

/// The projects; the guide's is the one that the tests of Channels run.
const PROJECTS: [(&str, &str); 7] = [
    ("guide", "../../tests/channels/project"),
    ("tenants", "tests/django/tenants"),
    ("tenants-es", "tests/django/tenants"),
    ("split", "tests/django/split"),
    ("literal", "tests/django/literal"),
    ("plain", "tests/django/plain"),
    ("broken", "tests/django/broken"),
];

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(path)
        .canonicalize()
        .unwrap()
}

fn written(name: &str, project: &str, out: &Path) -> Ran {
    let lang = if name.ends_with("-es") { "es" } else { "en" };
    let project = here(project);
    run(&[
        "import-django",
        project.to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
        "--lang",
        lang,
    ])
}

#[test]
fn projects_in_several_styles() {
    let bless = std::env::var_os("CHARLA_BLESS").is_some();
    for (name, project) in PROJECTS {
        let out = tempfile::tempdir().unwrap();
        let ran = written(name, project, out.path());
        let table: Vec<&str> = ran
            .out
            .lines()
            .take_while(|line| !line.is_empty())
            .skip(1)
            .collect();
        let mut got = vec![("summary.txt", table.join("\n") + "\n")];
        for file in ["charla.toml", "nginx.conf", "nginx-locations.conf", "CUTOVER.md"] {
            got.push((file, fs::read_to_string(out.path().join(file)).unwrap()));
        }
        let root = here(project).display().to_string();
        let expected = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/django-expected")
            .join(name);
        for (file, text) in got {
            let text = text.replace(&root, "/srv/project");
            let path = expected.join(file);
            if bless {
                fs::create_dir_all(&expected).unwrap();
                fs::write(&path, &text).unwrap();
            }
            let before = fs::read_to_string(&path).unwrap_or_default();
            assert!(
                before == text,
                "{name}/{file} differs from {}:\n{text}",
                path.display()
            );
        }
    }
}

#[test]
fn what_was_written_loads() {
    let default = run(&["config", "default"]).out;
    // Sections that this binary does not know yet are all that may be refused.
    let unknown: BTreeSet<&str> = ["application", "authority", "bridge", "auth.django", "history"]
        .into_iter()
        .filter(|section| !default.contains(&format!("[{section}]")))
        .collect();
    for (name, project) in PROJECTS {
        let out = tempfile::tempdir().unwrap();
        let ran = written(name, project, out.path());
        let file = out.path().join("charla.toml").display().to_string();
        let mistakes: Vec<&str> = ran.out.lines().filter(|line| line.starts_with(&file)).collect();
        for mistake in &mistakes {
            let key = mistake.split('`').nth(1).unwrap_or_default();
            let is_new =
                unknown.contains(key) && (mistake.contains("unknown key") || mistake.contains("clave"));
            assert!(is_new, "{name}: {mistake}");
        }
        assert_eq!(ran.code, i32::from(!mistakes.is_empty()), "{name}: {ran:?}");
    }
}

#[test]
fn no_secret_is_copied() {
    for (name, project) in PROJECTS {
        let out = tempfile::tempdir().unwrap();
        let ran = written(name, project, out.path());
        let mut all = ran.out + &ran.err;
        for file in FILES {
            all.push_str(&fs::read_to_string(out.path().join(file)).unwrap());
        }
        for secret in [
            "django-insecure-2f7c9d1e",
            "database-password-in-the-file",
            "layer-password-in-the-file",
            "cache-password-in-the-file",
            "layer-key-in-the-file",
        ] {
            assert!(!all.contains(secret), "{name}: {secret}");
        }
    }
}

#[test]
fn nginx_takes_what_was_written() {
    for (name, project) in PROJECTS {
        let out = tempfile::tempdir().unwrap();
        written(name, project, out.path());
        let folder = out.path().display();
        let whole = format!(
            "pid {folder}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\n  access_log off;\n  include {folder}/nginx.conf;\n  \
             server {{\n    listen 127.0.0.1:1;\n    include {folder}/nginx-locations.conf;\n    location / {{ return 204; }}\n  }}\n}}\n"
        );
        let file = out.path().join("whole.conf");
        fs::write(&file, whole).unwrap();
        // Debian keeps it where only root looks.
        let path = format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default());
        let mut nginx = Command::new("nginx");
        nginx
            .env("PATH", path)
            .args(["-t", "-p"])
            .arg(out.path())
            .arg("-c")
            .arg(&file);
        let tried = finish(&mut nginx, b"");
        assert_eq!(tried.code, 0, "{name}: {tried:?}");
    }
}

#[test]
fn nothing_is_written_over_without_being_asked() {
    let out = tempfile::tempdir().unwrap();
    let first = written("tenants", "tests/django/tenants", out.path());
    assert!(first.out.contains("charla.toml"), "{first:?}");
    let file = out.path().join("charla.toml");
    fs::write(&file, "mine").unwrap();
    let again = written("tenants", "tests/django/tenants", out.path());
    assert_eq!(again.code, 2, "{again:?}");
    assert!(
        again.err.contains("--force") && again.err.contains("CUTOVER.md"),
        "{again:?}"
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    let project = here("tests/django/tenants");
    let arguments = [
        "import-django",
        project.to_str().unwrap(),
        "--out",
        out.path().to_str().unwrap(),
        "--force",
    ];
    run(&arguments);
    assert!(fs::read_to_string(&file).unwrap().contains("[server]"));
}

#[test]
fn a_folder_without_a_project_is_told_with_what_was_looked_for() {
    let out = tempfile::tempdir().unwrap();
    let empty = tempfile::tempdir().unwrap();
    let arguments = [
        "import-django",
        empty.path().to_str().unwrap(),
        "--out",
        out.path().to_str().unwrap(),
    ];
    let ran = run(&arguments);
    assert_eq!(ran.code, 2, "{ran:?}");
    for looked_for in ["manage.py", "settings.py", "DJANGO_SETTINGS_MODULE", "--settings"] {
        assert!(ran.err.contains(looked_for), "{looked_for}: {ran:?}");
    }
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0);
    let nowhere = finish(&mut charla(&["import-django", "/nowhere/at/all"]), b"");
    assert_eq!(nowhere.code, 2, "{nowhere:?}");
}

#[test]
fn settings_can_be_named() {
    let out = tempfile::tempdir().unwrap();
    let project = here("tests/django/split");
    let ran = run(&[
        "import-django",
        project.to_str().unwrap(),
        "--settings",
        "config.settings.base",
        "--out",
        out.path().to_str().unwrap(),
    ]);
    assert!(ran.out.contains("config/settings/base.py"), "{ran:?}");
    let text = fs::read_to_string(out.path().join("charla.toml")).unwrap();
    assert!(!text.contains("[bridge]"), "{text}");
}

#[test]
fn the_environment_can_be_given() {
    let out = tempfile::tempdir().unwrap();
    let env = out.path().join("unit.env");
    fs::write(
        &env,
        "DATABASE_URL=postgres://rooms:given-password@db.internal/rooms\nREDIS_URL=rediss://:given-password@bus:6380/2\nCHANNELS_KEY=given-password\n",
    )
    .unwrap();
    let project = here("tests/django/split");
    run(&[
        "import-django",
        project.to_str().unwrap(),
        "--env-file",
        env.to_str().unwrap(),
        "--out",
        out.path().to_str().unwrap(),
    ]);
    let text = fs::read_to_string(out.path().join("charla.toml")).unwrap();
    for line in [
        "database_url = \"postgres://rooms@db.internal/rooms\"",
        "hosts = [\"rediss://bus:6380/2\"]",
        "kind = \"sql\"",
        "password_file = \"/etc/charla/channels-password\"",
    ] {
        assert!(text.lines().any(|own| own == line), "{line}: {text}");
    }
    assert!(!text.contains("given-password"), "{text}");
}
