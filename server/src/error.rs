//! What stands against a request, and how that is told: as a problem (RFC 9457), each kind with a name of its own.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// What a handler gives.
pub type Result<T> = std::result::Result<T, Error>;

/// See the head of this file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No token, or one that is not known.
    #[error("{0}")]
    Unauthorized(&'static str),
    /// Known, and not allowed.
    #[error("{0}")]
    Forbidden(String),
    /// There is no such thing.
    #[error("there is no {what} \"{name}\"")]
    NotFound {
        /// What kind of thing.
        what: &'static str,
        /// Which.
        name: String,
    },
    /// The request says what cannot be; the words tell what would be right.
    #[error("{0}")]
    Wrong(String),
    /// More bytes than may be.
    #[error("the {what} has more than {max} bytes")]
    TooLarge {
        /// What.
        what: &'static str,
        /// Bytes that may be.
        max: usize,
    },
    /// It came too slowly.
    #[error("the request did not come within {0} s")]
    TooSlow(u64),
    /// It stands against what is there.
    #[error("{0}")]
    Conflict(String),
    /// Two boards show one identity: this one has to enrol anew.
    #[error("another board shows the same identity; this one forgets its own and enrols anew")]
    Copied,
    /// Too often, or too many.
    #[error("{what}; try again in {after_s} s")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// When to try again, in s.
        after_s: u32,
    },
    /// It cannot be done now: the database is locked or full, the server stops.
    #[error("{0}")]
    Unavailable(String),
    /// A fault of this program.
    #[error("{0}")]
    Internal(String),
}

/// A problem as it travels (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// Which kind, as a path.
    #[serde(rename = "type")]
    #[schema(example = "/problems/not-found")]
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong here, and what would be right.
    pub detail: String,
}

impl Error {
    fn kind(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Unauthorized(_) => (StatusCode::UNAUTHORIZED, "unauthorized", "Who asks is not known"),
            Self::Forbidden(_) => (StatusCode::FORBIDDEN, "forbidden", "Who asks may not"),
            Self::NotFound { .. } => (StatusCode::NOT_FOUND, "not-found", "There is no such thing"),
            Self::Wrong(_) => (StatusCode::BAD_REQUEST, "wrong", "The request cannot be understood"),
            Self::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The request is too large"),
            Self::TooSlow(_) => (StatusCode::REQUEST_TIMEOUT, "too-slow", "The request came too slowly"),
            Self::Conflict(_) => (StatusCode::CONFLICT, "conflict", "It stands against what is there"),
            Self::Copied => (StatusCode::CONFLICT, "copied", "Two boards show one identity"),
            Self::TooMany { .. } => (StatusCode::TOO_MANY_REQUESTS, "too-many", "Too often, or too many"),
            Self::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "It cannot be done now"),
            Self::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal", "The server has a fault"),
        }
    }

    /// Its kind by name, as in the problem's type.
    pub fn name(&self) -> &'static str {
        self.kind().1
    }

    /// As it travels. What is wrong inside is for the log, not for who asks.
    pub fn problem(&self) -> Problem {
        let (status, name, title) = self.kind();
        let detail = match self {
            Self::Internal(_) => "the server's log says more".to_owned(),
            told => told.to_string(),
        };
        Problem {
            kind: format!("/problems/{name}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail,
        }
    }

    fn after_s(&self) -> Option<u32> {
        match self {
            Self::TooMany { after_s, .. } => Some(*after_s),
            Self::Unavailable(_) => Some(5),
            _ => None,
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        if let Self::Internal(words) = &self {
            log::error!("a request failed by a fault of this program: {words}");
        }
        let problem = self.problem();
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(after_s) = self.after_s() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(after_s));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// What SQLite says, sorted by what can be done: what passes by itself, and what is a fault.
impl From<sea_orm::DbErr> for Error {
    fn from(error: sea_orm::DbErr) -> Self {
        let words = error.to_string();
        let passes = [
            "database is locked",
            "database or disk is full",
            "disk I/O error",
            "readonly database",
            "timed out",
        ];
        if passes.iter().any(|known| words.contains(known)) {
            log::error!("the database does not take it: {words}");
            return Self::Unavailable(format!("the database does not take it now: {words}"));
        }
        Self::Internal(words)
    }
}

impl From<orchestrion_protocol::fleet::MessageError> for Error {
    fn from(error: orchestrion_protocol::fleet::MessageError) -> Self {
        use orchestrion_protocol::fleet::MessageError;
        match error {
            MessageError::TooLong { what, max } => Self::TooLarge { what, max },
            MessageError::Version { .. } | MessageError::Unreadable { .. } => Self::Wrong(error.to_string()),
        }
    }
}
