//! A redirect that adds or drops the slash at the end of the path.

use charla_wire::Cause;

use super::redirect_https::judge_redirect;
use crate::checks::{Check, Step};
use crate::evidence::Evidence;
use crate::verdict::Outcome;

pub(super) const CHECK: Check = Check { cause: Cause::RedirectSlash, step: Step::Handshake, judge };

fn judge(evidence: &Evidence) -> Outcome {
    judge_redirect(evidence, Cause::RedirectSlash)
}
