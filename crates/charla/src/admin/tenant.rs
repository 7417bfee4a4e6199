//! `charla tenant`

use super::{Office, record, tenant_id};
use crate::args::{TenantArgs, TenantCommand};
use crate::exit::{Exit, Failure, Outcome};
use crate::screen::Screen;
use crate::words;

pub(super) async fn run(wanted: TenantArgs, screen: &mut Screen) -> Outcome {
    let makes = matches!(wanted.command, TenantCommand::Add { .. });
    let mut office = Office::open(&wanted.desk, makes, screen).await?;
    let lang = office.screen.lang;
    match wanted.command {
        TenantCommand::Add { id, name } => {
            let id = tenant_id(&id, office.screen)?;
            let before = office.store.tenant(&id).await?;
            let name = name
                .or(before.map(|tenant| tenant.name))
                .unwrap_or_else(|| id.to_string());
            let (tenant, new) = office.store.put_tenant(&id, &name).await?;
            let sentence = if new {
                words::tenant_added(lang, &id)
            } else {
                words::tenant_kept(lang, &id)
            };
            office.done(sentence, &record::tenant(&tenant))
        }
        TenantCommand::List => {
            let tenants: Vec<_> = office.store.tenants().await?.iter().map(record::tenant).collect();
            office.list(&tenants, &["id", "name", "created_at"])?;
            Ok(Exit::Done)
        }
        TenantCommand::Show { id } => {
            let id = tenant_id(&id, office.screen)?;
            let Some(tenant) = office.store.tenant(&id).await? else {
                return Err(Failure::failed(words::no_tenant(lang, id)));
            };
            let sentence = format!("{} \"{}\", {}", tenant.id, tenant.name, tenant.created_at);
            office.done(sentence, &record::tenant(&tenant))
        }
    }
}
