//! JSON-RPC 2.0 envelopes, one object a line. Batches are not supported and answered as an invalid request.
//!
//! Source: the JSON-RPC 2.0 specification, sections 4 and 5.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::method::{Method, MethodError};

/// A client's number or name for a request; the answer carries the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Id {
    /// A number.
    Number(i64),
    /// A text.
    Text(String),
    /// Null: only in answers to what could not be read.
    Null,
}

/// What one line asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// `None` is a notification: it is carried out and not answered.
    pub id: Option<Id>,
    /// What is asked.
    pub method: Method,
}

/// An error as JSON-RPC tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct RpcError {
    /// A code of the specification or one of [`code`].
    pub code: i32,
    /// One sentence: what is wrong, and what to do.
    pub message: String,
}

/// Error codes: the specification's, and this protocol's own from −32000 down.
pub mod code {
    /// Not JSON.
    pub const PARSE_ERROR: i32 = -32700;
    /// JSON, but no request.
    pub const INVALID_REQUEST: i32 = -32600;
    /// No such method.
    pub const METHOD_NOT_FOUND: i32 = -32601;
    /// Unknown, missing or unfit parameters.
    pub const INVALID_PARAMS: i32 = -32602;
    /// The device cannot do it now; the message says why.
    pub const REFUSED: i32 = -32000;
    /// No such entry in the queue.
    pub const UNKNOWN_ENTRY: i32 = -32001;
    /// The queue is full.
    pub const QUEUE_FULL: i32 = -32002;
    /// Too many clients.
    pub const TOO_MANY_CLIENTS: i32 = -32003;
    /// A line longer than [`crate::limits::LINE_LEN_MAX`].
    pub const LINE_TOO_LONG: i32 = -32004;
}

impl RpcError {
    /// An error with a code and a sentence.
    pub fn new(code: i32, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// A request that could not be understood: what to answer, and to whom.
#[derive(Debug, Clone, PartialEq)]
pub struct Malformed {
    /// The id, where one could be read.
    pub id: Id,
    /// What is wrong with it.
    pub error: RpcError,
}

#[derive(Deserialize)]
struct RawRequest {
    jsonrpc: Option<String>,
    #[serde(default)]
    id: Option<Value>,
    method: Option<String>,
    #[serde(default)]
    params: Option<Value>,
}

/// Reads one line.
///
/// # Errors
/// [`Malformed`] carries the answer that the client gets; the connection lives.
pub fn parse_request(line: &[u8]) -> Result<Request, Malformed> {
    let anonymous = |code, message: String| Malformed { id: Id::Null, error: RpcError::new(code, message) };
    let value: Value = serde_json::from_slice(line).map_err(|e| {
        anonymous(code::PARSE_ERROR, format!("this line is not JSON ({e}); send one object a line"))
    })?;
    if value.is_array() {
        return Err(anonymous(
            code::INVALID_REQUEST,
            "batches are not supported; send one object a line".into(),
        ));
    }
    let raw: RawRequest = serde_json::from_value(value)
        .map_err(|e| anonymous(code::INVALID_REQUEST, format!("this is not a JSON-RPC request: {e}")))?;
    let id = match raw.id {
        None => None,
        Some(value) => Some(serde_json::from_value::<Id>(value).map_err(|_| {
            anonymous(code::INVALID_REQUEST, "\"id\" must be a whole number, a text or null".into())
        })?),
    };
    let malformed = |code, message: String| Malformed {
        id: id.clone().unwrap_or(Id::Null),
        error: RpcError::new(code, message),
    };
    if raw.jsonrpc.as_deref() != Some("2.0") {
        return Err(malformed(code::INVALID_REQUEST, "\"jsonrpc\" must be \"2.0\"".into()));
    }
    let Some(name) = raw.method else {
        return Err(malformed(code::INVALID_REQUEST, "\"method\" is missing; `methods` lists them".into()));
    };
    match Method::parse(&name, raw.params) {
        Ok(method) => Ok(Request { id, method }),
        Err(error @ MethodError::Unknown(_)) => Err(malformed(code::METHOD_NOT_FOUND, error.to_string())),
        Err(error @ MethodError::Params { .. }) => Err(malformed(code::INVALID_PARAMS, error.to_string())),
    }
}

/// One line that asks `method`, without the line feed.
pub fn request_line(id: i64, method: &Method) -> String {
    let (name, params) = method.name_and_params();
    match params {
        Some(params) => json!({"jsonrpc": "2.0", "id": id, "method": name, "params": params}).to_string(),
        None => json!({"jsonrpc": "2.0", "id": id, "method": name}).to_string(),
    }
}

/// One line that answers a request, without the line feed.
pub fn response_line(id: &Id, outcome: &Result<Value, RpcError>) -> String {
    match outcome {
        Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}).to_string(),
        Err(error) => json!({"jsonrpc": "2.0", "id": id, "error": error}).to_string(),
    }
}

/// One line that tells subscribers something, without the line feed.
pub fn notification_line(name: &str, params: &impl Serialize) -> String {
    #[derive(Serialize)]
    struct Line<'a, T: Serialize> {
        jsonrpc: &'a str,
        method: &'a str,
        params: &'a T,
    }
    // Written as it is, without a tree of it in between: it is said each second.
    serde_json::to_string(&Line { jsonrpc: "2.0", method: name, params }).unwrap_or_default()
}

/// What a client reads: an answer or a notification.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Incoming {
    /// The id of the request that this answers.
    #[serde(default)]
    pub id: Option<Id>,
    /// A notification's name.
    #[serde(default)]
    pub method: Option<String>,
    /// A notification's content.
    #[serde(default)]
    pub params: Option<Value>,
    /// An answer's content.
    #[serde(default)]
    pub result: Option<Value>,
    /// A refusal.
    #[serde(default)]
    pub error: Option<RpcError>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(line: &str) -> (Id, i32) {
        let malformed = parse_request(line.as_bytes()).expect_err(line);
        (malformed.id, malformed.error.code)
    }

    #[test]
    fn each_malformed_line_gets_its_own_code_and_keeps_its_id() {
        assert_eq!(refused("play"), (Id::Null, code::PARSE_ERROR));
        assert_eq!(refused(""), (Id::Null, code::PARSE_ERROR));
        assert_eq!(refused("[]"), (Id::Null, code::INVALID_REQUEST));
        assert_eq!(refused("3"), (Id::Null, code::INVALID_REQUEST));
        assert_eq!(refused(r#"{"id":7}"#), (Id::Number(7), code::INVALID_REQUEST));
        assert_eq!(
            refused(r#"{"jsonrpc":"2.0","id":{},"method":"play"}"#),
            (Id::Null, code::INVALID_REQUEST)
        );
        assert_eq!(refused(r#"{"jsonrpc":"2.0","id":"a"}"#), (Id::Text("a".into()), code::INVALID_REQUEST));
        assert_eq!(
            refused(r#"{"jsonrpc":"2.0","id":1,"method":"fly"}"#),
            (Id::Number(1), code::METHOD_NOT_FOUND)
        );
        assert_eq!(
            refused(r#"{"jsonrpc":"2.0","id":1,"method":"volume","params":{"percnt":4}}"#),
            (Id::Number(1), code::INVALID_PARAMS)
        );
        assert_eq!(
            refused(r#"{"jsonrpc":"2.0","id":1,"method":"play","params":[1]}"#),
            (Id::Number(1), code::INVALID_PARAMS)
        );
    }

    #[test]
    fn what_a_client_writes_a_device_reads() {
        let line = request_line(4, &Method::Pause);
        let request = parse_request(line.as_bytes()).unwrap();
        assert_eq!(request, Request { id: Some(Id::Number(4)), method: Method::Pause });
    }

    #[test]
    fn a_request_without_id_is_a_notification() {
        let request = parse_request(br#"{"jsonrpc":"2.0","method":"skip"}"#).unwrap();
        assert_eq!(request.id, None);
    }

    #[test]
    fn an_answer_comes_back_as_it_was() {
        let error = RpcError::new(code::REFUSED, "not now");
        let line = response_line(&Id::Number(3), &Err(error.clone()));
        let incoming: Incoming = serde_json::from_str(&line).unwrap();
        assert_eq!((incoming.id, incoming.error), (Some(Id::Number(3)), Some(error)));
    }
}
