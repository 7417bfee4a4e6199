//! The channel layer lives inside one process: nobody else reaches its sockets.

use charla_wire::Cause;

use crate::checks::redis_said::{Layer, layer};
use crate::checks::{Check, Step};
use crate::evidence::Evidence;
use crate::text::both;
use crate::verdict::{Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::ChannelLayerInMemory, step: Step::Redis, judge };

fn judge(evidence: &Evidence) -> Outcome {
    let Some(django) = &evidence.django else {
        return Outcome::Skip(both!("no Django settings were found", "no se encontró ninguna configuración de Django"));
    };
    let Some(setting) = &django.layer else {
        return Outcome::Skip(both!("the channel layer's settings were not seen", "no se vio la configuración de la capa de canales"));
    };
    if layer(evidence) != Layer::InMemory {
        let backend = &setting.backend;
        return Outcome::Pass(both!("the channel layer is {backend}", "la capa de canales es {backend}"));
    }
    let place = Fact::at(both!("InMemoryChannelLayer", "InMemoryChannelLayer"), setting.at.clone());
    let server = evidence.server.as_ref();
    let asked = server.and_then(|server| server.process.as_ref()?.workers).unwrap_or(1);
    // The first of them may be listed among its own sisters, or be the one that only watches over them.
    let sisters = server.map_or(0, |server| server.workers.len());
    if asked > 1 || sisters > 1 {
        let count = usize::try_from(asked).unwrap_or(usize::MAX).max(sisters);
        let processes = Fact::said(both!("{count} server processes", "{count} procesos de servidor"));
        let sentence = both!(
            "The channel layer lives inside each of {count} processes: a message reaches only the sockets of the process that sent it.",
            "La capa de canales vive dentro de cada uno de los {count} procesos: un mensaje solo llega a los sockets del proceso que lo envió."
        );
        return Outcome::Fail(Finding::certain(sentence, vec![place, processes]));
    }
    let worker = ["celery", "django_celery", "dramatiq", "django_rq", "huey", "django_q"];
    let publisher = django.apps.iter().find(|app| worker.iter().any(|known| app.starts_with(known)));
    if let Some(app) = publisher {
        let sentence = both!(
            "The channel layer lives inside the server's process: what {app} sends from its own never reaches a socket.",
            "La capa de canales vive dentro del proceso del servidor: lo que {app} envía desde el suyo nunca llega a un socket."
        );
        let apps = Fact::at(both!("INSTALLED_APPS has {app}", "INSTALLED_APPS tiene {app}"), django.settings.clone());
        return Outcome::Fail(Finding::likely(sentence, vec![place, apps]));
    }
    if django.debug == Some(true) {
        return Outcome::Pass(both!("the layer is in memory, with one process and DEBUG on", "la capa está en memoria, con un solo proceso y DEBUG activo"));
    }
    let sentence = both!(
        "The channel layer lives inside the server's process: a message sent from any other process (a task, a shell, a second worker) never arrives.",
        "La capa de canales vive dentro del proceso del servidor: un mensaje enviado desde cualquier otro proceso (una tarea, una consola, un segundo worker) nunca llega."
    );
    Outcome::Warn(Finding::likely(sentence, vec![place]))
}
