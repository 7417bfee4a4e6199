//! Settings as projects write them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::files::Held;
use super::{Settings, Value, read};

mod addresses;

/// A project of some files, read with an environment.
fn project(files: &[(&str, &str)], env: Option<&[(&str, &str)]>) -> Option<Settings> {
    let held = Held(
        files
            .iter()
            .map(|(path, text)| (PathBuf::from("/srv").join(path), (*text).to_owned()))
            .collect(),
    );
    let env: Option<BTreeMap<String, String>> = env.map(|rows| {
        rows.iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    });
    read(&held, Path::new("/srv"), env.as_ref(), None)
}

/// One settings file.
fn settings(text: &str, env: &[(&str, &str)]) -> Settings {
    project(&[("manage.py", ""), ("settings.py", text)], Some(env)).unwrap()
}

/// A value as Python would write it; `?` for what cannot be told.
fn shown(value: &Value) -> String {
    let all = |items: &[Value]| items.iter().map(shown).collect::<Vec<_>>().join(", ");
    match value {
        Value::None => "None".into(),
        Value::Bool(value) => if *value { "True" } else { "False" }.into(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Text(text) => format!("'{text}'"),
        Value::List(items) => format!("[{}]", all(items)),
        Value::Dict(rows) => {
            let rows: Vec<String> = rows
                .iter()
                .map(|(key, value)| format!("{}: {}", shown(key), shown(value)))
                .collect();
            format!("{{{}}}", rows.join(", "))
        }
        Value::Duration(seconds) => format!("{seconds}s"),
        Value::Path(path) => format!("Path({})", path.display()),
        Value::Unknown(_) => "?".into(),
        Value::Known(name) => name.clone(),
        Value::Env(_) | Value::Function(_) => "function".into(),
    }
}

/// What `X = <text>` is, after some lines before it.
fn value(before: &str, text: &str) -> String {
    let settings = settings(
        &format!("{before}\nX = {text}\n"),
        &[("SET", "5"), ("TRUE", "on"), ("LIST", "a, b,,c")],
    );
    settings.get("X").map_or("nothing".into(), shown)
}

#[test]
#[expect(clippy::too_many_lines, reason = "it is a table")]
fn expressions() {
    for (before, text, expected) in [
        ("", "'a' \"b\" r'\\d' '''c\nd'''", "'ab\\dc\nd'"),
        ("", "u'ñ\\n\\x41'", "'ñ\nA'"),
        ("", "-1_000 + 0x10 * 2", "-968"),
        ("", "60 * 60 * 24", "86400"),
        ("", "1 if True else 2", "1"),
        ("", "('a',)", "['a']"),
        ("", "'a',", "['a']"),
        ("", "('a')", "'a'"),
        ("", "{'a': 1, **{'b': [2, *[3]]}}", "{'a': 1, 'b': [2, 3]}"),
        ("", "{'a', 'b'}", "['a', 'b']"),
        ("", "dict(a=1, b=None)", "{'a': 1, 'b': None}"),
        (
            "HOST = 'h'\nPORT = 1",
            "f'redis://{HOST}:{PORT!s:>4}/{{0}}'",
            "'redis://h:1/{0}'",
        ),
        ("HOST = 'h'", "'redis://%s:%d' % (HOST, 6379)", "'redis://h:6379'"),
        (
            "HOST = 'h'",
            "'redis://{}:{port}'.format(HOST, port=6379)",
            "'redis://h:6379'",
        ),
        ("", "'%(a)s' % {'a': 1}", "'1'"),
        ("", "'a,b'.split(',')", "['a', 'b']"),
        ("", "[x.strip() for x in ' a , b '.split(',') if x]", "['a', 'b']"),
        ("", "{k: v for k, v in [('a', 1)]}", "{'a': 1}"),
        ("", "list(map(str.strip, ' a, b'.split(',')))", "['a', 'b']"),
        ("", "','.join(['a', 'b'])", "'a,b'"),
        ("", "[1, 2, 3][-1]", "3"),
        ("", "'abcdef'[1:-1]", "'bcde'"),
        ("", "'a' in ['a'] and not 'b' in 'abc'", "False"),
        ("", "None or 'x'", "'x'"),
        ("", "'' or None", "None"),
        (
            "from datetime import timedelta",
            "timedelta(minutes=5, days=1)",
            "86700s",
        ),
        ("import datetime", "datetime.timedelta(hours=2)", "7200s"),
        (
            "from pathlib import Path",
            "Path(__file__).resolve().parent.parent / 'a' / 'b'",
            "Path(/a/b)",
        ),
        (
            "import os",
            "os.path.join(os.path.dirname(os.path.abspath(__file__)), 'db.sqlite3')",
            "'/srv/db.sqlite3'",
        ),
        ("import os", "os.environ['SET']", "'5'"),
        ("import os", "int(os.environ.get('SET', 1))", "5"),
        ("import os", "os.environ.get('UNSET')", "None"),
        ("import os", "os.getenv('UNSET', 'd')", "'d'"),
        ("from os import environ", "environ.get('SET')", "'5'"),
        ("import os", "os.environ['UNSET']", "?"),
        ("import os", "bool(int(os.environ.get('SET', 0)))", "True"),
        (
            "from decouple import config, Csv",
            "config('SET', default=1, cast=int)",
            "5",
        ),
        (
            "from decouple import config, Csv",
            "config('LIST', cast=Csv())",
            "['a', 'b', 'c']",
        ),
        ("from decouple import config", "config('TRUE', cast=bool)", "True"),
        (
            "import environ\nenv = environ.Env(SET=(int, 1), U=(bool, False))",
            "[env('SET'), env('U'), env('TRUE')]",
            "[5, False, 'on']",
        ),
        (
            "import environ\nenv = environ.Env()",
            "env.list('LIST', default=[])",
            "['a', 'b', 'c']",
        ),
        (
            "import environ\nenv = environ.Env()",
            "env.bool('UNSET', True)",
            "True",
        ),
        (
            "import environ\nenv = environ.Env()",
            "env('UNSET', default='redis://r')",
            "'redis://r'",
        ),
        (
            "import dj_database_url",
            "dj_database_url.parse('postgres://u:p%40@h:5/n')['PASSWORD']",
            "'p@'",
        ),
        (
            "import json",
            "json.loads('{\"a\": [1, true]}')",
            "{'a': [1, True]}",
        ),
        (
            "def env(name, default=None):\n    import os\n    return os.environ.get(name, default)",
            "env('SET')",
            "'5'",
        ),
        (
            "def f(n):\n    try:\n        return {'a': 1}[n]\n    except KeyError:\n        raise ValueError(n)",
            "f('a')",
            "1",
        ),
        (
            "A = ['a']\nA += ['b']\nA.append('c')\nA.insert(0, 'z')",
            "A",
            "['z', 'a', 'b', 'c']",
        ),
        (
            "D = {'a': {'b': 1}}\nD['a']['b'] = 2\nD.update(c=3)\nD.setdefault('d', 4)",
            "D",
            "{'a': {'b': 2}, 'c': 3, 'd': 4}",
        ),
        ("A, B = 1, 2", "[A, B]", "[1, 2]"),
        ("A: list[str] = ['a']", "A", "['a']"),
        ("import socket", "socket.gethostname()", "?"),
        ("import socket", "['a'] + socket.names()", "['a', ?]"),
        ("A = 1\nif unknown():\n    A = 2", "A", "?"),
        ("A = 1\nif unknown() and False:\n    A = 2", "A", "1"),
        ("A = lambda x: x", "A(1)", "?"),
        ("for x in ['a', 'b']:\n    Y = x", "Y", "'b'"),
        ("with open('f') as f:\n    Y = f.read()", "Y", "?"),
        ("class C:\n    a = 1", "C.a", "?"),
        ("A = = 1\nB = 2", "B", "2"),
        ("if True:\n    A = (1 +\n    2)\nelse:\n    A = 5", "A", "3"),
        ("if DEBUG_X := 1: pass\nB = 2", "B", "2"),
        ("# é\n\"\"\"doc\"\"\"\nB = 2  # c", "B", "2"),
        (
            "try:\n    from local import *\nexcept ImportError:\n    B = 3",
            "B",
            "3",
        ),
    ] {
        assert_eq!(value(before, text), expected, "{before}\nX = {text}");
    }
}

const SETTINGS: &str = r#"
import os
from datetime import timedelta
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = os.environ["DJANGO_SECRET_KEY"]
DEBUG = os.environ.get("DEBUG", "0") == "1"
ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "localhost").split(",")
INSTALLED_APPS = [
    "daphne",
    "django.contrib.auth",
    "rest_framework_simplejwt",
]
ASGI_APPLICATION = "demo.asgi.application"
REDIS_URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0")
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        "CONFIG": {
            "hosts": [{"address": REDIS_URL, "socket_timeout": None}],
            "prefix": "demo",
            "capacity": 1500,
        },
    },
}
DATABASES = {
    "default": {
        "ENGINE": "django_tenants.postgresql_backend",
        "NAME": "chat",
        "USER": "chat",
        "PASSWORD": os.environ.get("DB_PASSWORD", ""),
        "HOST": "db",
        "PORT": 5432,
        "CONN_MAX_AGE": 60,
    }
}
TENANT_MODEL = "customers.Client"
AUTH_USER_MODEL = "users.User"
SIMPLE_JWT = {"ACCESS_TOKEN_LIFETIME": timedelta(minutes=15), "ALGORITHM": "HS512"}
"#;
const ASGI: &str = r#"
import os
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.core.asgi import get_asgi_application
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "demo.settings")
django_asgi_app = get_asgi_application()
import chat.routing
application = ProtocolTypeRouter({
    "http": django_asgi_app,
    "websocket": AllowedHostsOriginValidator(JwtMiddleware(URLRouter(chat.routing.websocket_urlpatterns))),
})
"#;
const ROUTING: &str = "from django.urls import path, re_path\nfrom . import consumers\nwebsocket_urlpatterns = [\n    re_path(r'^ws/chat/(?P<id>\\d+)/$', consumers.ChatConsumer.as_asgi()),\n    path('ws/', URLRouter([path('a/<int:b>/', A.as_asgi())])),\n]\n";

#[test]
#[expect(clippy::too_many_lines, reason = "one project, and all that is told of it")]
fn the_usual_file() {
    let files = [
        ("manage.py", ""),
        ("demo/__init__.py", ""),
        ("demo/settings.py", SETTINGS),
        ("demo/asgi.py", ASGI),
        ("chat/__init__.py", ""),
        ("chat/routing.py", ROUTING),
        ("chat/consumers.py", "class ChatConsumer: pass\n"),
    ];
    let env = [
        ("DJANGO_SECRET_KEY", "k3y-of-the-project"),
        ("REDIS_URL", "redis://app:s3cret@redis:6380/2"),
        ("DB_PASSWORD", "s3cret"),
    ];
    let settings = project(&files, Some(&env)).unwrap();
    let layer = settings.layer().unwrap();
    assert_eq!(layer.hosts, ["redis://app:s3cret@redis:6380/2"]);
    assert_eq!(
        settings.database().unwrap().url(),
        "postgresql://chat:s3cret@db:5432/chat"
    );
    assert_eq!(
        settings.jwt().unwrap().signing_key.as_deref(),
        Some("k3y-of-the-project")
    );
    let seen = settings.seen();
    assert_eq!(seen.settings, "/srv/demo/settings.py");
    assert_eq!(seen.from, "/srv/demo/asgi.py:6");
    let shown = serde_json::to_string(&seen).unwrap() + &format!("{settings:?}");
    assert!(!shown.contains("s3cret") && !shown.contains("k3y"), "{shown}");
    let layer = seen.layer.unwrap();
    assert_eq!(
        (layer.hosts[0].as_str(), layer.prefix.as_str(), layer.capacity),
        ("redis://redis:6380/2", "demo", Some(1500))
    );
    assert_eq!(
        (layer.socket_timeout.as_deref(), layer.at.as_str()),
        (Some("none"), "/srv/demo/settings.py:17")
    );
    assert_eq!(seen.debug, Some(false));
    assert_eq!(
        seen.allowed_hosts.as_deref(),
        Some(["localhost".to_owned()].as_slice())
    );
    assert_eq!(
        seen.origin_validator.as_deref(),
        Some("AllowedHostsOriginValidator")
    );
    assert_eq!(seen.routes_websocket, Some(true));
    let routes: Vec<_> = seen
        .routes
        .iter()
        .map(|(route, at)| (route.as_str(), at.as_str()))
        .collect();
    assert_eq!(
        routes,
        [
            ("^ws/chat/(?P<id>\\d+)/$", "/srv/chat/routing.py:4"),
            ("ws/a/<int:b>/", "/srv/chat/routing.py:5")
        ]
    );
    assert_eq!(
        (seen.daphne_installed, seen.conn_max_age),
        (Some(true), Some(60.0))
    );
    assert_eq!(
        (seen.database.as_deref(), seen.tenant_model.as_deref()),
        (Some("postgresql://db:5432/chat"), Some("customers.Client"))
    );
    assert_eq!(
        (seen.algorithm.as_deref(), seen.access_lifetime_s),
        (Some("HS512"), Some(900.0))
    );
    assert_eq!(
        seen.signing_key_at.as_deref(),
        Some("SECRET_KEY at /srv/demo/settings.py:7")
    );
    assert_eq!(seen.unknown, Vec::<String>::new());
    assert!(!seen.incomplete && seen.assumed.is_empty());
}

#[test]
fn settings_in_a_package_with_a_base_and_an_env_file() {
    let base = "import environ\nfrom pathlib import Path\nBASE_DIR = Path(__file__).resolve().parent.parent.parent\nenv = environ.Env(DEBUG=(bool, False))\nenviron.Env.read_env(BASE_DIR / '.env')\nSECRET_KEY = env('SECRET_KEY')\nDEBUG = env('DEBUG')\nDATABASES = {'default': env.db()}\nDATABASES['default']['CONN_MAX_AGE'] = env.int('CONN_MAX_AGE', default=0)\nCHANNEL_LAYERS = {'default': {'BACKEND': 'channels_redis.pubsub.RedisPubSubChannelLayer', 'CONFIG': {'hosts': [(env('REDIS_HOST', default='127.0.0.1'), 6379)]}}}\nINSTALLED_APPS = ['a']\n";
    let production = "from .base import *  # noqa\nfrom .base import INSTALLED_APPS, env\nDEBUG = False\nALLOWED_HOSTS = env.list('ALLOWED_HOSTS')\nINSTALLED_APPS += ['b']\nif DEBUG:\n    CHANNEL_LAYERS = {}\nelse:\n    CHANNEL_LAYERS['default']['CONFIG']['prefix'] = 'prod'\ntry:\n    from .local import *\nexcept ImportError:\n    pass\n";
    let files = [
        (
            "manage.py",
            "import os\ndef main():\n    os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'config.settings.production')\n",
        ),
        ("config/__init__.py", ""),
        ("config/settings/__init__.py", ""),
        ("config/settings/base.py", base),
        ("config/settings/production.py", production),
        (
            ".env",
            "# secrets\nexport SECRET_KEY='from-env-file'\nDATABASE_URL=postgres://u:p@db:5433/n\nDEBUG=True # yes\nALLOWED_HOSTS=a.example, b.example\n",
        ),
    ];
    let settings = project(&files, Some(&[("REDIS_HOST", "10.0.0.5")])).unwrap();
    let seen = settings.seen();
    assert_eq!(seen.settings, "/srv/config/settings/production.py");
    let layer = settings.layer().unwrap();
    assert_eq!(
        (layer.hosts[0].as_str(), layer.prefix.as_str()),
        ("redis://10.0.0.5:6379/0", "prod")
    );
    assert_eq!(layer.at, "/srv/config/settings/production.py:9");
    assert_eq!(settings.text("SECRET_KEY").as_deref(), Some("from-env-file"));
    assert_eq!(settings.database().unwrap().url(), "postgresql://u:p@db:5433/n");
    assert_eq!(seen.allowed_hosts.unwrap(), ["a.example", "b.example"]);
    assert_eq!(seen.apps, ["a", "b"]);
    assert_eq!(seen.debug, Some(false));
    assert!(
        !seen.incomplete || seen.unknown.iter().all(|row| row.contains("local")),
        "{:?}",
        seen.unknown
    );
}

#[test]
fn a_hidden_environment_is_unknown_or_assumed() {
    let text = "import os\nSECRET_KEY = os.environ['KEY']\nREDIS = os.environ.get('REDIS_URL', 'redis://127.0.0.1:6379/0')\nCHANNEL_LAYERS = {'default': {'BACKEND': 'channels_redis.core.RedisChannelLayer', 'CONFIG': {'hosts': [REDIS]}}}\nDB = os.environ.get('DB')\nif DB:\n    from .other import *\n";
    let settings = project(&[("manage.py", ""), ("settings.py", text)], None).unwrap();
    let seen = settings.seen();
    assert_eq!(
        seen.unknown,
        [
            "SECRET_KEY at /srv/settings.py:2 (environment variable KEY)",
            "an import at /srv/settings.py:7"
        ]
    );
    assert_eq!(seen.assumed, ["REDIS_URL at /srv/settings.py:3"]);
    assert!(seen.incomplete);
    let with_file = project(
        &[
            ("manage.py", ""),
            ("settings.py", text),
            (".env", "KEY=k\nREDIS_URL=redis://r:1/0\n"),
        ],
        None,
    )
    .unwrap();
    assert_eq!(with_file.layer().unwrap().hosts, ["redis://r:1/0"]);
    assert!(with_file.seen().assumed.is_empty());
}

#[test]
fn hosts_in_every_spelling() {
    for (hosts, expected, timeout) in [
        ("[('127.0.0.1', 6379)]", "redis://127.0.0.1:6379/0", None),
        ("['redis://:p@h:1/2']", "redis://:p@h:1/2", None),
        (
            "[{'address': 'redis://h:1', 'db': 3, 'password': 'a b', 'socket_timeout': 10}]",
            "redis://h:1?password=a%20b&db=3",
            Some("10"),
        ),
        (
            "[{'address': 'redis://:x@h/1?socket_timeout=7', 'db': 3, 'password': 'y'}]",
            "redis://:x@h/1?socket_timeout=7",
            Some("7"),
        ),
        (
            "[{'host': '::1', 'port': 7, 'password': 'p'}]",
            "redis://[::1]:7?password=p",
            None,
        ),
        (
            "[{'address': ('h', 5), 'socket_timeout': None}]",
            "redis://h:5/0",
            Some("none"),
        ),
        (
            "[{'address': 'unix:///run/r.sock', 'db': 2}]",
            "unix:///run/r.sock?db=2",
            None,
        ),
    ] {
        let text = format!(
            "CHANNEL_LAYERS = {{'default': {{'BACKEND': 'channels_redis.core.RedisChannelLayer', 'CONFIG': {{'hosts': {hosts}}}}}}}"
        );
        let layer = settings(&text, &[]).layer().unwrap();
        assert_eq!(
            (layer.hosts[0].as_str(), layer.socket_timeout.as_deref()),
            (expected, timeout),
            "{hosts}"
        );
        assert_eq!(layer.prefix, "asgi");
    }
    let none = settings("CHANNEL_LAYERS = {}", &[]);
    assert!(none.layer().is_none() && none.seen().layers_at.is_some() && none.seen().layer_unknown.is_none());
}

#[test]
fn bounds() {
    let deep = format!("A = {}1{}\nB = 2", "(".repeat(5_000), ")".repeat(5_000));
    let long = format!("A = {}\nB = 2", "1+".repeat(20_000) + "1");
    let double = "A = ['a'] * 1\n".to_owned() + &"A = [1, *A, *A]\n".repeat(60) + "B = 2";
    let recursive = "def f(x):\n    return f(x) + f(x)\nA = f(1)\nB = 2".to_owned();
    let blocks = (0..200)
        .map(|depth| format!("{}if True:\n", " ".repeat(depth)))
        .collect::<String>()
        + &" ".repeat(200)
        + "A = 1\nB = 2";
    for text in [
        deep,
        long,
        double,
        recursive,
        blocks,
        "A = '''".into(),
        "A = f'{{{'".into(),
        "@".into(),
        "\\".into(),
        "if".into(),
    ] {
        let read = settings(&text, &[]);
        if text.ends_with("B = 2") {
            assert_eq!(read.get("B").map(shown).as_deref(), Some("2"), "{}", &text[..30]);
        }
    }
    let circle = [
        ("manage.py", ""),
        ("settings.py", "from a import *\n"),
        ("a.py", "from settings import *\nB = 2\n"),
    ];
    assert!(project(&circle, Some(&[])).unwrap().get("B").is_some());
    assert!(project(&[("x.txt", "")], None).is_none());
}
