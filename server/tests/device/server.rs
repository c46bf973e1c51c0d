//! A server as a process, which can be killed and started again at the same address.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::process::{Process, admin};

/// Longer than anything here takes.
pub const PATIENCE: Duration = Duration::from_secs(90);

pub struct Server {
    pub config: PathBuf,
    process: Option<Process>,
    pub base: String,
    token: String,
    agent: ureq::Agent,
    pub dir: TempDir,
}

/// Who the server is, is the devices' business here and not the administrator's.
fn agent() -> ureq::Agent {
    let tls = ureq::tls::TlsConfig::builder().disable_verification(true).build();
    ureq::Agent::config_builder().tls_config(tls).build().into()
}

impl Server {
    pub fn new() -> Self {
        Self::with("http", |_| String::new())
    }

    /// Speaks TLS with a certificate of its own.
    pub fn encrypted() -> Self {
        Self::with("https", |_| "tls = \"own\"\n".into())
    }

    /// With more settings, of which some name files of its folder.
    pub fn with(scheme: &str, more: impl FnOnce(&Path) -> String) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("server.toml");
        // Free a moment ago; it has to be the same after each start.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let state = dir.path().join("state");
        let text =
            format!("listen = \"{address}\"\nstate_dir = {state:?}\ninterval_s = 1\n{}", more(dir.path()));
        std::fs::write(&config, text).unwrap();
        let mut server = Self {
            config,
            process: None,
            base: format!("{scheme}://{address}"),
            token: String::new(),
            agent: agent(),
            dir,
        };
        server.start();
        let account = server.admin(&["account", "add", "ana", "--role", "admin"]);
        server.token = account["token"].as_str().unwrap().to_owned();
        server.admin(&["place", "add", "leeds-1", "--name", "Leeds", "--zone", "Europe/London"]);
        server
    }

    pub fn start(&mut self) {
        let process = Process::start(&self.config);
        assert_eq!(process.base, self.base);
        self.process = Some(process);
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.process.take().unwrap().kill();
    }

    pub fn admin(&self, words: &[&str]) -> Value {
        admin(&self.config, words)
    }

    pub fn fingerprint(&self) -> String {
        self.admin(&["fingerprint"]).as_str().unwrap().to_owned()
    }

    pub fn get(&self, path: &str) -> String {
        let request = self
            .agent
            .get(format!("{}{path}", self.base))
            .header("authorization", format!("Bearer {}", self.token));
        request.call().unwrap().body_mut().read_to_string().unwrap()
    }

    pub fn device(&self, id: &str) -> Value {
        serde_json::from_str(&self.get(&format!("/api/v1/devices/{id}"))).unwrap()
    }

    /// Commands a device and waits for what becomes of it.
    pub fn command(&self, device: &str, method: &str, params: &Value) -> Value {
        let wanted = json!({"to": {"device": device}, "method": method, "params": params});
        let request = self
            .agent
            .post(format!("{}/api/v1/commands", self.base))
            .header("authorization", format!("Bearer {}", self.token));
        let mut response = request.send(wanted.to_string()).unwrap();
        let given: Value = serde_json::from_str(&response.body_mut().read_to_string().unwrap()).unwrap();
        self.ended(device, given["batch"].as_str().unwrap())
    }

    /// What is said to a request that is refused.
    pub fn refused(&self, path: &str, body: &Value) -> String {
        let request = self.agent.post(format!("{}{path}", self.base));
        let request = request.header("authorization", format!("Bearer {}", self.token));
        let mut response =
            request.config().http_status_as_error(false).build().send(body.to_string()).unwrap();
        assert_eq!(response.status().as_u16(), 400);
        response.body_mut().read_to_string().unwrap()
    }

    fn ended(&self, device: &str, batch: &str) -> Value {
        let begin = Instant::now();
        loop {
            let all: Value =
                serde_json::from_str(&self.get(&format!("/api/v1/commands?device={device}"))).unwrap();
            let found = all.as_array().unwrap().iter().find(|row| row["batch"] == batch).unwrap().clone();
            if found["state"] != "queued" && found["state"] != "delivered" {
                return found;
            }
            assert!(begin.elapsed() < PATIENCE, "never: {found}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The plays that it has counted, each by its run and number; more than once if it has them more than once.
    pub fn plays(&self) -> Vec<(u64, u64)> {
        let text = self.get("/api/v1/plays?format=jsonl&from_utc_ms=-3600000");
        let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let mut names: Vec<_> =
            rows.map(|row| (row["run"].as_u64().unwrap(), row["seq"].as_u64().unwrap())).collect();
        names.sort_unstable();
        names
    }
}
