//! The methods of the local socket and their parameters.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::status::{EntryId, Repeat};

/// What a local client may ask.
#[derive(Debug, Clone, PartialEq)]
pub enum Method {
    /// `status`: answers [`crate::status::Status`].
    Status,
    /// Everything about the program: what it wants, and what it remembers.
    Program(ProgramMethod),
    /// `play`: goes on, or starts; with an entry jumps to it.
    Play(PlayParams),
    /// `pause`: fades out and holds the place.
    Pause,
    /// `toggle`: pause when playing, play else.
    Toggle,
    /// `stop`: fades out and gives the place in the song up.
    Stop,
    /// `skip`: on to the next song.
    Skip,
    /// `previous`: to the start of this song, or in its first seconds to the one before.
    Previous,
    /// `seek`: to a position in the current song.
    Seek(SeekParams),
    /// `volume`: 0–100.
    Volume(VolumeParams),
    /// `mute`: silent, and still in its place.
    Mute(SwitchParams),
    /// `crossfade`: 0–12,000 ms.
    Crossfade(CrossfadeParams),
    /// `trim`: how much louder or softer this place is, −24 to 12 dB.
    Trim(TrimParams),
    /// Everything that is said over the music.
    Voice(VoiceMethod),
    /// Everything about the queue.
    Queue(QueueMethod),
    /// Everything about the connection and the process.
    Session(SessionMethod),
}

/// The methods about the program.
#[derive(Debug, Clone, PartialEq)]
pub enum ProgramMethod {
    /// `why`: answers sentences that tell why it is as it is, or why a song does not come.
    Why(WhyParams),
    /// `program`: answers what is to be played in the next 24 hours, as [`crate::status::ProgramPage`].
    Ahead,
    /// `inherit`: songs that another device has played in this one's place, for the rules of rotation.
    Inherit(InheritParams),
}

/// The methods about what is said over the music.
#[derive(Debug, Clone, PartialEq)]
pub enum VoiceMethod {
    /// `announce`: says a file over whatever plays; answered when it begins, or cannot.
    Announce(AnnounceParams),
    /// `hush`: takes away what is said and all that waits to be said.
    Hush,
    /// `emergency`: says a file over everything, again and again, at the loudest, also while it is closed.
    Emergency(EmergencyParams),
    /// `emergency.end`: ends it.
    EndEmergency,
}

/// The methods about the queue.
#[derive(Debug, Clone, PartialEq)]
pub enum QueueMethod {
    /// `queue.list`: a page of the queue in playing order.
    List(ListParams),
    /// `queue.add`: files, folders and lists.
    Add(AddParams),
    /// `play_now`: adds after the current entry and jumps there.
    PlayNow(PathsParams),
    /// `queue.remove`: takes an entry out.
    Remove(EntryParams),
    /// `queue.move`: puts an entry elsewhere.
    Move(MoveParams),
    /// `queue.clear`: takes out all but the current entry.
    Clear,
    /// `shuffle`: plays in a random order, or in the order of adding again.
    Shuffle(SwitchParams),
    /// `repeat`: off, all or one.
    Repeat(RepeatParams),
}

/// The methods about the connection and the process.
#[derive(Debug, Clone, PartialEq)]
pub enum SessionMethod {
    /// `subscribe`: from now on notifications come.
    Subscribe,
    /// `unsubscribe`: no more of them.
    Unsubscribe,
    /// `methods`: answers the list of [`MethodInfo`].
    Methods,
    /// `update`: ask for releases now.
    Update,
    /// `identify`: the LED says for some seconds which device this is.
    Identify,
    /// `snapshot`: answers what is on the screen, as `{"jpeg":"…"}` in hexadecimal digits.
    Snapshot,
    /// `screen`: on or off, until the device ends.
    Screen(SwitchParams),
    /// `show_now`: shows a film or picture at once, for a while.
    ShowNow(ShowParams),
    /// `reload`: reads the configuration again, like SIGHUP.
    Reload,
    /// `shutdown`: ends the process, like SIGTERM.
    Shutdown,
}

/// Parameters of `why`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhyParams {
    /// A song of the program: its id, or words of its title, its artists or its file's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub song: Option<String>,
}

/// Parameters of `play`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlayParams {
    /// The entry to jump to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<EntryId>,
}

/// Parameters of `seek`: just one of the two.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeekParams {
    /// From the start of the song, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position_ms: Option<u64>,
    /// From here, forwards or backwards, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_ms: Option<i64>,
}

/// Parameters of `volume`: just one of the two.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VolumeParams {
    /// 0–100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
    /// Louder or softer by this many percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<i16>,
}

/// Parameters of what is on or off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SwitchParams {
    /// On or off.
    pub on: bool,
}

/// Parameters of `crossfade`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrossfadeParams {
    /// 0–12,000 milliseconds.
    pub fade_ms: u32,
}

/// Parameters of `inherit`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InheritParams {
    /// The oldest first, at most [`crate::limits::INHERITED_LEN_MAX`]. They count as played before all that the device knows of;
    /// so of several lists the newest comes first.
    pub plays: Vec<InheritedPlay>,
}

/// A song that another device has played.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InheritedPlay {
    /// Which recording.
    pub recording: String,
    /// When it began, in ms since 1970.
    pub at_utc_ms: i64,
    /// The playlist that it was chosen from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub playlist: Option<String>,
}

/// Parameters of `trim`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrimParams {
    /// −24 to 12 dB.
    pub db: f32,
}

/// Parameters of `queue.list`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListParams {
    /// The first entry to list, from 0.
    #[serde(default)]
    pub offset: usize,
    /// How many; at most [`crate::limits::QUEUE_PAGE_LEN_MAX`], which is also the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

/// Where new entries go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Right after the current entry.
    Next,
    /// At the end.
    #[default]
    Last,
    /// Right after this entry.
    After(EntryId),
}

/// Parameters of `announce`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnnounceParams {
    /// An absolute path or `file:` URL (see [`crate::location`]).
    pub path: String,
    /// By how much the music is turned down meanwhile, in dB; 12 where nothing is said. See
    /// [`crate::limits::DUCK_DB_MAX`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duck_db: Option<f32>,
}

/// Parameters of `emergency`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmergencyParams {
    /// As in [`AnnounceParams`].
    pub path: String,
    /// It ends by itself after so many seconds; see [`crate::limits::EMERGENCY_S_MAX`].
    pub for_s: u32,
    /// What the screen shows until then, over everything: a film or picture, as `path`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
}

/// Parameters of `queue.add`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddParams {
    /// Absolute paths or `file:` URLs (see [`crate::location`]) of files, folders or `.m3u`/`.m3u8` lists.
    pub paths: Vec<String>,
    /// Where they go.
    #[serde(default)]
    pub at: Place,
}

/// Parameters of `play_now`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PathsParams {
    /// As in [`AddParams`].
    pub paths: Vec<String>,
}

/// Parameters that name one entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntryParams {
    /// The entry.
    pub entry: EntryId,
}

/// Parameters of `queue.move`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MoveParams {
    /// The entry.
    pub entry: EntryId,
    /// Where it goes.
    pub at: Place,
}

/// Parameters of `show_now`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShowParams {
    /// The file.
    pub path: String,
    /// For so many seconds.
    pub for_s: u32,
}

/// Parameters of `repeat`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RepeatParams {
    /// Off, all or one.
    pub mode: Repeat,
}

/// A line of the method list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MethodInfo {
    /// The name as it stands in a request.
    pub name: &'static str,
    /// Its parameters, by an example; empty where there are none.
    pub params: &'static str,
    /// What it does.
    pub summary: &'static str,
}

/// All methods, in the order in which a person would look for them.
pub const METHODS: &[MethodInfo] = &[
    info("status", "", "what plays, and why"),
    info(
        "why",
        r#"{"song":"la vie en rose"}"#,
        "why it plays this, or nothing; with a song why that does not come",
    ),
    info("program", "", "what is to be played in the next 24 hours"),
    info(
        "inherit",
        r#"{"plays":[{"recording":"r1","at_utc_ms":1750000000000}]}"#,
        "songs that the device before has played, for the rules of rotation",
    ),
    info("play", r#"{"entry":12}"#, "go on or start; with an entry jump to it"),
    info("pause", "", "fade out and hold the place"),
    info("toggle", "", "pause when playing, play else"),
    info("stop", "", "fade out and give the place in the song up"),
    info("skip", "", "on to the next song"),
    info("previous", "", "to the start of this song; in its first seconds to the one before"),
    info("seek", r#"{"position_ms":60000}"#, "to a place in the song; or {\"by_ms\":-5000}"),
    info("volume", r#"{"percent":40}"#, "0-100; or {\"by\":-5}"),
    info("mute", r#"{"on":true}"#, "silent, and still in its place"),
    info("crossfade", r#"{"fade_ms":5000}"#, "0-12000 milliseconds between songs"),
    info("trim", r#"{"db":-3}"#, "this place softer or louder than songs are brought to, -24 to 12 dB"),
    info("announce", r#"{"path":"/music/bell.wav","duck_db":12}"#, "say a file over the music"),
    info("hush", "", "take away what is said and what waits to be said"),
    info(
        "emergency",
        r#"{"path":"/music/leave.wav","for_s":600}"#,
        "say a file over everything until its end; with \"picture\":\"/films/exit.png\" show that too",
    ),
    info("emergency.end", "", "end the emergency; what is right now goes on"),
    info("play_now", r#"{"paths":["/music/a.flac"]}"#, "add after the current entry and jump there"),
    info("queue.list", r#"{"offset":0,"limit":100}"#, "a page of the queue in playing order"),
    info("queue.add", r#"{"paths":["/music"],"at":"last"}"#, "at: \"next\", \"last\" or {\"after\":12}"),
    info("queue.remove", r#"{"entry":12}"#, "take an entry out; not the current one"),
    info("queue.move", r#"{"entry":12,"at":"next"}"#, "put an entry elsewhere; not the current one"),
    info("queue.clear", "", "take out all but the current entry"),
    info("shuffle", r#"{"on":true}"#, "a random order, or the order of adding again"),
    info("repeat", r#"{"mode":"all"}"#, "off, all or one"),
    info("subscribe", "", "StatusChanged and TimeChanged come from now on"),
    info("unsubscribe", "", "no more of them"),
    info("methods", "", "this list"),
    info("update", "", "ask for releases now"),
    info("identify", "", "the LED blinks very quickly for 15 s: this is the one"),
    info("snapshot", "", "what is on the screen: a JPEG in hexadecimal digits"),
    info("screen", r#"{"on":false}"#, "dark, or as ever; until the device ends"),
    info("show_now", r#"{"path":"/films/a.mp4","for_s":60}"#, "show a film or picture at once, for a while"),
    info("reload", "", "read the configuration again, like SIGHUP"),
    info("shutdown", "", "end the process, like SIGTERM"),
];

const fn info(name: &'static str, params: &'static str, summary: &'static str) -> MethodInfo {
    MethodInfo { name, params, summary }
}

/// Why a method could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MethodError {
    /// No method of this name.
    #[error("there is no method \"{0}\"; `methods` lists them")]
    Unknown(String),
    /// The parameters do not fit.
    #[error("\"{method}\": {problem}{}", example(.method))]
    Params {
        /// The method.
        method: String,
        /// What is wrong.
        problem: String,
    },
}

fn example(method: &str) -> String {
    METHODS
        .iter()
        .find(|info| info.name == method && !info.params.is_empty())
        .map(|info| format!("; it takes for example {}", info.params))
        .unwrap_or_default()
}

impl Method {
    /// Reads a method by its name and parameters. Missing parameters count as an empty object.
    ///
    /// # Errors
    /// An unknown name, unknown or missing keys, values of the wrong kind.
    pub fn parse(name: &str, params: Option<Value>) -> Result<Self, MethodError> {
        let params = Params { method: name, value: params };
        Ok(match name {
            "status" => params.none(Self::Status)?,
            "why" => Self::Program(ProgramMethod::Why(params.read()?)),
            "program" => params.none(Self::Program(ProgramMethod::Ahead))?,
            "inherit" => Self::Program(ProgramMethod::Inherit(params.read()?)),
            "play" => Self::Play(params.read()?),
            "pause" => params.none(Self::Pause)?,
            "toggle" => params.none(Self::Toggle)?,
            "stop" => params.none(Self::Stop)?,
            "skip" => params.none(Self::Skip)?,
            "previous" => params.none(Self::Previous)?,
            "seek" => Self::Seek(params.read()?),
            "volume" => Self::Volume(params.read()?),
            "mute" => Self::Mute(params.read()?),
            "crossfade" => Self::Crossfade(params.read()?),
            "trim" => Self::Trim(params.read()?),
            "announce" => Self::Voice(VoiceMethod::Announce(params.read()?)),
            "hush" => params.none(Self::Voice(VoiceMethod::Hush))?,
            "emergency" => Self::Voice(VoiceMethod::Emergency(params.read()?)),
            "emergency.end" => params.none(Self::Voice(VoiceMethod::EndEmergency))?,
            "play_now" => Self::Queue(QueueMethod::PlayNow(params.read()?)),
            "queue.list" => Self::Queue(QueueMethod::List(params.read()?)),
            "queue.add" => Self::Queue(QueueMethod::Add(params.read()?)),
            "queue.remove" => Self::Queue(QueueMethod::Remove(params.read()?)),
            "queue.move" => Self::Queue(QueueMethod::Move(params.read()?)),
            "queue.clear" => params.none(Self::Queue(QueueMethod::Clear))?,
            "shuffle" => Self::Queue(QueueMethod::Shuffle(params.read()?)),
            "repeat" => Self::Queue(QueueMethod::Repeat(params.read()?)),
            "subscribe" => params.none(Self::Session(SessionMethod::Subscribe))?,
            "unsubscribe" => params.none(Self::Session(SessionMethod::Unsubscribe))?,
            "methods" => params.none(Self::Session(SessionMethod::Methods))?,
            "reload" => params.none(Self::Session(SessionMethod::Reload))?,
            "update" => params.none(Self::Session(SessionMethod::Update))?,
            "snapshot" => params.none(Self::Session(SessionMethod::Snapshot))?,
            "screen" => Self::Session(SessionMethod::Screen(params.read()?)),
            "show_now" => Self::Session(SessionMethod::ShowNow(params.read()?)),
            "identify" => params.none(Self::Session(SessionMethod::Identify))?,
            "shutdown" => params.none(Self::Session(SessionMethod::Shutdown))?,
            _ => return Err(MethodError::Unknown(name.chars().take(60).collect())),
        })
    }

    /// The name and parameters with which [`Method::parse`] gives the same method.
    pub fn name_and_params(&self) -> (&'static str, Option<Value>) {
        match self {
            Self::Status => ("status", None),
            Self::Program(method) => match method {
                ProgramMethod::Why(params) => ("why", written(params)),
                ProgramMethod::Ahead => ("program", None),
                ProgramMethod::Inherit(params) => ("inherit", written(params)),
            },
            Self::Play(params) => ("play", written(params)),
            Self::Pause => ("pause", None),
            Self::Toggle => ("toggle", None),
            Self::Stop => ("stop", None),
            Self::Skip => ("skip", None),
            Self::Previous => ("previous", None),
            Self::Seek(params) => ("seek", written(params)),
            Self::Volume(params) => ("volume", written(params)),
            Self::Mute(params) => ("mute", written(params)),
            Self::Crossfade(params) => ("crossfade", written(params)),
            Self::Trim(params) => ("trim", written(params)),
            Self::Voice(method) => match method {
                VoiceMethod::Announce(params) => ("announce", written(params)),
                VoiceMethod::Hush => ("hush", None),
                VoiceMethod::Emergency(params) => ("emergency", written(params)),
                VoiceMethod::EndEmergency => ("emergency.end", None),
            },
            Self::Queue(method) => match method {
                QueueMethod::List(params) => ("queue.list", written(params)),
                QueueMethod::Add(params) => ("queue.add", written(params)),
                QueueMethod::PlayNow(params) => ("play_now", written(params)),
                QueueMethod::Remove(params) => ("queue.remove", written(params)),
                QueueMethod::Move(params) => ("queue.move", written(params)),
                QueueMethod::Clear => ("queue.clear", None),
                QueueMethod::Shuffle(params) => ("shuffle", written(params)),
                QueueMethod::Repeat(params) => ("repeat", written(params)),
            },
            Self::Session(method) => match method {
                SessionMethod::Subscribe => ("subscribe", None),
                SessionMethod::Unsubscribe => ("unsubscribe", None),
                SessionMethod::Methods => ("methods", None),
                SessionMethod::Reload => ("reload", None),
                SessionMethod::Update => ("update", None),
                SessionMethod::Identify => ("identify", None),
                SessionMethod::Snapshot => ("snapshot", None),
                SessionMethod::Screen(params) => ("screen", written(params)),
                SessionMethod::ShowNow(params) => ("show_now", written(params)),
                SessionMethod::Shutdown => ("shutdown", None),
            },
        }
    }
}

fn written(params: &impl Serialize) -> Option<Value> {
    serde_json::to_value(params).ok()
}

struct Params<'a> {
    method: &'a str,
    value: Option<Value>,
}

impl Params<'_> {
    fn read<T: DeserializeOwned>(self) -> Result<T, MethodError> {
        let value = self.value.unwrap_or_else(|| Value::Object(serde_json::Map::new()));
        if !value.is_object() {
            return Err(self_error(self.method, "parameters go by name, in an object".into()));
        }
        serde_json::from_value(value).map_err(|e| self_error(self.method, e.to_string()))
    }

    fn none(self, method: Method) -> Result<Method, MethodError> {
        match self.value {
            None => Ok(method),
            Some(Value::Object(map)) if map.is_empty() => Ok(method),
            Some(Value::Array(list)) if list.is_empty() => Ok(method),
            Some(_) => Err(self_error(self.method, "it takes no parameters".into())),
        }
    }
}

fn self_error(method: &str, problem: String) -> MethodError {
    MethodError::Params { method: method.into(), problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_of_the_list_is_read_from_its_example_and_written_back() {
        for info in METHODS {
            let params = (!info.params.is_empty()).then(|| serde_json::from_str(info.params).unwrap());
            let method = Method::parse(info.name, params).unwrap_or_else(|e| panic!("{}: {e}", info.name));
            let (name, params) = method.name_and_params();
            assert_eq!(name, info.name);
            assert_eq!(Method::parse(name, params).unwrap(), method);
        }
    }

    #[test]
    fn an_unknown_key_is_named_with_an_example_of_what_is_right() {
        let error = Method::parse("volume", Some(serde_json::json!({"percnt": 4}))).unwrap_err().to_string();
        assert!(error.contains("percnt") && error.contains(r#"{"percent":40}"#), "{error}");
    }

    #[test]
    fn a_method_without_parameters_refuses_them() {
        assert!(Method::parse("skip", Some(serde_json::json!({"n": 1}))).is_err());
        assert!(Method::parse("skip", Some(serde_json::json!({}))).is_ok());
    }
}
