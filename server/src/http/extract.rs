//! What a handler takes of a request; what does not fit is a problem, never a plain text.

use std::net::IpAddr;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use serde::de::DeserializeOwned;

use crate::accounts::{Account, Role};
use crate::chance;
use crate::fleet::heartbeat::Caller;
use crate::server::App;
use crate::{Error, Result};

/// How long a body may take.
const BODY_WAIT: Duration = Duration::from_secs(20);
/// Bytes of a request of a person that are read as JSON.
pub const JSON_LEN_MAX: usize = 256 * 1024;

/// Whom a connection is from; put there by who accepted it. The UNIX socket is only for who may open its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// Over the network.
    Address(IpAddr),
    /// Over the UNIX socket.
    Local,
}

/// A body, whole, within a bound and a time.
///
/// # Errors
/// It is longer, or slower, or breaks off.
pub async fn body(what: &'static str, body: Body, max: usize) -> Result<Vec<u8>> {
    let read = tokio::time::timeout(BODY_WAIT, to_bytes(body, max)).await;
    let read = read.map_err(|_| Error::TooSlow(BODY_WAIT.as_secs()))?;
    read.map(Vec::from).map_err(|error| {
        let words = error.to_string();
        if words.contains("length limit") {
            Error::TooLarge { what, max }
        } else {
            Error::Wrong(format!("the {what} broke off: {words}"))
        }
    })
}

/// JSON of a person or a program.
#[derive(Debug)]
pub struct Told<T>(pub T);

impl<T: DeserializeOwned> FromRequest<App> for Told<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &App) -> Result<Self> {
        let bytes = body("request", request.into_body(), JSON_LEN_MAX).await?;
        serde_json::from_slice(&bytes)
            .map(Self)
            .map_err(|error| Error::Wrong(format!("the request: {error}")))
    }
}

/// What stands behind the question mark.
#[derive(Debug)]
pub struct Asked<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for Asked<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self> {
        axum::extract::Query::<T>::try_from_uri(&parts.uri)
            .map(|axum::extract::Query(asked)| Self(asked))
            .map_err(|error| Error::Wrong(format!("the query: {}", error.body_text())))
    }
}

/// Names in the path.
#[derive(Debug)]
pub struct Named<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for Named<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let path = axum::extract::Path::<T>::from_request_parts(parts, app).await;
        path.map(|axum::extract::Path(named)| Self(named))
            .map_err(|error| Error::Wrong(format!("the path: {}", error.body_text())))
    }
}

/// The token that a request shows.
fn bearer(headers: &HeaderMap) -> Result<&str> {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let value = value.ok_or(Error::Unauthorized("show a token: `Authorization: Bearer …`"))?;
    let token = value.strip_prefix("Bearer ").map(str::trim);
    token
        .filter(|token| !token.is_empty())
        .ok_or(Error::Unauthorized("show a token: `Authorization: Bearer …`"))
}

impl FromRequestParts<App> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let hash = chance::hashed(bearer(&parts.headers)?);
        let members = app.fleet.roster.lock();
        let token = members.token(&hash, app.clock.utc_ms());
        let token =
            token.ok_or(Error::Unauthorized("this token is not a device's, or not any more; enrol anew"))?;
        Ok(Self { device: token.device.clone(), hash })
    }
}

/// Who asks, if anybody may.
#[derive(Debug)]
pub struct Who(pub Account);

impl Who {
    /// Fails if it may not.
    ///
    /// # Errors
    /// As said.
    pub fn must_be(&self, role: Role) -> Result<&str> {
        if self.0.role >= role {
            return Ok(&self.0.name);
        }
        Err(Error::Forbidden(
            format!("{} is a {:?}; this asks for {role:?}", self.0.name, self.0.role).to_lowercase(),
        ))
    }
}

impl FromRequestParts<App> for Who {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        if parts.extensions.get::<Peer>() == Some(&Peer::Local) {
            return Ok(Self(Account { name: "local".to_owned(), role: Role::Admin }));
        }
        let account = app.accounts.of_token(bearer(&parts.headers)?);
        account.map(Self).ok_or(Error::Unauthorized("this token is no account's"))
    }
}
