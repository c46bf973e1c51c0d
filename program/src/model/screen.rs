//! What is shown: loops of films and pictures.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{LoopId, RecordingId};

/// Loops of a library.
pub const LOOPS_MAX: usize = 500;
/// Turns of a loop: the weights of its items together.
pub const TURNS_MAX: u32 = 1000;
/// The shortest and the longest time that a picture is held, in seconds.
pub const HOLD_S: std::ops::RangeInclusive<f64> = 0.1..=86_400.0;

/// The longest text that is written over films and pictures, in characters.
pub const TICKER_CHARS_MAX: usize = 240;

/// What a daypart says of the screen over what the device's configuration says; what it leaves out is as there.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ScreenRules {
    /// Whether the song that is heard is written over films and pictures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub now_playing: Option<bool>,
    /// A text that is written over them, of up to [`TICKER_CHARS_MAX`] characters; an empty one is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ticker: Option<String>,
    /// What becomes of the sound of films.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub film_sound: Option<FilmSound>,
}

/// Whether the sound of films is heard, and what the music does meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FilmSound {
    /// It is not heard.
    Off,
    /// The music is softer meanwhile.
    #[default]
    Duck,
    /// The music is held in its place meanwhile.
    Pause,
}

/// Films and pictures that a screen shows one after the other, for ever. `screen_loop` of a daypart names it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScreenLoop {
    /// Its id; no two loops share one.
    pub id: LoopId,
    /// What people call it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// What it shows, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<LoopItem>,
    /// On a device without releases, and where a release is made: all films and pictures in this folder below that of the program,
    /// by name, after its items.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
}

/// A film or picture of a loop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoopItem {
    /// Which. Its rights hold here too.
    pub recording: RecordingId,
    /// How long it is held if it is a picture, in seconds, from 0.1 to a day; without it, as the device says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_s: Option<f64>,
    /// Its share of voice: how often it is shown in one pass of the loop, spread over it. All of a loop together have at most
    /// [`TURNS_MAX`].
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub weight: u32,
}

fn one() -> u32 {
    1
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_one(weight: &u32) -> bool {
    *weight == 1
}

impl LoopItem {
    /// One that is shown once in each pass.
    pub fn of(recording: RecordingId) -> Self {
        Self { recording, hold_s: None, weight: 1 }
    }
}

impl ScreenLoop {
    /// The items in the order in which they are shown, each as often as its weight says and evenly over the loop; where all have the
    /// same weight it is their own order.
    pub fn turns(&self) -> Vec<&LoopItem> {
        let weights = self.items.iter().scan(TURNS_MAX, |left, item| {
            let weight = item.weight.min(*left);
            *left -= weight;
            Some(weight as usize)
        });
        let weights: Vec<usize> = weights.collect();
        let mut turns: Vec<Option<usize>> = vec![None; weights.iter().sum()];
        // The heaviest first, since they have the least choice; each goes where it should be, or to the next place that is free.
        let mut heaviest: Vec<usize> = (0..weights.len()).collect();
        heaviest.sort_by_key(|at| std::cmp::Reverse(weights[*at]));
        for at in heaviest {
            for nth in 0..weights[at] {
                let wanted = nth * turns.len() / weights[at];
                let free = (wanted..turns.len()).chain(0..wanted).find(|place| turns[*place].is_none());
                if let Some(turn) = free.and_then(|place| turns.get_mut(place)) {
                    *turn = Some(at);
                }
            }
        }
        turns.into_iter().flatten().filter_map(|at| self.items.get(at)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(weights: &[u32]) -> String {
        let items = weights.iter().enumerate().map(|(at, weight)| {
            let name = char::from(b'a' + at as u8).to_string();
            LoopItem { weight: *weight, ..LoopItem::of(name.as_str().into()) }
        });
        let shown = ScreenLoop { items: items.collect(), ..ScreenLoop::default() };
        shown.turns().iter().map(|item| item.recording.as_str()).collect()
    }

    #[test]
    fn an_item_comes_as_often_as_its_weight_says_and_never_in_a_row_if_that_can_be() {
        assert_eq!(turns(&[1, 1, 1]), "abc");
        assert_eq!(turns(&[2, 1, 1]), "abac");
        assert_eq!(turns(&[2, 2, 2]), "abcabc");
        assert_eq!(turns(&[1, 3, 2]), "bcbcba");
        assert_eq!(turns(&[9, 1]).len(), 10);
        assert_eq!(turns(&[]), "");
        assert_eq!(turns(&[5000]).len(), TURNS_MAX as usize, "bounded, whatever it says");
    }
}
