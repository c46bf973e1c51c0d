//! A board file as it is written.

use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use super::Board;
use crate::alarm::Contact;
use crate::button::Gestures;
use crate::encoder::Detent;
use crate::line::{Bias, LineId, LineSpec, NAME_LEN_MAX, OFFSET_MAX, Polarity};
use crate::panel::{AlarmPlan, BUTTONS_MAX, ButtonPlan, EncoderPlan, Plan};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    #[serde(default)]
    models: Vec<String>,
    /// The chip of all lines that name none.
    chip: Option<String>,
    #[serde(default, rename = "button")]
    buttons: Vec<Button>,
    encoder: Option<Encoder>,
    alarm: Option<Alarm>,
    led: Option<Led>,
    #[serde(default)]
    audio: AudioFile,
    #[serde(default)]
    video: VideoFile,
    watchdog: Option<WatchdogFile>,
    #[serde(default)]
    health: HealthFile,
    #[serde(default)]
    storage: StorageFile,
    #[serde(default)]
    never_tried: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Button {
    name: Spanned<String>,
    line: Spanned<LineId>,
    chip: Option<String>,
    #[serde(default)]
    polarity: Polarity,
    #[serde(default)]
    pull: Bias,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Encoder {
    a: Spanned<LineId>,
    b: Spanned<LineId>,
    chip: Option<String>,
    #[serde(default)]
    polarity: Polarity,
    #[serde(default)]
    pull: Bias,
    #[serde(default)]
    detent: Detent,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Alarm {
    line: Spanned<LineId>,
    chip: Option<String>,
    #[serde(default)]
    polarity: Polarity,
    #[serde(default)]
    pull: Bias,
    #[serde(default)]
    contact: Contact,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Led {
    line: Spanned<LineId>,
    chip: Option<String>,
    #[serde(default = "lit_by_high")]
    polarity: Polarity,
}

fn lit_by_high() -> Polarity {
    Polarity::High
}

/// Sound.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AudioFile {
    /// Outputs, best first, as the device's configuration names them.
    #[serde(default)]
    pub outputs: Vec<String>,
}

/// Picture.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VideoFile {
    /// The element that shows it.
    pub sink: Option<String>,
    /// Elements that decode in hardware, best first.
    #[serde(default)]
    pub decoders: Vec<String>,
}

/// The hardware watchdog.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WatchdogFile {
    /// What the chip calls itself, in `/sys/class/watchdog/*/identity`.
    pub identity: String,
    /// The longest timeout that the chip itself can, in seconds.
    pub timeout_s_max: u32,
}

/// Where health is read. Paths begin below the root, and may hold `*` for one part of a name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealthFile {
    /// The thermal zone's type; the hottest zone without one.
    pub thermal_zone: Option<String>,
    /// A file with a number of bits about throttling.
    pub throttled: Option<String>,
    /// Those that mean that the voltage is too low now, and was since the start.
    #[serde(default)]
    pub under_voltage_bits: Vec<u8>,
    /// Those that mean that the processor is slowed down now, or was.
    #[serde(default)]
    pub throttled_bits: Vec<u8>,
    /// The name of the sensor whose `in0_lcrit_alarm` tells that the voltage is too low.
    pub under_voltage_sensor: Option<String>,
}

/// What the system lies on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StorageFile {
    /// The block device, such as `mmcblk0`.
    pub device: Option<String>,
}

/// Lines that are used, with what for, to find one that is used twice.
struct Lines<'a> {
    text: &'a str,
    chip: Option<String>,
    used: Vec<(String, LineId, String)>,
}

impl Lines<'_> {
    fn take(
        &mut self,
        chip: Option<&String>,
        line: &Spanned<LineId>,
        what: &str,
    ) -> Result<(String, LineId), String> {
        let at = |problem: &str| Err(in_line(self.text, &line.span(), problem));
        let Some(chip) = chip.or(self.chip.as_ref()).cloned() else {
            return at(&format!("{what} has a line but no chip; write chip = \"…\" here or at the top"));
        };
        let id = line.get_ref().clone();
        match &id {
            LineId::Offset(offset) if *offset > OFFSET_MAX => {
                return at(&format!("{what} has line {offset}; the highest is {OFFSET_MAX}"));
            }
            LineId::Name(name)
                if name.is_empty() || name.len() > NAME_LEN_MAX || name.contains([' ', ':']) =>
            {
                return at(&format!("{what} has a line with a name of no line"));
            }
            LineId::Offset(_) | LineId::Name(_) => {}
        }
        if let Some((.., other)) = self.used.iter().find(|(c, l, _)| *c == chip && *l == id) {
            return at(&format!("{id} of chip {chip} is {other} already; {what} needs another"));
        }
        self.used.push((chip.clone(), id.clone(), what.to_owned()));
        Ok((chip, id))
    }
}

/// What a board file says.
pub fn parse(id: String, text: &str) -> Result<Board, String> {
    let file: File = toml::from_str(text)
        .map_err(|e| in_line(text, &e.span().unwrap_or_default(), &e.message().replace('\n', " ")))?;
    if file.buttons.len() > BUTTONS_MAX {
        return Err(format!("{} buttons, {BUTTONS_MAX} at most", file.buttons.len()));
    }
    let mut lines = Lines { text, chip: file.chip, used: Vec::new() };
    let mut plan = Plan::default();
    for button in file.buttons {
        let name = button.name.get_ref().clone();
        if plan.buttons.iter().any(|known: &ButtonPlan| known.name == name) {
            return Err(in_line(text, &button.name.span(), &format!("there is a button \"{name}\" already")));
        }
        let (chip, line) = lines.take(button.chip.as_ref(), &button.line, &format!("button \"{name}\""))?;
        let line = LineSpec { chip, line, polarity: button.polarity, bias: button.pull };
        plan.buttons.push(ButtonPlan { name, line, gestures: Gestures::default() });
    }
    if let Some(encoder) = file.encoder {
        let spec = |(chip, line)| LineSpec { chip, line, polarity: encoder.polarity, bias: encoder.pull };
        let a = spec(lines.take(encoder.chip.as_ref(), &encoder.a, "the encoder")?);
        let b = spec(lines.take(encoder.chip.as_ref(), &encoder.b, "the encoder's b")?);
        plan.encoder = Some(EncoderPlan { a, b, detent: encoder.detent });
    }
    if let Some(alarm) = file.alarm {
        let (chip, line) = lines.take(alarm.chip.as_ref(), &alarm.line, "the alarm contact")?;
        let line = LineSpec { chip, line, polarity: alarm.polarity, bias: alarm.pull };
        plan.alarm = Some(AlarmPlan { line, contact: alarm.contact });
    }
    if let Some(led) = file.led {
        let (chip, line) = lines.take(led.chip.as_ref(), &led.line, "the LED")?;
        plan.led = Some(LineSpec { chip, line, polarity: led.polarity, bias: Bias::None });
    }
    Ok(Board {
        id,
        name: file.name,
        models: file.models,
        plan,
        audio: file.audio,
        video: file.video,
        watchdog: file.watchdog,
        health: file.health,
        storage: file.storage,
        never_tried: file.never_tried,
    })
}

/// A problem with the line in which it is.
fn in_line(text: &str, span: &Range<usize>, problem: &str) -> String {
    let number = text.get(..span.start).map_or(1, |before| before.matches('\n').count() + 1);
    format!("line {number}: {problem}")
}
