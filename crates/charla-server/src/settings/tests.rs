//! Every way to write the settings wrong, with the words that answer it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use charla_wire::cause::Lang;
use secrecy::ExposeSecret as _;

use super::*;

mod authority;
mod default_file;

/// A folder with a settings file in it.
struct Folder {
    folder: tempfile::TempDir,
}

impl Folder {
    fn with(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("charla.toml"), text).unwrap();
        Self { folder }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("charla.toml")
    }

    fn load(&self, variables: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Loaded, Vec<Problem>> {
        load(Some(&self.file()), pairs(variables).into_iter(), &pairs(flags))
    }

    /// What is wrong, with the folder's own name taken out.
    fn problems(&self, lang: Lang) -> Vec<String> {
        let Err(problems) = self.load(&[], &[]) else {
            return Vec::new();
        };
        let folder = format!("{}/", self.folder.path().display());
        problems
            .iter()
            .map(|problem| problem.tell(lang).replace(&folder, ""))
            .collect()
    }
}

/// What a file's text comes to, or all that is wrong with it.
pub(super) fn loaded(text: &str) -> Result<Settings, String> {
    match Folder::with(text).load(&[], &[]) {
        Ok(loaded) => Ok(loaded.settings),
        Err(problems) => Err(problems.iter().map(ToString::to_string).collect()),
    }
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn told(result: Result<Loaded, Vec<Problem>>) -> Vec<String> {
    result
        .err()
        .unwrap_or_default()
        .iter()
        .map(ToString::to_string)
        .collect()
}

const SECRET_32: &str = "0123456789abcdef0123456789abcdef";

/// A file, and the one line that answers it.
const MISTAKES: &[(&str, &str)] = &[
    (
        "\n[server]\nlistn = \"127.0.0.1:9001\"",
        "charla.toml:3: unknown key `server.listn`; did you mean `server.listen`?",
    ),
    (
        "[servr]\nlisten = \"127.0.0.1:9001\"",
        "charla.toml:1: unknown key `servr`; did you mean `server`?",
    ),
    (
        "[server]\nping_after = \"25s\"",
        "charla.toml:2: unknown key `server.ping_after`; did you mean `liveness.ping_after`?",
    ),
    (
        "colour = \"red\"",
        "charla.toml:1: unknown key `colour`; `charla config default` lists every key",
    ),
    (
        "server = 3",
        "charla.toml:1: `server` is a section: write [server] and its keys below it",
    ),
    (
        "[server]\nlisten = \"127.0.0.1:70000\"",
        "charla.toml:2: `server.listen` cannot be \"127.0.0.1:70000\"; allowed: an IP address and a port from 0 to 65535, such as \"127.0.0.1:9001\" or \"[::]:9001\"",
    ),
    (
        "server.listen = 9001",
        "charla.toml:1: `server.listen` cannot be 9001; allowed: an IP address and a port from 0 to 65535, such as \"127.0.0.1:9001\" or \"[::]:9001\"",
    ),
    (
        "[server.listen]\nport = 9001",
        "charla.toml:1: `server.listen` cannot be this value; allowed: an IP address and a port from 0 to 65535, such as \"127.0.0.1:9001\" or \"[::]:9001\"",
    ),
    (
        "[liveness]\nping_after = \"-5s\"",
        "charla.toml:2: `liveness.ping_after` cannot be \"-5s\"; allowed: 1s to 1h, as text such as \"500ms\", \"25s\" or \"10m\"",
    ),
    (
        "[liveness]\nping_after = 25",
        "charla.toml:2: `liveness.ping_after` cannot be 25; allowed: 1s to 1h, as text such as \"500ms\", \"25s\" or \"10m\"",
    ),
    (
        "[liveness]\nping_after = \"10s\"\npong_within = \"10s\"",
        "charla.toml:3: `liveness.pong_within` is \"10s\" but must be less than `liveness.ping_after`, which is \"10s\" (charla.toml:2)",
    ),
    (
        "[liveness]\nping_after = \"5s\"",
        "charla.toml:2: `liveness.pong_within` is \"8s\" but must be less than `liveness.ping_after`, which is \"5s\" (charla.toml:2)",
    ),
    (
        "[broker]\nurl = \"redid://bus\"",
        "charla.toml:2: `broker.url`: it begins with an unknown word; did you mean `redis://`?",
    ),
    (
        "[broker]\nurl = \"redis+sentinel://s1,s2\"",
        "charla.toml:2: `broker.url`: the name of the master is missing at its end, as in sentinel.conf after `sentinel monitor`; allowed: an address of a bus, such as \"redis://bus.example.org:6379\", \"redis+sentinel://s1,s2,s3/mymaster\", \"redis+cluster://a,b,c\" or \"nats://n1,n2\"",
    ),
    (
        "[broker]\nurl = \"redis://a,b\"",
        "charla.toml:2: `broker.url`: redis:// takes one server; several are redis+sentinel:// or redis+cluster://; allowed: an address of a bus, such as \"redis://bus.example.org:6379\", \"redis+sentinel://s1,s2,s3/mymaster\", \"redis+cluster://a,b,c\" or \"nats://n1,n2\"",
    ),
    (
        "[broker]\nurl = \"redis://bus\"\nca_file = \"ca.pem\"",
        "charla.toml:3: `broker.ca_file` means nothing unless `broker.url` begins with rediss or tls",
    ),
    (
        "[broker]\nurl = \"redis://bus\"\nsentinel_password_file = \"s\"",
        "charla.toml:3: `broker.sentinel_password_file` means nothing unless `broker.url` begins with redis+sentinel or rediss+sentinel",
    ),
    (
        "[broker]\nurl = \"tls://n\"\ncert_file = \"c.pem\"",
        "charla.toml:3: `broker.cert_file` needs `broker.key_file`",
    ),
    (
        "[store]\ngroup_max = 0",
        "charla.toml:2: `store.group_max` cannot be 0; allowed: 1 to 65536",
    ),
    (
        "[store]\ngroup_max = -1",
        "charla.toml:2: `store.group_max` cannot be -1; allowed: 1 to 65536",
    ),
    (
        "[store]\ngroup_max = \"many\"",
        "charla.toml:2: `store.group_max` cannot be \"many\"; allowed: 1 to 65536",
    ),
    (
        "[limits]\nmessage_bytes = \"64KB\"",
        "charla.toml:2: `limits.message_bytes` cannot be \"64KB\"; allowed: 1KiB to 16MiB, as a number of bytes or as text such as \"64KiB\"",
    ),
    (
        "[limits]\nmessage_bytes = \"1MiB\"",
        "charla.toml:2: `limits.outbox_bytes` is \"256KiB\" but must be at least `limits.message_bytes`, which is \"1MiB\" (charla.toml:2)",
    ),
    (
        "[limits]\ntext_bytes = \"128KiB\"",
        "charla.toml:2: `limits.text_bytes` is \"128KiB\" but must be at most `limits.message_bytes`, which is \"64KiB\" (default)",
    ),
    (
        "[origins]\nallow = [\"https://app.example.org/chat\"]",
        "charla.toml:2: `origins.allow` cannot be [\"https://app.example.org/chat\"]; allowed: a list of origins of scheme, host and port without a path, such as [\"https://app.example.org\"], or [\"*\"] alone",
    ),
    (
        "[origins]\nallow = [\"*\", \"https://app.example.org\"]",
        "charla.toml:2: `origins.allow` cannot be [\"*\", \"https://app.example.org\"]; allowed: a list of origins of scheme, host and port without a path, such as [\"https://app.example.org\"], or [\"*\"] alone",
    ),
    (
        "[origins]\nallow_missing = \"yes\"",
        "charla.toml:2: `origins.allow_missing` cannot be \"yes\"; allowed: true or false",
    ),
    (
        "[server]\npublic_url = \"https://chat.example.org/\"",
        "charla.toml:2: `server.public_url` cannot be \"https://chat.example.org/\"; allowed: scheme, host and port without a path, such as \"https://chat.example.org\"",
    ),
    (
        "[server]\ntrusted_proxies = [\"10.0.0.0/40\"]",
        "charla.toml:2: `server.trusted_proxies` cannot be [\"10.0.0.0/40\"]; allowed: a list of networks, such as [\"10.0.0.0/8\", \"::1\"]",
    ),
    (
        "[server]\nrejects = \"silent\"",
        "charla.toml:2: `server.rejects` cannot be \"silent\"; allowed: \"close\" or \"http\"",
    ),
    (
        "[server]\ndefault_tenant = \"a b\"",
        "charla.toml:2: `server.default_tenant` cannot be \"a b\"; allowed: a tenant's id: 1 to 63 of A-Z a-z 0-9 _ -",
    ),
    (
        "[auth]\njwks_url = \"login.example.org\"",
        "charla.toml:2: `auth.jwks_url` cannot be \"login.example.org\"; allowed: an https address (http on this machine only), such as \"https://login.example.org/jwks.json\"",
    ),
    (
        "[log]\nfilter = \"info,charla=loud\"",
        "charla.toml:2: `log.filter` cannot be \"info,charla=loud\"; allowed: a level (error, warn, info, debug, trace) or a filter such as \"info,charla_server=debug\"",
    ),
    (
        "[server]\nlisten = ",
        "charla.toml:2: is not TOML: string values must be quoted, expected literal string",
    ),
    (
        "[log]\nfilter = \"info\"\nfilter = \"warn\"",
        "charla.toml:3: is not TOML: duplicate key",
    ),
];

#[test]
fn each_mistake_in_the_file_is_told_with_its_line() {
    for (text, expected) in MISTAKES {
        assert_eq!(Folder::with(text).problems(Lang::En), [*expected], "{text}");
    }
}

fn key_mistakes() -> Vec<(String, &'static str)> {
    let key = |lines: &str| format!("[[auth.keys]]\n{lines}");
    vec![
        (
            format!("[auth]\nsecret = \"{SECRET_32}\"\nsecret_env = \"X\""),
            "charla.toml:3: give only one of `auth.secret`, `auth.secret_file` and `auth.secret_env`",
        ),
        (
            "[auth]\nsecret = \"short\"".into(),
            "charla.toml:2: `auth.secret` cannot be this value; allowed: text of at least 16 bytes",
        ),
        (
            "[auth]\nsecret_file = \"none.txt\"".into(),
            "charla.toml:2: `auth.secret_file`: none.txt cannot be read: No such file or directory (os error 2)",
        ),
        (
            "[auth]\nsecret_env = \"NO_SUCH\"".into(),
            "charla.toml:2: `auth.secret_env`: the variable NO_SUCH is not set",
        ),
        (
            key("kid = \"a\""),
            "charla.toml:1: `auth.keys` needs `auth.keys.algorithm`",
        ),
        (
            key("algorithm = \"none\""),
            "charla.toml:2: `auth.keys.algorithm` cannot be \"none\"; allowed: \"HS256\" or \"HS384\" or \"HS512\" or \"RS256\" or \"ES256\" or \"EdDSA\"",
        ),
        (
            key("algorithm = \"HS256\""),
            "charla.toml:1: `auth.keys` needs `auth.keys.secret`, `auth.keys.secret_file` or `auth.keys.secret_env`",
        ),
        (
            key(&format!("algorithm = \"RS256\"\nsecret = \"{SECRET_32}\"")),
            "charla.toml:3: `auth.keys.secret` does not go with RS256; give `public_key` or `public_key_file`",
        ),
        (
            key("algorithm = \"HS256\"\npublic_key = \"-----BEGIN PUBLIC KEY-----\""),
            "charla.toml:3: `auth.keys.public_key` does not go with HS256; give `secret`, `secret_file` or `secret_env`",
        ),
        (
            key("algorithm = \"RS256\"\npublic_key_file = \"keys/none.pem\""),
            "charla.toml:3: `auth.keys.public_key_file`: keys/none.pem cannot be read: No such file or directory (os error 2)",
        ),
        (
            key("algorithm = \"EdDSA\"\npublic_key = \"-----BEGIN PRIVATE KEY-----\\nMC4\""),
            "charla.toml:3: `auth.keys.public_key` holds a private key; give the public one, and keep the private one where tokens are signed",
        ),
        (
            key("algorithm = \"ES256\"\npublic_key = \"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\""),
            "charla.toml:3: `auth.keys.public_key` is no public key in PEM; it begins with -----BEGIN PUBLIC KEY-----",
        ),
        (
            key(&format!(
                "algoritm = \"HS256\"\nalgorithm = \"HS256\"\nsecret = \"{SECRET_32}\""
            )),
            "charla.toml:2: unknown key `auth.keys.algoritm`; did you mean `auth.keys.algorithm`?",
        ),
        (
            key(&format!(
                "kid = \"a\"\nalgorithm = \"HS256\"\nsecret = \"{SECRET_32}\"\n[[auth.keys]]\nkid = \"a\"\nalgorithm = \"HS256\"\nsecret = \"{SECRET_32}\""
            )),
            "charla.toml:5: the key \"a\" was given before, at charla.toml:1",
        ),
        (
            "[auth.keys]\nalgorithm = \"HS256\"".into(),
            "charla.toml:1: `auth.keys` can be written in the file only, as [[auth.keys]]",
        ),
    ]
}

#[test]
fn each_mistake_with_keys_is_told_and_no_secret_is() {
    for (text, expected) in key_mistakes() {
        let problems = Folder::with(&text).problems(Lang::En);
        assert_eq!(problems, [expected], "{text}");
        assert!(!problems.concat().contains(SECRET_32));
    }
}

#[test]
fn all_mistakes_are_told_at_once_and_in_spanish_too() {
    let folder = Folder::with("[server]\nlistn = 1\n[store]\ngroup_max = 0\n[liveness]\nping_after = \"1s\"");
    assert_eq!(
        folder.problems(Lang::Es),
        [
            "charla.toml:2: clave desconocida `server.listn`; ¿quisiste decir `server.listen`?",
            "charla.toml:4: `store.group_max` no puede ser 0; se permite: de 1 a 65536",
            "charla.toml:6: `liveness.pong_within` es \"8s\" pero debe ser menor que `liveness.ping_after`, que es \"1s\" (charla.toml:6)",
        ]
    );
}

#[test]
fn variables_and_flags_are_judged_like_the_file() {
    let folder = Folder::with("");
    let variables = [
        ("CHARLA_SERVER_LISTN", "127.0.0.1:1"),
        ("CHARLA_STORE_GROUP_MAX", "0"),
        // What Kubernetes sets for a service called charla, and what is the command line's own.
        ("CHARLA_PORT", "tcp://10.0.0.1:9001"),
        ("CHARLA_SERVICE_HOST", "10.0.0.1"),
        ("CHARLA_PORT_9001_TCP_ADDR", "10.0.0.1"),
        ("CHARLA_LANG", "es"),
    ];
    let flags = [("server.lisen", "x"), ("auth.keys", "x"), ("log.format", "xml")];
    assert_eq!(
        told(folder.load(&variables, &flags)),
        [
            "CHARLA_SERVER_LISTN: unknown key `CHARLA_SERVER_LISTN`; did you mean `CHARLA_SERVER_LISTEN`?",
            "--set server.lisen: unknown key `server.lisen`; did you mean `server.listen`?",
            "--set auth.keys: `auth.keys` can be written in the file only, as [[auth.keys]]",
            "CHARLA_STORE_GROUP_MAX: `store.group_max` cannot be \"0\"; allowed: 1 to 65536",
            "--set log.format: `log.format` cannot be \"xml\"; allowed: \"pretty\" or \"json\"",
        ]
    );
}

#[test]
fn a_missing_file_is_told() {
    let problems = told(load(
        Some("/nowhere/charla.toml".as_ref()),
        std::iter::empty(),
        &[],
    ));
    assert_eq!(
        problems,
        ["/nowhere/charla.toml: cannot be read: No such file or directory (os error 2)"]
    );
}

#[test]
fn later_sources_go_over_earlier_ones() {
    let folder = Folder::with(
        "[server]\nlisten = \"127.0.0.1:1\"\ndrain = \"1s\"\nmax_headers = 50\n[store]\npath = \"data\"\n[limits]\ntext_bytes = 1000",
    );
    let variables = [
        ("CHARLA_SERVER_LISTEN", "127.0.0.1:2"),
        ("CHARLA_SERVER_DRAIN", "2s"),
        ("CHARLA_ORIGINS_ALLOW", "https://a.example, https://b.example"),
        ("CHARLA_SERVER_TRUSTED_PROXIES", "10.1.2.3/8,::1"),
        ("CHARLA_PLAIN_BARE_TEXT", "true"),
        ("CHARLA_LIMITS_DATA_BYTES", "8KiB"),
    ];
    let loaded = folder
        .load(&variables, &[("server.listen", "127.0.0.1:3")])
        .unwrap();
    let settings = &loaded.settings;
    assert_eq!(settings.server.listen.port(), 3);
    assert_eq!(settings.server.drain, Duration::from_secs(2));
    assert_eq!(settings.server.max_headers, 50);
    assert_eq!(settings.origins.allow, ["https://a.example", "https://b.example"]);
    assert_eq!(
        settings
            .server
            .trusted_proxies
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        ["10.0.0.0/8", "::1/128"]
    );
    assert!(settings.plain.bare_text);
    assert_eq!(
        (settings.limits.text_bytes, settings.limits.data_bytes),
        (1000, 8192)
    );
    assert_eq!(settings.store.path, folder.folder.path().join("data"));

    assert_eq!(loaded.place("server.listen"), Place::Flag("server.listen".into()));
    assert_eq!(
        loaded.place("server.drain"),
        Place::Variable("CHARLA_SERVER_DRAIN".into())
    );
    assert_eq!(loaded.place("server.max_headers"), Place::Line(folder.file(), 4));
    assert_eq!(loaded.place("server.rejects"), Place::Default);
}

#[test]
fn secrets_come_from_three_places_and_are_never_shown() {
    let folder = Folder::with(
        "[auth]\nsecret_file = \"secret\"\n[[auth.keys]]\nkid = \"k\"\nalgorithm = \"HS256\"\nsecret_env = \"DJANGO\"\ntenant = \"acme\"\n",
    );
    std::fs::write(folder.folder.path().join("secret"), format!("{SECRET_32}\n")).unwrap();
    let django = "django-secret-django-secret";
    let loaded = folder.load(&[("DJANGO", django)], &[]).unwrap();
    assert_eq!(
        loaded.settings.auth.secret.as_ref().unwrap().expose_secret(),
        SECRET_32
    );
    let Some(KeyMaterial::Secret(secret)) = loaded.settings.auth.keys.first().map(|key| &key.material) else {
        panic!("no shared secret");
    };
    assert_eq!(secret.expose_secret(), django);

    let shown: HashMap<_, _> = loaded
        .shown()
        .into_iter()
        .map(|line| (line.key.clone(), line))
        .collect();
    let secret = &shown["auth.secret"];
    assert_eq!(secret.value.as_deref(), Some("(hidden)"));
    assert_eq!(secret.place, Place::Line(folder.file(), 2));
    let foreign = &shown["auth.keys[0]"];
    assert_eq!(
        foreign.value.as_deref(),
        Some("{ algorithm = \"HS256\", kid = \"k\", tenant = \"acme\", secret = (hidden) }")
    );
    assert_eq!(foreign.place, Place::Line(folder.file(), 3));
    let everything = format!("{loaded:?} {shown:?}");
    assert!(!everything.contains(SECRET_32) && !everything.contains(django));

    // A later source gives it in another way: that one holds.
    let over = folder
        .load(
            &[("DJANGO", django), ("CHARLA_AUTH_SECRET", "from-the-environment")],
            &[],
        )
        .unwrap();
    assert_eq!(
        over.settings.auth.secret.unwrap().expose_secret(),
        "from-the-environment"
    );
}
