//! A table is missing: migrations were not applied, or the socket looks in another schema.

use charla_wire::Cause;

use crate::checks::access::{let_in, logged, raised, unsaid};
use crate::checks::{Check, Step};
use crate::evidence::{DatabaseFault, Evidence};
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::DatabaseSchemaMissing, step: Step::Access, judge };

/// What a missing table leads to.
const LEADS_TO: [Cause; 1] = [Cause::AppException];

fn judge(evidence: &Evidence) -> Outcome {
    if let Some(text) = let_in(evidence) {
        return Outcome::Pass(text);
    }
    let said = logged(evidence, &[Sign::TableMissing]);
    let database = evidence.database.as_ref();
    if let Some(said) = said {
        let engine = evidence.django.as_ref().and_then(|django| django.database_engine.as_deref());
        let tenants = engine.is_some_and(|engine| engine.contains("tenant"));
        let there = database.is_some_and(|database| database.schema.is_some() && database.missing_tables.is_empty() && database.error.is_none());
        let finding = if tenants || there {
            let sentence = both!(
                "The socket looks for its tables in the wrong schema: django-tenants' middleware is for HTTP only, so sockets run in public.",
                "El socket busca sus tablas en el esquema equivocado: el middleware de django-tenants es solo para HTTP, así que los sockets corren en public.",
            );
            Finding::new(said.certainty, sentence, said.facts)
                .fix("from django_tenants.utils import schema_context\nwith schema_context(self.scope[\"tenant\"]):\n    ...")
        } else {
            Finding::new(said.certainty, both!("A table is missing in the database: migrations were not applied.", "Falta una tabla en la base de datos: no se aplicaron las migraciones."), said.facts)
        };
        return Outcome::Fail(finding.explains(&LEADS_TO));
    }
    let Some(database) = database else {
        return unsaid(evidence);
    };
    let url = &database.url;
    if database.fault == Some(DatabaseFault::NoFile) {
        let fact = Fact { what: both!("there is no such file", "no existe ese fichero"), quote: database.error.clone(), at: Some(url.clone()) };
        let sentence = both!("The database's file is not there: {url}.", "El fichero de la base de datos no está: {url}.");
        let Some(answer) = raised(evidence) else {
            return Outcome::Skip(both!("the database's file is not there, and the application did not fail", "el fichero de la base de datos no está, y la aplicación no falló"));
        };
        return Outcome::Fail(Finding::likely(sentence, vec![fact, answer]).explains(&LEADS_TO));
    }
    if database.error.is_some() || database.tables.is_none() {
        return Outcome::Skip(both!("the database could not be opened", "no se pudo abrir la base de datos"));
    }
    let Some(missing) = database.missing_tables.first() else {
        return Outcome::Pass(both!("the application's tables are there", "las tablas de la aplicación están"));
    };
    let Some(answer) = raised(evidence) else {
        return Outcome::Skip(both!("{missing} is missing, but the application did not fail for it", "falta {missing}, pero la aplicación no falló por eso"));
    };
    let tables = database.tables.unwrap_or_default();
    let fact = Fact { what: both!("not among {tables} tables", "no está entre {tables} tablas"), quote: Some(missing.clone()), at: Some(url.clone()) };
    let sentence = both!("The table {missing} is missing: migrations were not applied.", "Falta la tabla {missing}: no se aplicaron las migraciones.");
    Outcome::Fail(Finding::certain(sentence, vec![fact, answer]).explains(&LEADS_TO))
}
