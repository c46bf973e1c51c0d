//! What an order of a server is on this device: a method as on the local socket, or why there is none.

use std::path::Path;

use orchestrion_protocol::fleet::{BlobOrder, DeviceOrder, Order, REMOTE_METHODS, ScreenOrder, Word};
use orchestrion_protocol::location;
use orchestrion_protocol::method::{
    AnnounceParams, EmergencyParams, Method, PathsParams, QueueMethod, SessionMethod, ShowParams,
    SwitchParams, VoiceMethod,
};
use orchestrion_protocol::release::{Digest, blob_path};

use super::reboot;

/// Orders that are no methods of the local socket and that this device does.
const OTHERS: &[&str] = &[
    "announce",
    "play_now",
    "emergency",
    "content.update",
    "files.refresh",
    "restart",
    "settings",
    "logs.send",
    "screen",
    "show_now",
    "snapshot",
];

/// What it can do, by name.
pub(super) fn capabilities() -> Vec<Word> {
    let reboot = reboot::is_possible(Path::new("/")).then_some("reboot");
    let always = ["sound"].iter().chain(REMOTE_METHODS).chain(OTHERS);
    always.copied().chain(reboot).map(Word::cut).collect()
}

/// What an order takes.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Work {
    /// A method of the local socket.
    Method(Method),
    /// Several, one after another.
    Methods(Vec<Method>),
    /// The board is started anew.
    Reboot,
    /// The last lines of the log are told.
    Logs {
        /// How many.
        lines: u32,
    },
}

/// What it takes; `store` is where releases lie.
///
/// # Errors
/// This device cannot, and why.
pub(super) fn work(order: &Order, store: &Path) -> Result<Work, String> {
    Ok(match order {
        Order::Settings(settings) => Work::Methods(settings.methods()),
        Order::Device(DeviceOrder::Reboot) => Work::Reboot,
        Order::Device(DeviceOrder::SendLogs { lines }) => Work::Logs { lines: *lines },
        other => Work::Method(method(other, store)?),
    })
}

/// The method that does it.
fn method(order: &Order, store: &Path) -> Result<Method, String> {
    Ok(match order {
        Order::Local(method) => method.clone(),
        Order::Blob(BlobOrder::Announce { blob, duck_db }) => {
            let path = file(blob, store)?;
            Method::Voice(VoiceMethod::Announce(AnnounceParams { path, duck_db: *duck_db }))
        }
        Order::Blob(BlobOrder::PlayNow { blob }) => {
            Method::Queue(QueueMethod::PlayNow(PathsParams { paths: vec![file(blob, store)?] }))
        }
        Order::Blob(BlobOrder::Emergency { blob, for_s, drill, picture }) => {
            if *drill {
                log::warn!("the emergency that follows is a drill");
            }
            let path = file(blob, store)?;
            // What is heard does not wait for what is seen.
            let picture = picture.and_then(|picture| {
                let missing = |words: &String| log::error!("the picture of the emergency: {words}");
                file(&picture, store).inspect_err(missing).ok()
            });
            Method::Voice(VoiceMethod::Emergency(EmergencyParams { path, for_s: *for_s, picture }))
        }
        Order::Device(DeviceOrder::UpdateContent) => Method::Session(SessionMethod::Update),
        // What is read again is the configuration, and with it the folders that it names.
        Order::Device(DeviceOrder::RefreshFiles) => Method::Session(SessionMethod::Reload),
        Order::Device(DeviceOrder::Restart) => Method::Session(SessionMethod::Shutdown),
        Order::Device(DeviceOrder::Reboot | DeviceOrder::SendLogs { .. }) | Order::Settings(_) => {
            return Err("it is no method of the local socket".into());
        }
        Order::Screen(ScreenOrder::Switch { on }) => {
            Method::Session(SessionMethod::Screen(SwitchParams { on: *on }))
        }
        Order::Screen(ScreenOrder::ShowNow { blob, for_s }) => {
            let path = file(blob, store)?;
            Method::Session(SessionMethod::ShowNow(ShowParams { path, for_s: *for_s }))
        }
        Order::Screen(ScreenOrder::Snapshot) => Method::Session(SessionMethod::Snapshot),
    })
}

/// Where a blob lies, as a local client would write it.
fn file(blob: &Digest, store: &Path) -> Result<String, String> {
    let path = store.join(blob_path(blob));
    if !path.is_file() {
        return Err(format!(
            "the file {blob} is not on this device; publish a release that has it, and wait until it is there"
        ));
    }
    Ok(location::to_text(&path))
}

#[cfg(test)]
mod tests {
    use orchestrion_protocol::fleet::OrderText;

    use super::*;

    #[test]
    fn all_that_it_says_it_can_is_a_method_here_and_the_rest_is_refused_with_a_reason() {
        let dir = tempfile::tempdir().unwrap();
        let blob = Digest::of(b"bell");
        let path = dir.path().join(blob_path(&blob));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, b"bell").unwrap();
        let params = |name: &str| match name {
            "volume" => Some(serde_json::json!({"percent": 3})),
            "mute" | "shuffle" | "screen" => Some(serde_json::json!({"on": true})),
            "crossfade" => Some(serde_json::json!({"fade_ms": 3})),
            "trim" => Some(serde_json::json!({"db": -3})),
            "inherit" => Some(serde_json::json!({"plays": []})),
            "repeat" => Some(serde_json::json!({"mode": "all"})),
            "settings" => Some(serde_json::json!({"volume": 3, "repeat": "all", "trim_db": -3.5})),
            "logs.send" => Some(serde_json::json!({"lines": 3})),
            "show_now" => Some(serde_json::json!({"blob": blob, "for_s": 3})),
            "announce" | "play_now" => Some(serde_json::json!({"blob": blob})),
            "emergency" => {
                Some(serde_json::json!({"blob": blob, "for_s": 3, "drill": true, "picture": blob}))
            }
            _ => None,
        };
        for name in capabilities().iter().filter(|name| name.as_str() != "sound") {
            let order = OrderText { method: name.clone(), params: params(name) }.read().unwrap();
            work(&order, dir.path()).unwrap_or_else(|words| panic!("{name}: {words}"));
        }
        let none = Order::Blob(BlobOrder::PlayNow { blob: Digest::of(b"other") });
        assert!(work(&none, dir.path()).unwrap_err().contains("publish"));
    }
}
