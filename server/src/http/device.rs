//! What devices ask.

use axum::Json;
use axum::body::Body;
use axum::extract::{Extension, State};
use orchestrion_protocol::fleet::{
    BATCH_LEN_MAX, BATCH_UNPACKED_LEN_MAX, EnrolAnswer, EnrolRequest, Heartbeat, HeartbeatAnswer, PackError,
    PlayAnswer, PlayBatch, REQUEST_LEN_MAX, read, unpack,
};

use super::extract::{Peer, body};
use crate::error::Problem;
use crate::fleet::heartbeat::Caller;
use crate::fleet::{enrol as enrolment, heartbeat as heart};
use crate::server::App;
use crate::{Error, Result, playlog};

/// A device wants to come in
///
/// It is asked again with what was answered, until it is accepted or refused.
#[utoipa::path(post, path = "/device/v1/enrol", tag = "device", request_body = EnrolRequest, responses(
    (status = 200, description = "How far it is", body = EnrolAnswer),
    (status = 400, description = "It cannot be understood", body = Problem, content_type = "application/problem+json"),
    (status = 408, description = "It came too slowly", body = Problem, content_type = "application/problem+json"),
    (status = 413, description = "It is too large", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "Too often", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "Not now", body = Problem, content_type = "application/problem+json"),
))]
pub async fn enrol(
    State(app): State<App>,
    peer: Option<Extension<Peer>>,
    content: Body,
) -> Result<Json<EnrolAnswer>> {
    let bytes = body("enrolment", content, REQUEST_LEN_MAX).await?;
    let request: EnrolRequest = read("enrolment", &bytes, REQUEST_LEN_MAX)?;
    // It may wait for its turn with thousands; what it came in is as large as the connection's buffer.
    drop(bytes);
    let from = match peer {
        Some(Extension(Peer::Address(address))) => Some(address),
        Some(Extension(Peer::Local)) | None => None,
    };
    Ok(Json(enrolment::enrol(&app, &request, from).await?))
}

/// A device says what it does
///
/// The request is held until there is a command, or for `hold_s`.
#[utoipa::path(post, path = "/device/v1/heartbeat", tag = "device", request_body = Heartbeat, security(("device" = [])), responses(
    (status = 200, description = "Time, commands, when to come again", body = HeartbeatAnswer),
    (status = 400, description = "It cannot be understood", body = Problem, content_type = "application/problem+json"),
    (status = 401, description = "The token is not known", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "The token is that of another device", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "The device was taken out of the fleet", body = Problem, content_type = "application/problem+json"),
    (status = 408, description = "It came too slowly", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "Two boards show this identity: forget it and enrol anew", body = Problem, content_type = "application/problem+json"),
    (status = 413, description = "It is too large", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "Not now", body = Problem, content_type = "application/problem+json"),
))]
pub async fn heartbeat(
    State(app): State<App>,
    caller: Caller,
    content: Body,
) -> Result<Json<HeartbeatAnswer>> {
    let bytes = body("heartbeat", content, REQUEST_LEN_MAX).await?;
    let message: Box<Heartbeat> = Box::new(read("heartbeat", &bytes, REQUEST_LEN_MAX)?);
    // While it is held, nothing of the request but what was taken stays in memory.
    drop(bytes);
    Ok(Json(heart::heartbeat(&app, &caller, message).await?))
}

/// A device sends rows of its play log
///
/// The body is a [`PlayBatch`] as JSON, packed with zlib (RFC 1950).
#[utoipa::path(post, path = "/device/v1/plays", tag = "device",
    request_body(content = Vec<u8>, content_type = "application/zlib", description = "A PlayBatch as JSON, packed with zlib"),
    security(("device" = [])), responses(
    (status = 200, description = "Which rows are kept", body = PlayAnswer),
    (status = 400, description = "It cannot be understood", body = Problem, content_type = "application/problem+json"),
    (status = 401, description = "The token is not known", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "The token is that of another device", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "The device was taken out of the fleet", body = Problem, content_type = "application/problem+json"),
    (status = 408, description = "It came too slowly", body = Problem, content_type = "application/problem+json"),
    (status = 413, description = "It is too large", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "Not now", body = Problem, content_type = "application/problem+json"),
))]
pub async fn plays(State(app): State<App>, caller: Caller, content: Body) -> Result<Json<PlayAnswer>> {
    let packed = body("batch of plays", content, BATCH_LEN_MAX).await?;
    let bytes = unpack(&packed, BATCH_UNPACKED_LEN_MAX).map_err(|error| match error {
        PackError::TooLong(max) => Error::TooLarge { what: "batch of plays", max },
        PackError::Damaged(_) => Error::Wrong(format!("the batch of plays: {error}")),
    })?;
    let batch: PlayBatch = read("batch of plays", &bytes, BATCH_UNPACKED_LEN_MAX)?;
    drop((packed, bytes));
    Ok(Json(playlog::take(&app, &caller.device, &batch).await?))
}
