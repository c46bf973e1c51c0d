//! What was heard, for people and programs: sums by the hour, and all rows as a file.

// The macro that describes a route's query writes the whole name of what it is given.
#![allow(unused_qualifications)]

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tokio_util::io::ReaderStream;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Asked, Who};
use crate::accounts::Role;
use crate::error::Problem;
use crate::playlog::export::{self, Format};
use crate::playlog::{self, Hour};
use crate::server::App;
use crate::{Error, Result};

/// Bytes between the database and who reads.
const PIPE_LEN: usize = 64 * 1024;

/// Both of them.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(hours)).routes(routes!(rows))
}

/// Which time.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Span {
    /// From then on, in ms since 1970.
    #[serde(default)]
    from_utc_ms: i64,
    /// Before then; without it, all.
    until_utc_ms: Option<i64>,
    /// At this place.
    #[serde(default)]
    place: String,
}

/// Sums by the hour, the place and the kind
///
/// Plays for which nobody knew the time are in hour −1, which is asked for by `from_utc_ms=-3600000`.
#[utoipa::path(get, path = "/api/v1/plays/hours", tag = "plays", security(("account" = [])), params(Span), responses(
    (status = 200, description = "At most 10,000 of them", body = Vec<Hour>),
    (status = "4XX", description = "A problem", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
async fn hours(State(app): State<App>, who: Who, Asked(span): Asked<Span>) -> Result<Json<Vec<Hour>>> {
    who.must_be(Role::Viewer)?;
    let until = span.until_utc_ms.unwrap_or(i64::MAX);
    Ok(Json(playlog::hours(&app, Some(&span.place), span.from_utc_ms, until).await?))
}

/// Which rows.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Rows {
    /// csv or jsonl.
    #[serde(default = "csv")]
    format: Format,
    /// Begun from then on, in ms since 1970.
    from_utc_ms: Option<i64>,
    /// Begun before then.
    until_utc_ms: Option<i64>,
    /// By this device.
    #[serde(default)]
    device: String,
    /// At this place.
    #[serde(default)]
    place: String,
}

fn csv() -> Format {
    Format::Csv
}

/// All rows as a file
#[utoipa::path(get, path = "/api/v1/plays", tag = "plays", security(("account" = [])), params(Rows), responses(
    (status = 200, description = "They", content((String = "text/csv"), (String = "application/jsonl"))),
    (status = "4XX", description = "A problem", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
async fn rows(State(app): State<App>, who: Who, Asked(rows): Asked<Rows>) -> Result<Response> {
    who.must_be(Role::Viewer)?;
    let which = export::Which {
        from_utc_ms: rows.from_utc_ms.unwrap_or(i64::MIN),
        until_utc_ms: rows.until_utc_ms.unwrap_or(i64::MAX),
        device: rows.device,
        place: rows.place,
    };
    if which.until_utc_ms < which.from_utc_ms {
        return Err(Error::Wrong("until_utc_ms is before from_utc_ms".into()));
    }
    let (mut to, from) = tokio::io::duplex(PIPE_LEN);
    let format = rows.format;
    // Ends when all was read, or when whoever reads has gone and the pipe is closed.
    tokio::spawn(async move {
        if let Err(error) = export::write(&app, &which, format, &mut to).await {
            log::error!("an export of the play log broke off: {error}");
        }
    });
    let mut response = Body::from_stream(ReaderStream::new(from)).into_response();
    let kind = match format {
        Format::Csv => "text/csv; charset=utf-8",
        Format::Jsonl => "application/jsonl",
    };
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    Ok(response)
}
