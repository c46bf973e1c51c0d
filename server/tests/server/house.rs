//! A server in a temporary folder, in this process.

use std::path::Path;
use std::time::Duration;

use orchestrion_server::bootstrap::{self, Running, StartError};
use orchestrion_server::settings::Settings;
use serde_json::{Value, json};
use tempfile::TempDir;

pub struct House {
    pub dir: TempDir,
    pub token: String,
    runtime: tokio::runtime::Runtime,
    running: Option<Running>,
    agent: ureq::Agent,
}

/// An answer: its status and its JSON; null where it is none.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub json: Value,
    pub text: String,
    pub kind: String,
}

impl Answer {
    pub fn ok(self) -> Self {
        assert!((200..300).contains(&self.status), "{self:?}");
        self
    }
}

pub fn settings(dir: &Path) -> Settings {
    Settings {
        listen: "127.0.0.1:0".parse().unwrap(),
        state_dir: dir.join("state"),
        interval_s: 5,
        ..Settings::default()
    }
}

pub fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(60)))
        .build()
        .into()
}

pub fn read(mut response: ureq::http::Response<ureq::Body>) -> Answer {
    let status = response.status().as_u16();
    let kind = response.headers().get("content-type").map_or("", |kind| kind.to_str().unwrap()).to_owned();
    let text = response.body_mut().read_to_string().unwrap();
    Answer { status, json: serde_json::from_str(&text).unwrap_or(Value::Null), text, kind }
}

impl House {
    pub fn new() -> Self {
        Self::with(|_| ())
    }

    pub fn with(set: impl FnOnce(&mut Settings)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let mut settings = settings(dir.path());
        set(&mut settings);
        let running = runtime.block_on(bootstrap::start(settings)).unwrap();
        let token = runtime.block_on(orchestrion_server::accounts::make(
            &running.app,
            "ana",
            orchestrion_server::accounts::Role::Admin,
        ));
        Self { dir, token: token.unwrap(), runtime, running: Some(running), agent: agent() }
    }

    pub fn app(&self) -> &orchestrion_server::App {
        &self.running.as_ref().unwrap().app
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.app().url())
    }

    pub fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Stops in order and starts again on the same folder, at another port.
    pub fn restart(&mut self) {
        let running = self.running.take().unwrap();
        let settings = Settings::clone(&running.app.settings());
        self.runtime.block_on(running.stop());
        self.start(settings).unwrap();
    }

    pub fn stop(&mut self) -> Settings {
        let running = self.running.take().unwrap();
        let settings = Settings::clone(&running.app.settings());
        self.runtime.block_on(running.stop());
        settings
    }

    pub fn start(&mut self, settings: Settings) -> Result<(), StartError> {
        self.running = Some(self.runtime.block_on(bootstrap::start(settings))?);
        Ok(())
    }

    pub fn get(&self, path: &str) -> Answer {
        let request =
            self.agent.get(self.url(path)).header("authorization", format!("Bearer {}", self.token));
        read(request.call().unwrap())
    }

    pub fn delete(&self, path: &str) -> Answer {
        let request =
            self.agent.delete(self.url(path)).header("authorization", format!("Bearer {}", self.token));
        read(request.call().unwrap())
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        let request =
            self.agent.post(self.url(path)).header("authorization", format!("Bearer {}", self.token));
        read(request.send(body.to_string()).unwrap())
    }

    pub fn put(&self, path: &str, body: &[u8]) -> Answer {
        let request =
            self.agent.put(self.url(path)).header("authorization", format!("Bearer {}", self.token));
        read(request.send(body).unwrap())
    }

    pub fn place(&self, id: &str) {
        let body = json!({"name": "Leeds, ground floor", "zone": "Europe/London"}).to_string();
        self.put(&format!("/api/v1/places/{id}"), body.as_bytes()).ok();
    }

    pub fn command(&self, to: &Value, method: &str) -> Answer {
        self.post("/api/v1/commands", &json!({"to": to, "method": method}))
    }

    /// The states of a device's commands, in the order of their numbers.
    pub fn states(&self, device: &str) -> Vec<String> {
        let list = self.get(&format!("/api/v1/commands?device={device}")).ok().json;
        let mut rows: Vec<_> = list.as_array().unwrap().clone();
        rows.sort_by_key(|row| (row["epoch"].as_i64(), row["number"].as_i64()));
        rows.iter().map(|row| row["state"].as_str().unwrap().to_owned()).collect()
    }

    pub fn presence(&self, device: &str) -> String {
        self.get(&format!("/api/v1/devices/{device}")).ok().json["presence"].as_str().unwrap().to_owned()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            self.runtime.block_on(running.stop());
        }
    }
}
