//! The REST interface's own description (OpenAPI 3.1), made of the handlers themselves and what all of them share.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, ContentBuilder, OpenApi, Ref, RefOr, ResponseBuilder};
use utoipa::{OpenApi as _, PartialSchema as _};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::problem::ProblemDocument;

/// In front of every address that the document describes, but for the token endpoints.
const PREFIX: &str = "/api/v1/";

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(document))
}

/// What is said once.
const DESCRIPTION: &str = "Charla's REST interface, for an application's back end and for users.\n\n\
    A back end sends its API key, a user the token that opens sockets too: both as `Authorization: Bearer`. \
    A key for all tenants names one with `?tenant=` or the header `Charla-Tenant`. \
    Every refusal is a problem document (RFC 9457) that names its cause; `Accept-Language` chooses its language.";

/// What no handler says of itself.
#[derive(utoipa::OpenApi)]
#[openapi(tags(
    (name = "server", description = "This server."),
    (name = "tokens", description = "Signing in and out; tickets for sockets."),
    (name = "me", description = "What is one's own."),
    (name = "chats", description = "Chats and their members."),
    (name = "messages", description = "What was said."),
    (name = "notifications", description = "Notes to one person."),
    (name = "users", description = "A tenant's people."),
    (name = "tenants", description = "Customers of the operator."),
    (name = "doctor", description = "Why a connection to this server fails."),
    (name = "nodes", description = "The nodes, and how each does by its store and its bus."),
    (name = "authority", description = "Who says who may enter, where it is the application."),
    (name = "console", description = "The operator's overview: the last hours, the close ledger, live figures."),
    (name = "webhooks", description = "What the application is told over HTTP, and what could not be delivered."),
    (name = "limits", description = "How much anybody may do, for all and for a tenant."),
    (name = "loops", description = "Clients that repeat the same refused question."),
    (name = "causes", description = "Why something was refused."),
))]
struct Shared;

/// The document of these handlers, whole.
pub(super) fn complete(handlers: OpenApi) -> OpenApi {
    let mut document = Shared::openapi();
    document.info.title = "Charla".to_owned();
    document.info.description = Some(DESCRIPTION.to_owned());
    document.merge(handlers);
    let components = document.components.get_or_insert_with(Components::new);
    components
        .schemas
        .insert("Problem".to_owned(), ProblemDocument::schema());
    let key = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("charla_...")
        .description(Some("An API key: of one tenant, or of all."));
    let token = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("A user's access token."));
    components.add_security_scheme("key", SecurityScheme::Http(key.build()));
    components.add_security_scheme("token", SecurityScheme::Http(token.build()));
    document.security = Some(
        ["key", "token"]
            .map(|scheme| SecurityRequirement::new(scheme, [] as [String; 0]))
            .into(),
    );
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations(item) {
            complete_operation(method, path, operation);
        }
    }
    document
}

/// What every operation has: a name of its own, and refusals.
fn complete_operation(method: &str, path: &str, operation: &mut Operation) {
    operation.operation_id = Some(operation_id(method, path));
    let problem = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .build();
    let refusal = ResponseBuilder::new()
        .description("A refusal, which names its cause.")
        .content("application/problem+json", problem)
        .build();
    operation
        .responses
        .responses
        .insert("default".to_owned(), RefOr::T(refusal));
    for answer in operation.responses.responses.values_mut() {
        if let RefOr::T(answer) = answer
            && answer.description.is_empty()
        {
            "Done.".clone_into(&mut answer.description);
        }
    }
}

/// `put_chats_members` for `PUT /api/v1/chats/{chat}/members/{user}` would be ambiguous, so ids stay in it.
fn operation_id(method: &str, path: &str) -> String {
    let rest = path.strip_prefix(PREFIX).unwrap_or(path);
    let words = rest
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    words.fold(method.to_owned(), |id, word| id + "_" + word)
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    [
        ("get", item.get.as_mut()),
        ("put", item.put.as_mut()),
        ("post", item.post.as_mut()),
        ("patch", item.patch.as_mut()),
        ("delete", item.delete.as_mut()),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation?)))
}

/// This document.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "server", responses((status = 200, content_type = "application/json")), security(()))]
async fn document(State(api): State<Api>) -> Response {
    let lines = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (lines, api.document).into_response()
}
