//! `charla key`

use secrecy::ExposeSecret as _;
use serde_json::Value;

use super::{Office, record};
use crate::args::{KeyArgs, KeyCommand};
use crate::exit::{Exit, Failure, Outcome};
use crate::screen::Screen;
use crate::words;

pub(super) async fn run(wanted: KeyArgs, screen: &mut Screen) -> Outcome {
    let mut office = Office::open(&wanted.desk, false, screen).await?;
    let lang = office.screen.lang;
    match wanted.command {
        KeyCommand::Add { label, every_tenant } => {
            let tenant = if every_tenant {
                None
            } else {
                Some(office.tenant().await?)
            };
            let auth = office.auth().await?;
            let (secret, key) = auth.api_keys.create(tenant, &label, auth.now()).await?;
            let mut shown = record::key(&key);
            if let Some(shown) = shown.as_object_mut() {
                shown.insert("secret".into(), secret.expose_secret().into());
            }
            if !office.json {
                office.screen.note(words::key_added(lang, record::key_id(&key)));
            }
            office.done(secret.expose_secret().to_owned(), &shown)
        }
        KeyCommand::List => {
            let tenant = match &office.tenant {
                Some(_) => Some(office.tenant().await?),
                None => None,
            };
            let keys = office.store.api_keys(tenant.as_ref()).await?;
            let keys: Vec<Value> = keys.iter().map(record::key).collect();
            office.list(&keys, &["key", "label", "tenant", "created_at"])?;
            Ok(Exit::Done)
        }
        KeyCommand::Revoke { id } => {
            let keys = office.store.api_keys(None).await?;
            let mut found = keys.iter().filter(|key| key.hash.starts_with(&id));
            let (Some(key), None, false) = (found.next(), found.next(), id.is_empty()) else {
                return Err(Failure::failed(words::no_key(lang, id)));
            };
            office.auth().await?.api_keys.remove(&key.hash).await?;
            office.done(words::key_revoked(lang, &id), &record::key(key))
        }
    }
}
