//! Releases, as `docs/RELEASES.md` has them, and the files of the library.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use object_store::path::Path;
use orchestrion_protocol::release::{Digest, OFFER_NAME};
use tokio_util::io::StreamReader;

use super::extract::{Named, Who};
use crate::accounts::Role;
use crate::error::Problem;
use crate::fleet::heartbeat::Caller;
use crate::fleet::roster::shown_name;
use crate::objects::Objects;
use crate::server::App;
use crate::{Error, Result, library, programs};

/// A file of a place's release
///
/// `release.json`, `manifests/<SHA-256>.json` or `blobs/<two digits>/<SHA-256>`, for a device of that place.
#[utoipa::path(get, path = "/releases/{place}/{*file}", tag = "device", security(("device" = [])),
    params(("place" = String, Path, description = "The place"), ("file" = String, Path, description = "The file's path in the release")), responses(
    (status = 200, description = "The file", body = Vec<u8>, content_type = "application/octet-stream"),
    (status = 206, description = "A part of it", body = Vec<u8>, content_type = "application/octet-stream"),
    (status = 400, description = "It cannot be understood", body = Problem, content_type = "application/problem+json"),
    (status = 401, description = "The token is not known", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "The device is at another place", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such file", body = Problem, content_type = "application/problem+json"),
    (status = 416, description = "The file has no such part"),
    (status = 503, description = "Not now", body = Problem, content_type = "application/problem+json"),
))]
pub async fn release_file(
    State(app): State<App>,
    caller: Caller,
    Named((place, file)): Named<(String, String)>,
    headers: HeaderMap,
) -> Result<Response> {
    let own = app.fleet.roster.lock().device(&caller.device)?.place.clone();
    if own.as_deref() != Some(place.as_str()) {
        return Err(Error::Forbidden("the device is not at this place".into()));
    }
    let none = || Error::NotFound { what: "file of a release", name: shown_name(&file) };
    if file == OFFER_NAME {
        let text = programs::offer(&app, &place).await?;
        return Ok(([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-cache")], text)
            .into_response());
    }
    let (path, name) = match file.split('/').collect::<Vec<_>>()[..] {
        ["manifests", name] => {
            let digest: Digest = name.strip_suffix(".json").ok_or_else(none)?.parse().map_err(|_| none())?;
            (programs::path(&digest), digest)
        }
        ["blobs", folder, name] => {
            let digest: Digest = name.parse().map_err(|_| none())?;
            if digest.folder() != folder {
                return Err(none());
            }
            (library::path(&digest), digest)
        }
        _ => return Err(none()),
    };
    part(&app.objects, &path, &name, &headers).await.map_err(|error| match error {
        Error::NotFound { .. } => none(),
        other => other,
    })
}

/// A file, or the part of it that is asked for.
async fn part(objects: &Objects, path: &Path, name: &Digest, headers: &HeaderMap) -> Result<Response> {
    let size = objects.size(path).await?;
    let tag = format!("\"{name}\"");
    let is_same = headers.get(header::IF_RANGE).is_none_or(|value| value.as_bytes() == tag.as_bytes());
    let range = headers.get(header::RANGE).and_then(|value| value.to_str().ok()).filter(|_| is_same);
    let mut told = HeaderMap::new();
    let text =
        |text: String| HeaderValue::from_str(&text).map_err(|error| Error::Internal(error.to_string()));
    told.insert(header::ETAG, text(tag)?);
    told.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    told.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    told.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=31536000, immutable"));
    let (from, until, status) = match range.map(|range| bounds(range, size)) {
        // What is not understood is not asked for (RFC 9110, section 14.2).
        None | Some(None) => (0, size, StatusCode::OK),
        Some(Some(Err(()))) => {
            told.insert(header::CONTENT_RANGE, text(format!("bytes */{size}"))?);
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, told).into_response());
        }
        Some(Some(Ok((from, until)))) => {
            told.insert(header::CONTENT_RANGE, text(format!("bytes {from}-{}/{size}", until - 1))?);
            (from, until, StatusCode::PARTIAL_CONTENT)
        }
    };
    told.insert(header::CONTENT_LENGTH, HeaderValue::from(until - from));
    Ok((status, told, objects.part(path, Some(from..until).filter(|part| !part.is_empty())).await?)
        .into_response())
}

/// From where to before where; `Err`: there is no such part; `None`: not understood.
fn bounds(range: &str, size: u64) -> Option<std::result::Result<(u64, u64), ()>> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let (first, last) = (first.trim(), last.trim());
    if first.is_empty() {
        let len: u64 = last.parse().ok()?;
        return Some(if len == 0 || size == 0 { Err(()) } else { Ok((size.saturating_sub(len), size)) });
    }
    let first: u64 = first.parse().ok()?;
    let last: u64 = if last.is_empty() { u64::MAX } else { last.parse().ok()? };
    if last < first {
        return None;
    }
    Some(if first >= size { Err(()) } else { Ok((first, last.saturating_add(1).min(size))) })
}

/// Put a file into the library
#[utoipa::path(put, path = "/api/v1/blobs/{sha256}", tag = "library", security(("account" = [])),
    params(("sha256" = String, Path, description = "The SHA-256 of its content")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"), responses(
    (status = 204, description = "It is there"),
    (status = 400, description = "It is not what its name says", body = Problem, content_type = "application/problem+json"),
    (status = 401, description = "Who asks is not known", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Who asks may not", body = Problem, content_type = "application/problem+json"),
    (status = 413, description = "It is too large", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "Not now", body = Problem, content_type = "application/problem+json"),
))]
pub async fn put_blob(
    State(app): State<App>,
    who: Who,
    Named(name): Named<String>,
    request: Request,
) -> Result<StatusCode> {
    who.must_be(Role::Operator)?;
    let name: Digest = name.parse().map_err(|error| Error::Wrong(format!("{error}")))?;
    let stream = request.into_body().into_data_stream();
    let mut reader = StreamReader::new(Failing(stream));
    library::put(&app, &name, &mut reader).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A stream whose errors are those of reading.
struct Failing(axum::body::BodyDataStream);

impl futures_core::Stream for Failing {
    type Item = std::io::Result<axum::body::Bytes>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        let polled = std::pin::Pin::new(&mut self.0).poll_next(context);
        polled.map(|item| item.map(|bytes| bytes.map_err(std::io::Error::other)))
    }
}

#[cfg(test)]
mod tests {
    use super::bounds;

    #[test]
    fn parts_of_a_file_are_what_the_standard_says() {
        for (range, wanted) in [
            ("bytes=0-9", Some(Ok((0, 10)))),
            ("bytes=90-", Some(Ok((90, 100)))),
            ("bytes=90-1000", Some(Ok((90, 100)))),
            ("bytes=-10", Some(Ok((90, 100)))),
            ("bytes=-1000", Some(Ok((0, 100)))),
            ("bytes=100-", Some(Err(()))),
            ("bytes=-0", Some(Err(()))),
            ("bytes=9-0", None),
            ("pages=1-2", None),
            ("bytes=0-18446744073709551615", Some(Ok((0, 100)))),
            ("bytes=a-b", None),
        ] {
            assert_eq!(bounds(range, 100), wanted, "{range}");
        }
    }
}
