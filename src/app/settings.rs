//! What people set, and what the configuration says until they do. A default that was changed in the file wins over what
//! people had set before; one that was not changed leaves their choice alone, whether the file was read again or the
//! device was off meanwhile.

use orchestrion_protocol::limits::{CROSSFADE_MS_MAX, VOLUME_MAX};
use orchestrion_protocol::status::Repeat;

use crate::storage::Settings;

/// The settings of a device on which nobody has set anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Defaults {
    /// 0–100.
    pub volume: u8,
    /// What the queue does at its end.
    pub repeat: Repeat,
    /// A random order.
    pub shuffle: bool,
    /// Milliseconds between songs.
    pub crossfade_ms: u32,
}

impl Default for Defaults {
    fn default() -> Self {
        Self { volume: 80, repeat: Repeat::Off, shuffle: false, crossfade_ms: 5000 }
    }
}

/// What someone asks for with this start (`orchestrion play --volume 40`); it wins over everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Asked {
    /// As in [`Defaults`].
    pub volume: Option<u8>,
    /// As in [`Defaults`].
    pub repeat: Option<Repeat>,
    /// As in [`Defaults`].
    pub shuffle: Option<bool>,
    /// As in [`Defaults`].
    pub crossfade_ms: Option<u32>,
}

/// What a start begins with. Without anything kept, `seed` is where chance begins.
pub(super) fn at_start(kept: Option<Settings>, defaults: Defaults, asked: Asked, seed: u64) -> Settings {
    let mut settings = match kept {
        Some(kept) => with_defaults(kept, defaults),
        None => fresh(defaults, seed),
    };
    settings.volume = asked.volume.unwrap_or(settings.volume).min(VOLUME_MAX);
    settings.repeat = asked.repeat.unwrap_or(settings.repeat);
    settings.shuffle = asked.shuffle.unwrap_or(settings.shuffle);
    settings.crossfade_ms = asked.crossfade_ms.unwrap_or(settings.crossfade_ms).min(CROSSFADE_MS_MAX);
    settings
}

/// As on a device on which nobody has set anything.
pub(super) fn fresh(defaults: Defaults, seed: u64) -> Settings {
    Settings {
        volume: defaults.volume,
        muted: false,
        repeat: defaults.repeat,
        shuffle: defaults.shuffle,
        crossfade_ms: defaults.crossfade_ms,
        seed,
        defaults: Some(defaults),
    }
}

/// Takes over each default that differs from the one that was in force when the settings were kept.
pub(super) fn with_defaults(settings: Settings, after: Defaults) -> Settings {
    fn choose<T: PartialEq>(kept: T, before: T, after: T) -> T {
        if before == after { kept } else { after }
    }
    let before = settings.defaults.unwrap_or(after);
    Settings {
        volume: choose(settings.volume, before.volume, after.volume),
        repeat: choose(settings.repeat, before.repeat, after.repeat),
        shuffle: choose(settings.shuffle, before.shuffle, after.shuffle),
        crossfade_ms: choose(settings.crossfade_ms, before.crossfade_ms, after.crossfade_ms),
        defaults: Some(after),
        ..settings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULTS: Defaults =
        Defaults { volume: 60, repeat: Repeat::All, shuffle: false, crossfade_ms: 5000 };

    #[test]
    fn what_people_set_stays_while_the_configuration_does_not_change_it() {
        let set = Settings { volume: 40, muted: true, shuffle: true, ..fresh(DEFAULTS, 7) };
        assert_eq!(at_start(Some(set), DEFAULTS, Asked::default(), 9), set);
    }

    #[test]
    fn a_default_that_was_changed_while_the_device_was_off_wins_and_the_others_leave_the_choice_alone() {
        let set = Settings { volume: 40, shuffle: true, ..fresh(DEFAULTS, 7) };
        let edited = Defaults { volume: 70, ..DEFAULTS };
        let begun = at_start(Some(set), edited, Asked::default(), 9);
        assert_eq!(begun, Settings { volume: 70, defaults: Some(edited), ..set });
        let again = Settings { volume: 30, ..begun };
        assert_eq!(at_start(Some(again), edited, Asked::default(), 9).volume, 30);
    }

    #[test]
    fn settings_of_a_version_that_kept_no_defaults_stay() {
        let set = Settings { volume: 40, defaults: None, ..fresh(DEFAULTS, 7) };
        let begun = at_start(Some(set), DEFAULTS, Asked::default(), 9);
        assert_eq!((begun.volume, begun.defaults), (40, Some(DEFAULTS)));
    }

    #[test]
    fn what_is_asked_for_wins_and_stays_within_its_range() {
        let asked = Asked { volume: Some(200), repeat: Some(Repeat::One), ..Asked::default() };
        let begun = at_start(None, DEFAULTS, asked, 9);
        assert_eq!((begun.volume, begun.repeat, begun.crossfade_ms, begun.seed), (100, Repeat::One, 5000, 9));
    }
}
