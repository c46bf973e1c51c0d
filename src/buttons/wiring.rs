//! From what the configuration says and what the board's file says to what is wired to which line and what it means.

use std::path::Path;
use std::sync::Arc;

use orchestrion_board::boards::Board;
use orchestrion_board::panel::{AlarmPlan, BUTTONS_MAX, ButtonPlan, EncoderPlan};
use orchestrion_board::{Bias, Boards, Gesture, Gestures, Hold, LineId, LineSpec, Plan, Polarity};

use super::wanted::{Action, Wanted, WantedButton};
use super::{LED_NAME, Press};

/// A held button repeats for the first time after as long, in milliseconds.
const REPEAT_AFTER_MS: u32 = 500;
/// And then as long after the time before, in milliseconds.
const REPEAT_EVERY_MS: u32 = 150;
/// A button that is called so is a button of nobody.
const NAME_LEN_MAX: usize = 32;

/// What is wired, and what it means.
#[derive(Debug, Clone, Default)]
pub struct Wiring {
    /// The lines.
    pub plan: Plan,
    /// The board, where one is named or found.
    pub board: Option<Board>,
    /// What the buttons of the plan do, in its order.
    meanings: Vec<Meaning>,
}

/// What a button does.
#[derive(Debug, Clone)]
struct Meaning {
    name: Arc<str>,
    short: Action,
    long: Action,
    double: Action,
    announcement: Option<Arc<Path>>,
}

impl Wiring {
    /// What is wired by this configuration, on the machine whose files lie under `root` (`/`, or a test's folder).
    ///
    /// # Errors
    /// A board file is wrong or unknown, or the configuration wires what cannot be: in one sentence, with what would be right.
    pub fn of(wanted: &Wanted, root: &Path) -> Result<Self, String> {
        let board = board_of(wanted, root)?;
        let mut plan = board.plan.clone();
        if let Some(chip) = &wanted.chip {
            move_to(chip, &mut plan);
        }
        let mut wiring = Self { plan, board: Some(board), meanings: Vec::new() };
        wiring.wire_buttons(wanted)?;
        wiring.wire_encoder(wanted)?;
        wiring.wire_alarm(wanted)?;
        wiring.wire_led(wanted)?;
        wiring.check_lines()?;
        Ok(wiring)
    }

    /// What a gesture of a button asks for, if anything.
    pub fn press(&self, button: usize, gesture: Gesture) -> Option<Press> {
        let meaning = self.meanings.get(button)?;
        let action = match gesture {
            Gesture::Short | Gesture::Repeat(_) => meaning.short,
            Gesture::Long => meaning.long,
            Gesture::Double => meaning.double,
        };
        let press = Press {
            button: Arc::clone(&meaning.name),
            action,
            announcement: meaning.announcement.clone(),
            is_repeated: matches!(gesture, Gesture::Repeat(_)),
        };
        (action != Action::Nothing).then_some(press)
    }

    fn wire_buttons(&mut self, wanted: &Wanted) -> Result<(), String> {
        for (name, button) in &wanted.button {
            if name.is_empty() || name.len() > NAME_LEN_MAX || name.chars().any(char::is_control) {
                return Err(format!("[board.button]: a name has 1 to {NAME_LEN_MAX} characters"));
            }
            let known = self.plan.buttons.iter().find(|known| known.name == *name);
            let line = line_of(
                &format!("[board.button.{name}]"),
                known.map(|known| &known.line),
                (button.line.as_ref(), button.chip.as_ref().or(wanted.chip.as_ref())),
                (button.polarity, button.pull),
            )?;
            match self.plan.buttons.iter_mut().find(|known| known.name == *name) {
                Some(known) => known.line = line,
                None => self.plan.buttons.push(ButtonPlan {
                    name: name.clone(),
                    line,
                    gestures: Gestures::default(),
                }),
            }
        }
        let usual = WantedButton::default();
        for mut button in std::mem::take(&mut self.plan.buttons) {
            let wanted = wanted.button.get(&button.name).unwrap_or(&usual);
            let meaning = Meaning::of(&button.name, wanted)?;
            // A button that does nothing leaves its line to others.
            if let Some(meaning) = meaning {
                button.gestures = meaning.gestures(wanted)?;
                self.plan.buttons.push(button);
                self.meanings.push(meaning);
            }
        }
        if self.plan.buttons.len() > BUTTONS_MAX {
            return Err(format!("[board]: {} buttons, {BUTTONS_MAX} at most", self.plan.buttons.len()));
        }
        Ok(())
    }

    fn wire_encoder(&mut self, wanted: &Wanted) -> Result<(), String> {
        let Some(encoder) = &wanted.encoder else { return Ok(()) };
        let known = self.plan.encoder.as_ref();
        let chip = encoder.chip.as_ref().or(wanted.chip.as_ref());
        let changed = (encoder.polarity, encoder.pull);
        let line =
            |known, line: &Option<LineId>| line_of("[board.encoder]", known, (line.as_ref(), chip), changed);
        let a = line(known.map(|known| &known.a), &encoder.a)?;
        let b = line(known.map(|known| &known.b), &encoder.b)?;
        let detent = encoder.detent.or(known.map(|known| known.detent)).unwrap_or_default();
        self.plan.encoder = Some(EncoderPlan { a, b, detent });
        Ok(())
    }

    fn wire_alarm(&mut self, wanted: &Wanted) -> Result<(), String> {
        let Some(alarm) = &wanted.alarm else { return Ok(()) };
        let known = self.plan.alarm.as_ref();
        let line = line_of(
            "[board.alarm]",
            known.map(|known| &known.line),
            (alarm.line.as_ref(), alarm.chip.as_ref().or(wanted.chip.as_ref())),
            (alarm.polarity, alarm.pull),
        )?;
        let contact = alarm.contact.or(known.map(|known| known.contact)).unwrap_or_default();
        self.plan.alarm = Some(AlarmPlan { line, contact });
        Ok(())
    }

    fn wire_led(&mut self, wanted: &Wanted) -> Result<(), String> {
        let Some(led) = &wanted.led else { return Ok(()) };
        let known = self.plan.led.as_ref();
        // An LED to ground, where nobody says otherwise.
        let polarity = led.polarity.or(known.map(|known| known.polarity)).unwrap_or(Polarity::High);
        let line = line_of(
            "[board.led]",
            known,
            (led.line.as_ref(), led.chip.as_ref().or(wanted.chip.as_ref())),
            (Some(polarity), Some(Bias::None)),
        )?;
        self.plan.led = Some(line);
        Ok(())
    }

    /// A line serves one thing.
    fn check_lines(&self) -> Result<(), String> {
        let inputs = self.plan.inputs();
        let named = inputs.iter().enumerate().map(|(input, (_, line))| (self.plan.name_of(input), *line));
        let led = self.plan.led.iter().map(|line| (LED_NAME.to_owned(), line));
        let mut used: Vec<(String, &LineSpec)> = Vec::new();
        for (name, line) in named.chain(led) {
            let is_same = |other: &LineSpec| other.chip == line.chip && other.line == line.line;
            if let Some((other, _)) = used.iter().find(|(_, other)| is_same(other)) {
                return Err(format!("[board]: {line} is {other} already; {name} needs another"));
            }
            used.push((name, line));
        }
        Ok(())
    }
}

/// What a button is called in sentences.
pub fn button_name(name: &str) -> String {
    format!("button \"{name}\"")
}

impl Meaning {
    /// What a button does; `None` if that is nothing.
    fn of(name: &str, wanted: &WantedButton) -> Result<Option<Self>, String> {
        let short = wanted.short.unwrap_or(Action::usual(name));
        let (long, double) = (wanted.long.unwrap_or_default(), wanted.double.unwrap_or_default());
        let all = [short, long, double];
        if all.iter().all(|action| *action == Action::Nothing) {
            return match wanted.short {
                None if wanted.line.is_some() => Err(format!(
                    "[board.button.{name}]: nothing says what it does; write short = \"toggle\", or another action"
                )),
                _ => Ok(None),
            };
        }
        let announcement = wanted.announcement.clone().map(Arc::from);
        if all.contains(&Action::Announce) && announcement.is_none() {
            return Err(format!("[board.button.{name}]: it announces; write announcement = \"FILE\""));
        }
        Ok(Some(Self { name: name.into(), short, long, double, announcement }))
    }

    /// How it tells its gestures apart; what means nothing costs no time.
    fn gestures(&self, wanted: &WantedButton) -> Result<Gestures, String> {
        let has_long = self.long != Action::Nothing;
        let repeats = wanted.repeat.unwrap_or(self.short.repeats() && !has_long);
        let hold = match (has_long, repeats) {
            (true, true) => {
                return Err(format!("[board.button.{}]: either long or repeat, not both", self.name));
            }
            (true, false) => Hold::Long { after_ms: orchestrion_board::button::LONG_MS },
            (false, true) => Hold::Repeat { after_ms: REPEAT_AFTER_MS, every_ms: REPEAT_EVERY_MS },
            (false, false) => Hold::Nothing,
        };
        let double_ms = (self.double != Action::Nothing).then_some(orchestrion_board::button::DOUBLE_MS);
        Ok(Gestures::new(hold, double_ms))
    }
}

fn board_of(wanted: &Wanted, root: &Path) -> Result<Board, String> {
    let name = wanted.name.as_deref().unwrap_or("none");
    let boards = Boards::built_in().and_then(|boards| boards.with_folder(wanted.boards_folder()));
    let boards = boards.map_err(|error| error.to_string())?;
    let board = if name == "auto" {
        let (board, model) = boards.find(root).map_err(|error| error.to_string())?;
        log::info!("the board: {} (model: {})", board.name, model.as_deref().unwrap_or("none is told"));
        board
    } else {
        boards.named(name).map_err(|error| format!("[board]: {error}"))?
    };
    Ok(board.clone())
}

/// All lines of a plan are on this chip.
fn move_to(chip: &str, plan: &mut Plan) {
    let buttons = plan.buttons.iter_mut().map(|button| &mut button.line);
    let encoder = plan.encoder.iter_mut().flat_map(|encoder| [&mut encoder.a, &mut encoder.b]);
    let alarm = plan.alarm.iter_mut().map(|alarm| &mut alarm.line);
    for line in buttons.chain(encoder).chain(alarm).chain(&mut plan.led) {
        line.chip = chip.to_owned();
    }
}

/// A line of the board with what the configuration changes, or one that it adds.
fn line_of(
    place: &str,
    known: Option<&LineSpec>,
    (line, chip): (Option<&LineId>, Option<&String>),
    (polarity, bias): (Option<Polarity>, Option<Bias>),
) -> Result<LineSpec, String> {
    let known_line = known.map(|known| &known.line);
    let line = line.or(known_line).ok_or_else(|| format!("{place}: the board has none; write line = …"))?;
    let chip = chip.or(known.map(|known| &known.chip));
    let chip = chip.ok_or_else(|| format!("{place}: its chip is not known; write chip = \"…\""))?;
    Ok(LineSpec {
        chip: chip.clone(),
        line: line.clone(),
        polarity: polarity.or(known.map(|known| known.polarity)).unwrap_or_default(),
        bias: bias.or(known.map(|known| known.bias)).unwrap_or_default(),
    })
}
