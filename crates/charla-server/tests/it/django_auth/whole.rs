//! SimpleJWT with a key pair, ids of both kinds and `CHECK_REVOKE_TOKEN`; and django-tenants, a schema each.

use std::path::Path;

use charla_server::settings::{Settings, load};

use super::{FROM_PAGE, PAGE, SECRET, cause, run, serve};
use crate::cluster::Cluster;
use crate::serving::{tenant_id, with_parameter};

fn settings(folder: &Path, toml: &str) -> Settings {
    let file = folder.join("charla.toml");
    std::fs::write(&file, format!("[origins]\nallow = [\"{PAGE}\"]\n{toml}")).unwrap();
    load(Some(&file), std::iter::empty(), &[]).unwrap().settings
}

#[tokio::test]
async fn tokens_by_a_key_pair_end_with_the_password_whatever_ids_are() {
    for (ids, kind) in [("uuid", "UUID"), ("number", "int")] {
        let folder = tempfile::tempdir().unwrap();
        let (database, key) = (folder.path().join("db.sqlite3"), folder.path().join("public.pem"));
        let made = run(
            "keys.py",
            &[database.to_str().unwrap(), key.to_str().unwrap(), ids],
        );
        assert_eq!(made["type"], kind);
        let id = if ids == "uuid" {
            // Without a type of its own, Django keeps UUIDs as 32 digits in SQLite.
            "replace(:user, '-', '')"
        } else {
            ":user"
        };
        let toml = format!(
            "[server]\ndefault_tenant = \"demo\"\n[application]\ndatabase_url = \"sqlite://{}\"\n\
             [auth.django]\nblacklist = true\nrevoke_claim = \"hash_password\"\n\
             user_query = \"SELECT password, is_active FROM {} WHERE id = {id}\"\n\
             [[auth.keys]]\nalgorithm = \"RS256\"\npublic_key_file = \"public.pem\"\n",
            database.display(),
            made["table"].as_str().unwrap(),
        );
        let serving = serve(settings(folder.path(), &toml)).await;
        for (name, expected) in [
            ("good", "ok"),
            ("changed", "token_revoked"),
            ("changed_after", "ok"),
            ("inactive", "user_inactive"),
            ("gone", "user_unknown"),
            ("without", "token_revoked"),
            ("odd", "token_invalid"),
            ("listed", "token_invalid"),
        ] {
            let path = with_parameter("/ws/", "token", made[name].as_str().unwrap());
            let reply = serving.http("GET", &path, &[], b"").await;
            assert_eq!(cause(&reply), expected, "{ids} {name}: {}", reply.json());
            if name == "good" {
                assert_eq!(reply.json()["user"]["id"], made["user"], "{ids}");
            }
        }
        // A ticket stands for the token that it was made with.
        let bearer = format!("Authorization: Bearer {}", made["good"].as_str().unwrap());
        let ticket = serving.http("POST", "/api/v1/tickets", &[&bearer], b"").await;
        let path = with_parameter("/ws/", "ticket", ticket.json()["ticket"].as_str().unwrap());
        let reply = serving.http("GET", &path, &[], b"").await;
        assert_eq!(cause(&reply), "ok", "{ids}: {}", reply.json());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_company_of_django_tenants_has_sessions_and_a_blacklist_of_its_own() {
    let cluster = tokio::task::block_in_place(Cluster::start);
    let database = cluster.database().await;
    let socket = cluster.folder().display().to_string();
    let made = run("tenants.py", &[&socket, &database, SECRET]);
    let folder = tempfile::tempdir().unwrap();
    let toml = format!(
        "[application]\ndatabase_url = \"{}\"\nschema = \"{{tenant}}\"\n\
         [auth.django]\nblacklist = true\nsliding = true\nsessions = \"database\"\nsecret = \"{SECRET}\"\n\
         [[auth.keys]]\nalgorithm = \"HS256\"\nsecret = \"{SECRET}\"\n",
        cluster.address(&database),
    );
    let serving = serve(settings(folder.path(), &toml)).await;
    for company in ["north", "south"] {
        let store = &serving.node().store;
        store.put_tenant(&tenant_id(company), company).await.unwrap();
    }
    for (company, other) in [("north", "south"), ("south", "north")] {
        let path = format!("/ws/?tenant={company}");
        let own = &made[company];
        for (credential, expected) in [("access", "ok"), ("listed", "token_revoked")] {
            let path = with_parameter(&path, "token", own[credential].as_str().unwrap());
            let reply = serving.http("GET", &path, &[], b"").await;
            assert_eq!(
                cause(&reply),
                expected,
                "{company} {credential}: {}",
                reply.json()
            );
        }
        // The keys are one for all companies, so the other's token is good here; its blacklist is not asked.
        let path_of_token = with_parameter(&path, "token", made[other]["listed"].as_str().unwrap());
        let reply = serving.http("GET", &path_of_token, &[], b"").await;
        assert_eq!(cause(&reply), "ok", "{company}: {}", reply.json());
        for (whose, expected) in [(company, "ok"), (other, "session_invalid")] {
            let cookie = format!("Cookie: sessionid={}", made[whose]["session"].as_str().unwrap());
            let reply = serving.http("GET", &path, &[&cookie, FROM_PAGE], b"").await;
            assert_eq!(cause(&reply), expected, "{whose} in {company}: {}", reply.json());
        }
    }
}
