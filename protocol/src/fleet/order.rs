//! What a command asks for: a name and parameters, as on the local socket, and some that only a server gives.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::limited::Word;
use crate::limits::{CROSSFADE_MS_MAX, DUCK_DB_MAX, EMERGENCY_S_MAX, TRIM_DB_MAX, TRIM_DB_MIN, VOLUME_MAX};
use crate::method::{
    CrossfadeParams, Method, ProgramMethod, QueueMethod, RepeatParams, SwitchParams, TrimParams, VolumeParams,
};
use crate::release::Digest;
use crate::status::Repeat;

/// Methods of the local socket that may come from a server: those that name no path and no entry of a queue that a server
/// cannot see.
pub const REMOTE_METHODS: &[&str] = &[
    "status",
    "why",
    "program",
    "inherit",
    "play",
    "pause",
    "toggle",
    "stop",
    "skip",
    "previous",
    "volume",
    "mute",
    "crossfade",
    "trim",
    "hush",
    "emergency.end",
    "shuffle",
    "repeat",
    "identify",
];
/// Lines of the log that may be asked for.
pub const LOG_LINES_MAX: u32 = 1000;
/// Longest that something is shown, in seconds.
pub const SHOW_S_MAX: u32 = 24 * 3600;

/// An order as it travels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OrderText {
    /// Its name.
    pub method: Word,
    /// Its parameters by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub params: Option<Value>,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Order {
    /// As on the local socket.
    Local(Method),
    /// With a blob that lies on the device's disk.
    Blob(BlobOrder),
    /// `settings`: several of them at once.
    Settings(SettingsOrder),
    /// With the device itself.
    Device(DeviceOrder),
    /// With its screen.
    Screen(ScreenOrder),
}

/// What is to be set; what is not named stays as it is. It outlives a restart, as what people set does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct SettingsOrder {
    /// 0–100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume: Option<u8>,
    /// On or off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mute: Option<bool>,
    /// 0–12,000 milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crossfade_ms: Option<u32>,
    /// −24 to 12 dB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trim_db: Option<f32>,
    /// On or off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shuffle: Option<bool>,
    /// Off, all or one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeat: Option<Repeat>,
}

/// The settings by their names.
const SETTINGS: [&str; 6] = ["volume", "mute", "crossfade_ms", "trim_db", "shuffle", "repeat"];

impl SettingsOrder {
    /// Whether each of them can be.
    ///
    /// # Errors
    /// One is out of its range; in words.
    pub fn judge(self) -> Result<(), String> {
        if self.volume.is_some_and(|percent| percent > VOLUME_MAX) {
            return Err(format!("volume goes from 0 to {VOLUME_MAX}"));
        }
        if self.crossfade_ms.is_some_and(|fade_ms| fade_ms > CROSSFADE_MS_MAX) {
            return Err(format!("crossfade_ms goes from 0 to {CROSSFADE_MS_MAX}"));
        }
        if self.trim_db.is_some_and(|db| !(TRIM_DB_MIN..=TRIM_DB_MAX).contains(&db)) {
            return Err(format!("trim_db goes from {TRIM_DB_MIN} to {TRIM_DB_MAX}"));
        }
        Ok(())
    }

    /// The methods of the local socket that do it, in this order.
    pub fn methods(self) -> Vec<Method> {
        let queue = |method| Method::Queue(method);
        let volume =
            self.volume.map(|percent| Method::Volume(VolumeParams { percent: Some(percent), by: None }));
        let mute = self.mute.map(|on| Method::Mute(SwitchParams { on }));
        let crossfade = self.crossfade_ms.map(|fade_ms| Method::Crossfade(CrossfadeParams { fade_ms }));
        let trim = self.trim_db.map(|db| Method::Trim(TrimParams { db }));
        let shuffle = self.shuffle.map(|on| queue(QueueMethod::Shuffle(SwitchParams { on })));
        let repeat = self.repeat.map(|mode| queue(QueueMethod::Repeat(RepeatParams { mode })));
        [volume, mute, crossfade, trim, shuffle, repeat].into_iter().flatten().collect()
    }
}

/// Orders that name a blob.
#[derive(Debug, Clone, PartialEq)]
pub enum BlobOrder {
    /// `announce`: says it over the music.
    Announce {
        /// What.
        blob: Digest,
        /// By how much the music is turned down, in dB.
        duck_db: Option<f32>,
    },
    /// `play_now`: plays it next, at once.
    PlayNow {
        /// What.
        blob: Digest,
    },
    /// `emergency`: says it over everything until its end.
    Emergency {
        /// What.
        blob: Digest,
        /// It ends by itself after so many seconds.
        for_s: u32,
        /// A drill: logged as one.
        drill: bool,
        /// What the screen shows until then.
        picture: Option<Digest>,
    },
}

/// Orders to the device itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceOrder {
    /// `content.update`: asks for a newer release now.
    UpdateContent,
    /// `files.refresh`: reads all files again.
    RefreshFiles,
    /// `restart`: ends the process; the service manager starts it again.
    Restart,
    /// `reboot`: starts the board anew.
    Reboot,
    /// `logs.send`: answers the last lines of its log.
    SendLogs {
        /// How many.
        lines: u32,
    },
}

/// Orders to a screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScreenOrder {
    /// `screen`: on or off.
    Switch {
        /// On or off.
        on: bool,
    },
    /// `show_now`: shows it at once.
    ShowNow {
        /// What.
        blob: Digest,
        /// For so many seconds.
        for_s: u32,
    },
    /// `snapshot`: answers what is on it.
    Snapshot,
}

/// Why an order is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// No order of this name.
    #[error("this version knows no order \"{0}\"")]
    Unknown(String),
    /// It exists on the local socket and is not taken from a server.
    #[error("\"{0}\" is not taken from a server: it names files or entries that only the device knows")]
    LocalOnly(String),
    /// The parameters do not fit.
    #[error("\"{method}\": {problem}")]
    Params {
        /// The order.
        method: String,
        /// What is wrong.
        problem: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Announce {
    blob: Digest,
    #[serde(default)]
    duck_db: Option<f32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BlobOnly {
    blob: Digest,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Emergency {
    blob: Digest,
    for_s: u32,
    #[serde(default)]
    drill: bool,
    #[serde(default)]
    picture: Option<Digest>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Show {
    blob: Digest,
    for_s: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Logs {
    lines: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Switch {
    on: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

impl OrderText {
    /// An order without parameters.
    pub fn plain(method: &str) -> Self {
        Self { method: Word::cut(method), params: None }
    }

    /// What it means.
    ///
    /// # Errors
    /// This version does not know it, or its parameters do not fit.
    pub fn read(&self) -> Result<Order, OrderError> {
        let method = self.method.as_str();
        let wrong = |problem: String| OrderError::Params { method: method.to_owned(), problem };
        let device = |order| self.params::<Nothing>().map(|Nothing {}| Order::Device(order));
        let range = |what: &str, found: u32, max: u32| match found {
            found if found == 0 || found > max => {
                Err(wrong(format!("{what} is {found}; it goes from 1 to {max}")))
            }
            found => Ok(found),
        };
        Ok(match method {
            "announce" => {
                let Announce { blob, duck_db } = self.params()?;
                if duck_db.is_some_and(|db| !(0.0..=DUCK_DB_MAX).contains(&db)) {
                    return Err(wrong(format!("duck_db goes from 0 to {DUCK_DB_MAX}")));
                }
                Order::Blob(BlobOrder::Announce { blob, duck_db })
            }
            "play_now" => {
                let BlobOnly { blob } = self.params()?;
                Order::Blob(BlobOrder::PlayNow { blob })
            }
            "emergency" => {
                let Emergency { blob, for_s, drill, picture } = self.params()?;
                let for_s = range("for_s", for_s, EMERGENCY_S_MAX)?;
                Order::Blob(BlobOrder::Emergency { blob, for_s, drill, picture })
            }
            "settings" => {
                let settings: SettingsOrder = self.params()?;
                let named = self.params.as_ref().and_then(Value::as_object).into_iter().flat_map(Map::keys);
                if let Some(unknown) = named.map(String::as_str).find(|name| !SETTINGS.contains(name)) {
                    let unknown: String = unknown.chars().take(60).collect();
                    return Err(wrong(format!(
                        "there is no setting \"{unknown}\"; it takes {}",
                        SETTINGS.join(", ")
                    )));
                }
                if settings == SettingsOrder::default() {
                    return Err(wrong(format!("nothing is to be set: it takes {}", SETTINGS.join(", "))));
                }
                settings.judge().map_err(wrong)?;
                Order::Settings(settings)
            }
            "content.update" => device(DeviceOrder::UpdateContent)?,
            "files.refresh" => device(DeviceOrder::RefreshFiles)?,
            "restart" => device(DeviceOrder::Restart)?,
            "reboot" => device(DeviceOrder::Reboot)?,
            "logs.send" => {
                let Logs { lines } = self.params()?;
                Order::Device(DeviceOrder::SendLogs { lines: range("lines", lines, LOG_LINES_MAX)? })
            }
            "screen" => {
                let Switch { on } = self.params()?;
                Order::Screen(ScreenOrder::Switch { on })
            }
            "show_now" => {
                let Show { blob, for_s } = self.params()?;
                Order::Screen(ScreenOrder::ShowNow { blob, for_s: range("for_s", for_s, SHOW_S_MAX)? })
            }
            "snapshot" => self.params::<Nothing>().map(|Nothing {}| Order::Screen(ScreenOrder::Snapshot))?,
            _ => self.local()?,
        })
    }

    fn local(&self) -> Result<Order, OrderError> {
        let name = self.method.as_str();
        let method = Method::parse(name, self.params.clone());
        if !REMOTE_METHODS.contains(&name) {
            let known = crate::method::METHODS.iter().any(|info| info.name == name);
            let words = name.to_owned();
            return Err(if known { OrderError::LocalOnly(words) } else { OrderError::Unknown(words) });
        }
        match method {
            Ok(Method::Play(params)) if params.entry.is_some() => Err(OrderError::LocalOnly("play".into())),
            Ok(method) => Ok(Order::Local(method)),
            Err(error) => Err(OrderError::Params { method: name.to_owned(), problem: error.to_string() }),
        }
    }

    fn params<T: DeserializeOwned>(&self) -> Result<T, OrderError> {
        let value = self.params.clone().unwrap_or_else(|| Value::Object(Map::new()));
        serde_json::from_value(value).map_err(|error| OrderError::Params {
            method: self.method.to_string(),
            problem: error.to_string(),
        })
    }
}

impl Order {
    /// Whether it only asks and changes nothing, so that it may be answered at once, before what waits.
    pub fn is_question(&self) -> bool {
        match self {
            Self::Local(method) => matches!(
                method,
                Method::Status | Method::Program(ProgramMethod::Why(_) | ProgramMethod::Ahead)
            ),
            Self::Device(order) => matches!(order, DeviceOrder::SendLogs { .. }),
            Self::Screen(order) => matches!(order, ScreenOrder::Snapshot),
            Self::Blob(_) | Self::Settings(_) => false,
        }
    }

    /// Whether the process that does it ends by it.
    pub fn ends_the_process(&self) -> bool {
        matches!(self, Self::Device(DeviceOrder::Restart | DeviceOrder::Reboot))
    }
}
