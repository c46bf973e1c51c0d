//! Everything that is asked over HTTP.
//!
//! [`device`] for devices, [`manage`] for people and programs, [`content`] for releases, [`local`] for the UNIX socket only.
//! Each route is described where it stands, and [`describe`] is the whole description (OpenAPI 3.1).

pub mod content;
pub mod device;
pub mod extract;
pub mod listen;
pub mod local;
pub mod manage;
pub mod plays;

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{RefOr, Schema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Error;
use crate::server::App;

/// What every route may answer.
#[derive(OpenApi)]
// What only a query's parameter refers to, or is packed, is not found by itself.
#[openapi(
    components(schemas(crate::playlog::export::Format, orchestrion_protocol::fleet::PlayBatch)),
    info(
        title = "Orchestrion control server",
        description = "Devices use `/device/v1`, people and programs `/api/v1`. Errors are problem details (RFC 9457)."
    )
)]
struct Description;

fn all() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(device::enrol))
        .routes(routes!(device::heartbeat))
        .routes(routes!(device::plays))
        .merge(manage::routes())
        .merge(plays::routes())
        .routes(routes!(content::release_file))
        .routes(routes!(content::put_blob))
        .routes(routes!(health))
        .routes(routes!(openapi))
}

/// The description of all routes.
pub fn describe() -> utoipa::openapi::OpenApi {
    let (_, mut description) = all().split_for_parts();
    // The router's word for "the rest of the path" is not one of the description's.
    let paths = std::mem::take(&mut description.paths.paths);
    description.paths.paths = paths.into_iter().map(|(path, item)| (path.replace("{*", "{"), item)).collect();
    let components = description.components.get_or_insert_with(Default::default);
    // What is shown of a place has its id beside what may be written, so the schema of the latter cannot forbid other keys.
    if let Some(RefOr::T(Schema::Object(text))) = components.schemas.get_mut("PlaceText") {
        text.additional_properties = None;
    }
    for (name, words) in
        [("device", "A device's token, from its enrolment."), ("account", "An account's token.")]
    {
        let mut scheme = Http::new(HttpAuthScheme::Bearer);
        scheme.description = Some(words.to_owned());
        components.add_security_scheme(name, SecurityScheme::Http(scheme));
    }
    description
}

/// What the network sees.
pub fn router(app: App) -> Router {
    let (router, _) = all().split_for_parts();
    told(router).with_state(app)
}

/// What the UNIX socket sees: the same, and what stops the server.
pub fn local_router(app: App) -> Router {
    let (router, _) = all().split_for_parts();
    told(router.merge(local::routes())).with_state(app)
}

/// No route and no such method are problems as well.
fn told(router: Router<App>) -> Router<App> {
    router
        .fallback(|| async { Error::NotFound { what: "route", name: "this path".into() } })
        .method_not_allowed_fallback(|| async {
            let mut response = Error::Wrong("this path does not take this method".into()).into_response();
            *response.status_mut() = axum::http::StatusCode::METHOD_NOT_ALLOWED;
            response
        })
}

/// Whether it runs.
#[utoipa::path(get, path = "/health", tag = "server", responses((status = 200, description = "It runs", body = String)))]
async fn health() -> &'static str {
    "ok\n"
}

/// This description.
#[utoipa::path(get, path = "/openapi.json", tag = "server", responses((status = 200, description = "OpenAPI 3.1", body = Object)))]
async fn openapi() -> Response {
    let text = describe().to_json().unwrap_or_default();
    let mut response = text.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests;
