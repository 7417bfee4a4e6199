//! The request's headers are larger than a hop takes.

use charla_wire::Cause;

use super::uri_too_large::{Limit, judge_limit};
use crate::checks::{Check, Step};
use crate::evidence::Evidence;
use crate::signs::Sign;
use crate::text::both;
use crate::verdict::Outcome;

pub(super) const CHECK: Check = Check { cause: Cause::HeaderTooLarge, step: Step::Handshake, judge };

fn judge(evidence: &Evidence) -> Outcome {
    judge_limit(evidence, &Limit {
        cause: Cause::HeaderTooLarge,
        statuses: &[431, 494],
        bodies: &["Request Header Or Cookie Too Large", "Request Header Fields Too Large", "header field exceeds server limit"],
        sign: Sign::NginxHeaderTooLong,
        words: &["431"],
        sentence: both!(
            "The request's headers are larger than the server takes: usually its cookies.",
            "Las cabeceras de la petición son más grandes de lo que admite el servidor: suelen ser sus cookies."
        ),
    })
}
