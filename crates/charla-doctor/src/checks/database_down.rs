//! The application's database cannot be reached, lets nobody in, or has no connection left.

use charla_wire::Cause;

use crate::checks::access::{let_in, logged, raised, unsaid};
use crate::checks::{Check, Step};
use crate::evidence::{DatabaseFault, DatabaseSeen, Evidence};
use crate::signs::Sign;
use crate::text::{Text, both};
use crate::verdict::{Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::DatabaseDown, step: Step::Access, judge };

const SAID: [Sign; 3] = [Sign::DatabaseRefused, Sign::DatabaseFull, Sign::DatabaseRefusedUser];
/// What an unreachable database leads to.
const LEADS_TO: [Cause; 1] = [Cause::AppException];

fn judge(evidence: &Evidence) -> Outcome {
    let said = logged(evidence, &SAID);
    let Some(database) = &evidence.database else {
        let Some(said) = said else {
            return let_in(evidence).map_or_else(|| unsaid(evidence), Outcome::Pass);
        };
        if let Some(text) = let_in(evidence) {
            return Outcome::Pass(text);
        }
        let sentence = sentence(evidence);
        return Outcome::Fail(Finding::new(said.certainty, sentence, said.facts).explains(&LEADS_TO));
    };
    let Some(words) = &database.error else {
        return open(evidence, database);
    };
    if let Some(text) = let_in(evidence) {
        // It answers the application, if not the doctor.
        return Outcome::Pass(text);
    }
    let fault = match database.fault {
        Some(
            DatabaseFault::Unreachable
            | DatabaseFault::Silent
            | DatabaseFault::Starting
            | DatabaseFault::Full
            | DatabaseFault::Password
            | DatabaseFault::NoDatabase,
        ) => database.fault,
        // Files have checks of their own, and what the doctor may not read the application may.
        Some(DatabaseFault::NoFile | DatabaseFault::Forbidden | DatabaseFault::Other) | None => {
            return Outcome::Skip(both!("the database could not be opened: {words}", "no se pudo abrir la base de datos: {words}"));
        }
    };
    let url = &database.url;
    let failed = match fault {
        Some(DatabaseFault::Full) => both!("Every connection of the database {url} is taken.", "Todas las conexiones de la base de datos {url} están ocupadas."),
        Some(DatabaseFault::Password) => both!("The database {url} does not accept the user or the password.", "La base de datos {url} no acepta el usuario o la contraseña."),
        Some(DatabaseFault::NoDatabase) => both!("There is no such database: {url}.", "No existe esa base de datos: {url}."),
        Some(DatabaseFault::Silent) => both!("The database {url} is reached but does not answer.", "Se llega a la base de datos {url}, pero no responde."),
        Some(DatabaseFault::Starting) => both!("The database {url} is starting up or shutting down.", "La base de datos {url} se está iniciando o deteniendo."),
        Some(DatabaseFault::Unreachable | DatabaseFault::NoFile | DatabaseFault::Forbidden | DatabaseFault::Other) | None => {
            both!("The database is not running where the application expects it: {url}.", "La base de datos no está en marcha donde la aplicación la espera: {url}.")
        }
    };
    let mut facts = vec![Fact { what: both!("on opening it", "al abrirla"), quote: Some(words.clone()), at: Some(url.clone()) }];
    let raised = raised(evidence);
    let sure = said.is_some() || raised.is_some() && database.unreachable;
    facts.extend(said.into_iter().flat_map(|said| said.facts));
    facts.extend(raised);
    let mut finding = if sure { Finding::certain(failed, facts) } else { Finding::likely(failed, facts) };
    if fault == Some(DatabaseFault::Unreachable) && url.starts_with("postgres") {
        finding = finding.fix("sudo systemctl start postgresql");
    }
    Outcome::Fail(finding.explains(&LEADS_TO))
}

/// It opens for the doctor: then at most all its connections are taken.
fn open(evidence: &Evidence, database: &DatabaseSeen) -> Outcome {
    let full = logged(evidence, &[Sign::DatabaseFull]).filter(|_| let_in(evidence).is_none());
    if let Some(said) = full {
        return Outcome::Fail(Finding::new(said.certainty, sentence(evidence), said.facts).explains(&LEADS_TO));
    }
    let url = &database.url;
    Outcome::Pass(match database.connections {
        Some((used, most)) => both!("{url} answers, {used} of {most} connections are in use", "{url} responde, con {used} de {most} conexiones en uso"),
        None => both!("{url} answers", "{url} responde"),
    })
}

fn sentence(evidence: &Evidence) -> Text {
    match evidence.logs.fresh(&SAID) {
        Some((Sign::DatabaseFull, _)) => both!("The database has no connection left for the application.", "A la base de datos no le quedan conexiones para la aplicación."),
        Some((Sign::DatabaseRefusedUser, _)) => both!("The database does not let the application in: user, password or name is wrong.", "La base de datos no deja entrar a la aplicación: usuario, contraseña o nombre incorrectos."),
        Some(_) | None => both!("The application cannot reach its database.", "La aplicación no llega a su base de datos."),
    }
}
