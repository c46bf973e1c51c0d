//! What can be typed after `orchestrion ctl`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use orchestrion_protocol::method::{Place, RepeatParams, SeekParams, SwitchParams, VolumeParams};
use orchestrion_protocol::status::{EntryId, Repeat};

use super::super::values;

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// Show what plays, and why
    #[command(after_help = "Example: orchestrion ctl status --json")]
    Status,
    /// Tell why it plays this, or nothing: hours, daypart, playlist, what was not kept; or why a song does not come
    #[command(after_help = "\
Examples:
  orchestrion ctl why
  orchestrion ctl why la vie en rose")]
    Why {
        /// A song of the program: its id, or words of its title, its artists or its file's name
        song: Vec<String>,
    },
    /// Show what the program plays in the next 24 hours
    #[command(after_help = "Example: orchestrion ctl program")]
    Program,
    #[command(flatten)]
    Playing(Playing),
    #[command(flatten)]
    Voice(Voice),
    #[command(flatten)]
    Setting(Setting),
    /// Show or change the queue
    #[command(subcommand, after_help = "Example: orchestrion ctl queue add ~/Music --next")]
    Queue(Queue),
    #[command(flatten)]
    Session(Session),
}

#[derive(Debug, Subcommand)]
pub(super) enum Playing {
    /// Go on or start; with an entry of the queue jump to it
    #[command(after_help = "Examples:\n  orchestrion ctl play\n  orchestrion ctl play 12")]
    Play {
        /// A number from `queue list`
        entry: Option<u64>,
    },
    /// Fade out and hold the place
    #[command(after_help = "Example: orchestrion ctl pause")]
    Pause,
    /// Pause when playing, play else
    #[command(after_help = "Example: orchestrion ctl toggle")]
    Toggle,
    /// Fade out and give the place in the song up
    #[command(after_help = "Example: orchestrion ctl stop")]
    Stop,
    /// On to the next song
    #[command(after_help = "Example: orchestrion ctl skip")]
    Skip,
    /// To the start of this song; in its first seconds to the one before
    #[command(after_help = "Example: orchestrion ctl previous")]
    Previous,
    /// To a place in the song
    #[command(
        after_help = "Examples:\n  orchestrion ctl seek 1:30\n  orchestrion ctl seek +10\n  orchestrion ctl seek -10"
    )]
    Seek {
        /// From the start (1:30, 90), or from here in seconds (+10, -10)
        #[arg(value_parser = values::seek, allow_hyphen_values = true)]
        to: SeekParams,
    },
    /// Add files, folders or lists after the current song and jump there
    #[command(after_help = "Example: orchestrion ctl play-now ~/Music/birthday.flac")]
    PlayNow {
        /// Files, folders or .m3u lists
        #[arg(required = true)]
        paths: Vec<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Voice {
    /// Say a file over the music, which is turned down meanwhile
    #[command(after_help = "\
Examples:
  orchestrion ctl announce ~/bell.wav
  orchestrion ctl announce --duck 20 closing-soon.mp3

It answers when the announcement begins; it waits for others before it.")]
    Announce {
        /// An audio file
        path: PathBuf,
        /// By how much the music is turned down, in dB: 0 to 60
        #[arg(long, value_name = "DB")]
        duck: Option<f32>,
    },
    /// Take away what is being said, and what waits to be said
    #[command(after_help = "Example: orchestrion ctl hush")]
    Hush,
    /// Say a file over everything, again and again, at the loudest, also while it is closed
    #[command(after_help = "\
Examples:
  orchestrion ctl emergency leave-the-building.wav --for 10m --picture exit.png
  orchestrion ctl emergency end

It survives a restart of the device. This is no life-safety system: see docs/HARDWARE.md.")]
    Emergency {
        /// An audio file; or `end`
        path: PathBuf,
        /// It ends by itself after this time
        #[arg(long = "for", value_name = "TIME", default_value = "10m", value_parser = values::lasting_s)]
        for_s: u32,
        /// A film or picture that the screen shows until then, also in dark hours
        #[arg(long, value_name = "FILE")]
        picture: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Setting {
    /// Show or set the volume
    #[command(
        after_help = "Examples:\n  orchestrion ctl volume\n  orchestrion ctl volume 40\n  orchestrion ctl volume -5"
    )]
    Volume {
        /// 0 to 100, or a change: +5, -5
        #[arg(value_parser = values::volume, allow_hyphen_values = true)]
        percent: Option<VolumeParams>,
    },
    /// Silence it, still in its place
    #[command(after_help = "Example: orchestrion ctl mute on")]
    Mute {
        /// On or off
        switch: Switch,
    },
    /// How long songs overlap
    #[command(after_help = "Examples:\n  orchestrion ctl crossfade 5\n  orchestrion ctl crossfade 0")]
    Crossfade {
        /// 0 to 12
        #[arg(value_parser = values::crossfade_ms, value_name = "SECONDS")]
        fade_ms: u32,
    },
    /// Play in a random order, or in the order of adding
    #[command(after_help = "Example: orchestrion ctl shuffle on")]
    Shuffle {
        /// On or off
        switch: Switch,
    },
    /// What happens at the end of the queue
    #[command(after_help = "Example: orchestrion ctl repeat all")]
    Repeat {
        /// End, begin anew, or the current song again and again
        mode: RepeatMode,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Queue {
    /// Show the queue in playing order
    #[command(after_help = "Example: orchestrion ctl queue list")]
    List,
    /// Add files, folders or lists
    #[command(after_help = "\
Examples:
  orchestrion ctl queue add ~/Music
  orchestrion ctl queue add a.flac b.flac --after 12")]
    Add {
        /// Files, folders or .m3u lists
        #[arg(required = true)]
        paths: Vec<PathBuf>,
        #[command(flatten)]
        at: At,
    },
    /// Take an entry out
    #[command(after_help = "Example: orchestrion ctl queue remove 12")]
    Remove {
        /// A number from `queue list`
        entry: u64,
    },
    /// Put an entry elsewhere
    #[command(after_help = "Example: orchestrion ctl queue move 12 --next")]
    Move {
        /// A number from `queue list`
        entry: u64,
        #[command(flatten)]
        at: MustBeAt,
    },
    /// Take out all but the current entry
    #[command(after_help = "Example: orchestrion ctl queue clear")]
    Clear,
}

#[derive(Debug, Subcommand)]
pub(super) enum Session {
    /// List what the socket understands, for those who write clients
    #[command(after_help = "Example: orchestrion ctl methods")]
    Methods,
    /// Show what plays until Ctrl-C; on a terminal one line, redrawn
    #[command(after_help = "Examples:\n  orchestrion ctl watch\n  orchestrion ctl watch --json")]
    Watch,
    /// Ask for releases now, instead of when it is time for it
    #[command(after_help = "Example: orchestrion ctl update")]
    Update,
    /// Let the LED of this device say which one it is, for 15 s
    #[command(after_help = "Example: orchestrion ctl identify")]
    Identify,
    /// Write a JPEG of what is on the screen into a file
    #[command(after_help = "Example: orchestrion ctl snapshot screen.jpg")]
    Snapshot {
        /// The file to write
        out: PathBuf,
    },
    /// Switch the screen dark, or back to what it shows, until the device ends
    #[command(after_help = "Example: orchestrion ctl screen off")]
    Screen {
        /// On or off
        switch: Switch,
    },
    /// Show a film or a picture at once, for a while
    #[command(after_help = "Example: orchestrion ctl show menu.png --for 5m")]
    Show {
        /// The file
        file: PathBuf,
        /// For this time
        #[arg(long = "for", value_name = "TIME", default_value = "1m", value_parser = values::lasting_s)]
        for_s: u32,
    },
    /// Read the configuration again
    #[command(after_help = "Example: orchestrion ctl reload")]
    Reload,
    /// End the device
    #[command(after_help = "Example: orchestrion ctl shutdown")]
    Shutdown,
}

#[derive(Debug, Args)]
#[group(multiple = false)]
pub(super) struct At {
    /// Right after the current song
    #[arg(long)]
    next: bool,
    /// At the end (as without any of these)
    #[arg(long)]
    last: bool,
    /// Right after this entry
    #[arg(long, value_name = "ENTRY")]
    after: Option<u64>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct MustBeAt {
    /// Right after the current song
    #[arg(long)]
    next: bool,
    /// At the end
    #[arg(long)]
    last: bool,
    /// Right after this entry
    #[arg(long, value_name = "ENTRY")]
    after: Option<u64>,
}

impl From<At> for Place {
    fn from(at: At) -> Self {
        place(at.next, at.after)
    }
}

impl From<MustBeAt> for Place {
    fn from(at: MustBeAt) -> Self {
        place(at.next, at.after)
    }
}

fn place(next: bool, after: Option<u64>) -> Place {
    match (next, after) {
        (_, Some(entry)) => Place::After(EntryId(entry)),
        (true, None) => Place::Next,
        (false, None) => Place::Last,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Switch {
    On,
    Off,
}

impl From<Switch> for SwitchParams {
    fn from(switch: Switch) -> Self {
        Self { on: switch == Switch::On }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum RepeatMode {
    Off,
    All,
    One,
}

impl From<RepeatMode> for RepeatParams {
    fn from(mode: RepeatMode) -> Self {
        let mode = match mode {
            RepeatMode::Off => Repeat::Off,
            RepeatMode::All => Repeat::All,
            RepeatMode::One => Repeat::One,
        };
        Self { mode }
    }
}
