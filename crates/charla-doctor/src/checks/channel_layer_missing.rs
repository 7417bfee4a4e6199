//! The settings have no channel layer, and the application asks for one.

use charla_wire::Cause;

use crate::checks::redis_said::logged;
use crate::checks::{Check, Step};
use crate::evidence::{Answer, Evidence};
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::{Fact, Finding, Outcome};

pub(super) const CHECK: Check = Check { cause: Cause::ChannelLayerMissing, step: Step::Redis, judge };

fn judge(evidence: &Evidence) -> Outcome {
    let django = evidence.django.as_ref();
    let empty = django.filter(|django| django.layer.is_none() && django.layer_unknown.is_none() && !django.incomplete);
    let place = empty.map(|django| match &django.layers_at {
        Some(at) => Fact::at(both!("CHANNEL_LAYERS has no usable `default`", "CHANNEL_LAYERS no tiene un `default` utilizable"), at.clone()),
        None => Fact::at(both!("no CHANNEL_LAYERS in the settings", "no hay CHANNEL_LAYERS en la configuración"), django.settings.clone()),
    });
    let sentence = both!(
        "No channel layer is configured, and the application's first group_add fails.",
        "No hay capa de canales configurada, y el primer group_add de la aplicación falla."
    );
    if let Some((_, seen)) = evidence.logs.fresh(&[Sign::NoLayer]) {
        let facts = logged(&seen.quotes).into_iter().chain(place).collect();
        return Outcome::Fail(Finding::certain(sentence, facts).explains(&[Cause::AppException]));
    }
    let Some(django) = django else {
        return Outcome::Skip(both!("no Django settings were found", "no se encontró ninguna configuración de Django"));
    };
    if let Some(layer) = &django.layer {
        let (backend, at) = (&layer.backend, &layer.at);
        return Outcome::Pass(both!("{backend} at {at}", "{backend} en {at}"));
    }
    let Some(place) = place else {
        return Outcome::Skip(both!("CHANNEL_LAYERS cannot be told without running the settings", "CHANNEL_LAYERS no se puede saber sin ejecutar la configuración"));
    };
    // Many applications need none; one that answers 500 may be missing it.
    let fails = evidence.hops.iter().any(|hop| matches!(hop.browser(), Some(Answer::Http { status: 500, .. })));
    if fails {
        return Outcome::Fail(Finding::possible(sentence, vec![place]).explains(&[Cause::AppException]));
    }
    Outcome::Pass(both!("there is no channel layer, and the handshake does not fail for it", "no hay capa de canales, y la conexión no falla por eso"))
}
