//! `/api/v1/causes`: the one table of causes, for programs that show people what happened.

#![allow(
    unused_qualifications,
    reason = "the macro that describes parameters writes their whole path"
)]

use axum::Json;
use axum::response::{IntoResponse, Response};
use charla_wire::{Cause, Lang};
use http::{HeaderMap, header};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::asked::{At, With};
use super::face::language;
use super::problem::Problem;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(get))
}

/// In which language.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct InLanguage {
    /// `en` or `es`; what `Accept-Language` says if absent.
    lang: Option<String>,
}

impl InLanguage {
    /// The language of the address, else that of the reader.
    pub(super) fn or(&self, headers: &HeaderMap) -> Lang {
        let named = self.lang.as_deref().and_then(Lang::from_tag);
        named.unwrap_or_else(|| language(headers))
    }
}

/// Why something was refused, cut or could not be made.
#[derive(Serialize, ToSchema)]
#[schema(as = Cause)]
struct CauseInWords {
    /// Its stable name.
    #[schema(example = "token_expired")]
    id: &'static str,
    /// The close code of a connection that ends for it.
    #[schema(example = 4401)]
    code: u16,
    /// The HTTP status of an answer that refuses for it.
    #[schema(example = 401)]
    status: u16,
    /// What a client does: `refresh`, `backoff`, `wait`, `stop`, `resume`.
    retry: &'static str,
    /// Who can know it: `server`, `path`, `page`, `host`, `client`.
    side: &'static str,
    /// Its chapter.
    group: &'static str,
    /// What happened, as a short statement.
    title: &'static str,
    /// One sentence that explains it.
    explain: &'static str,
    /// Commands or configuration to copy.
    fix: &'static [&'static str],
    /// How to see that the fix worked.
    check: &'static str,
}

impl CauseInWords {
    fn of(cause: Cause, lang: Lang) -> Self {
        let words = cause.words(lang);
        Self {
            id: cause.id(),
            code: cause.close_code(),
            status: cause.http_status(),
            retry: cause.retry().as_str(),
            side: cause.side().as_str(),
            group: cause.group().as_str(),
            title: words.title,
            explain: words.explain,
            fix: words.fix,
            check: words.check,
        }
    }
}

/// All causes.
#[derive(Serialize, ToSchema)]
struct Causes {
    /// In the table's order.
    causes: Vec<CauseInWords>,
}

fn told<T: Serialize>(value: T, lang: Lang) -> Response {
    let lines = [
        (header::CONTENT_LANGUAGE, lang.tag()),
        (header::VARY, "accept-language"),
    ];
    (lines, Json(value)).into_response()
}

/// Lists the causes.
#[utoipa::path(get, path = "/api/v1/causes", tag = "causes", params(InLanguage), responses((status = 200, body = Causes)), security(()))]
async fn list(With(asked): With<InLanguage>, headers: HeaderMap) -> Response {
    let lang = asked.or(&headers);
    let causes = Cause::ALL
        .iter()
        .map(|cause| CauseInWords::of(*cause, lang))
        .collect();
    told(Causes { causes }, lang)
}

/// Explains one cause.
#[utoipa::path(
    get, path = "/api/v1/causes/{id}", tag = "causes",
    params(("id" = String, Path, description = "the cause's id"), InLanguage),
    responses((status = 200, body = CauseInWords)), security(())
)]
async fn get(
    At(id): At<String>,
    With(asked): With<InLanguage>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let lang = asked.or(&headers);
    let cause = Cause::from_id(&id).ok_or_else(|| Problem::not_found("there is no such cause"))?;
    Ok(told(CauseInWords::of(cause, lang), lang))
}
