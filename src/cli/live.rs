//! The live line: what plays, redrawn in place on a terminal; elsewhere one line for each change that lasts.

mod changes;

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use orchestrion_protocol::method::{Method, SessionMethod};
use orchestrion_protocol::status::{State, Status, Time, notification};
use serde_json::json;

use changes::Changes;

use super::client::{Client, ClientError};
use super::text::{self, INAUDIBLE, clean, columns, fit};

/// How soon the end and a new width of the terminal are noticed.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Columns where the terminal does not tell, as on a serial line.
const WIDTH_FALLBACK: usize = 80;

/// Columns kept for the title while there is something else that could go.
const TITLE_COLUMNS_MIN: usize = 16;
/// The next song is not told in fewer columns.
const NEXT_COLUMNS_MIN: usize = 14;
const GAP: &str = "  ";

const METER_CELLS: usize = 8;
/// Below this the meter is empty; half a cell is 3 dB.
const METER_FLOOR_DB: f32 = -48.0;

/// Shows what plays on standard output until `until` is set or the device goes.
///
/// # Errors
/// The device has gone or refuses. That nobody looks any more (a closed pipe) is no error.
pub fn watch(client: &mut Client, until: &AtomicBool) -> Result<(), ClientError> {
    let stdout = io::stdout();
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    let style = if stdout.is_terminal() && !dumb { Style::Line } else { Style::Log };
    follow(
        client,
        until,
        &mut Screen {
            out: stdout,
            style,
            width: terminal_width,
            shown: String::new(),
            changes: Changes::default(),
        },
    )
}

/// Writes each notification as a line of JSON until `until` is set or the device goes; the first tells the status.
///
/// # Errors
/// As [`watch`].
pub fn watch_json(client: &mut Client, until: &AtomicBool, out: &mut dyn Write) -> Result<(), ClientError> {
    client.ask(&Method::Session(SessionMethod::Subscribe))?;
    let mut next = Some((notification::STATUS_CHANGED.to_owned(), client.ask(&Method::Status)?));
    while !until.load(Ordering::Relaxed) {
        if let Some((name, params)) = next.take()
            && writeln!(out, "{}", json!({"method": name, "params": params}))
                .and_then(|()| out.flush())
                .is_err()
        {
            return Ok(());
        }
        next = client
            .next_notification(LOOK_EVERY)?
            .map(|notification| (notification.name, notification.params));
    }
    Ok(())
}

fn follow<W: Write>(
    client: &mut Client,
    until: &AtomicBool,
    screen: &mut Screen<W>,
) -> Result<(), ClientError> {
    let outcome = show_changes(client, until, screen);
    screen.leave();
    outcome
}

fn show_changes<W: Write>(
    client: &mut Client,
    until: &AtomicBool,
    screen: &mut Screen<W>,
) -> Result<(), ClientError> {
    // In this order no change is missed between the two.
    client.ask(&Method::Session(SessionMethod::Subscribe))?;
    let status = client.ask(&Method::Status)?;
    let mut status: Status = serde_json::from_value(status).map_err(|e| client.garbled(e))?;
    let mut time: Option<Time> = None;
    while !until.load(Ordering::Relaxed) {
        if screen.show(&status, time.as_ref()).is_err() {
            return Ok(());
        }
        let Some(news) = client.next_notification(LOOK_EVERY)? else { continue };
        // What a newer device adds or tells in another form is passed over; the next news may be plain again.
        match news.name.as_str() {
            notification::STATUS_CHANGED => {
                if let Ok(new) = serde_json::from_value(news.params) {
                    status = new;
                    // The level stays until the next one is told, else the meter would flicker.
                    if let Some(time) = &mut time {
                        time.position_ms = status.position_ms;
                    }
                }
            }
            notification::TIME_CHANGED => time = serde_json::from_value(news.params).ok().or(time),
            _ => {}
        }
    }
    Ok(())
}

/// How the place where it is shown works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// A terminal: one line, drawn over itself.
    Line,
    /// A file, a pipe or a log: a line for each change that lasts.
    Log,
}

struct Screen<W> {
    out: W,
    style: Style,
    width: fn() -> usize,
    /// What stands on the line now.
    shown: String,
    /// What the log was told.
    changes: Changes,
}

impl<W: Write> Screen<W> {
    fn show(&mut self, status: &Status, time: Option<&Time>) -> io::Result<()> {
        match self.style {
            Style::Line => {
                // A full last column would make some terminals go on to the next line.
                let line = render(status, time, (self.width)().saturating_sub(1));
                if line == self.shown {
                    return Ok(());
                }
                write!(self.out, "\r{line}\x1b[K")?;
                self.shown = line;
            }
            Style::Log => {
                for line in self.changes.lines(status, Instant::now()) {
                    writeln!(self.out, "{line}")?;
                }
            }
        }
        self.out.flush()
    }

    /// Leaves the terminal as it was: an empty line with the cursor at its start.
    fn leave(&mut self) {
        if self.style == Style::Line && !self.shown.is_empty() {
            // Whoever has closed the terminal does not need it tidy.
            let _ = write!(self.out, "\r\x1b[K").and_then(|()| self.out.flush());
        }
    }
}

/// Columns of the terminal that `of` is.
pub(super) fn width_of(of: impl std::os::fd::AsFd) -> usize {
    match rustix::termios::tcgetwinsize(of) {
        Ok(size) if size.ws_col > 0 => usize::from(size.ws_col),
        _ => WIDTH_FALLBACK,
    }
}

fn terminal_width() -> usize {
    width_of(io::stdout())
}

fn subject(status: &Status) -> String {
    match (&status.current, &status.why) {
        (Some(song), _) => text::song(song),
        (None, Some(why)) => clean(why),
        (None, None) => "no song".to_owned(),
    }
}

fn is_inaudible(status: &Status) -> bool {
    status.output.as_ref().is_some_and(|output| !output.audible)
}

/// The live line, in at most `width` columns. What matters least goes first when there is no room for all.
pub fn render(status: &Status, time: Option<&Time>, width: usize) -> String {
    let time = time.filter(|time| status.current.as_ref().is_some_and(|song| song.entry == time.entry));
    let lead = if status.state == State::Playing { "♪" } else { text::state(status.state) };
    let title = match &status.why {
        // Whoever waits wants to know for what, more than what it would play.
        Some(why) if status.state == State::Waiting => clean(why),
        _ => subject(status),
    };
    let warning = if is_inaudible(status) { INAUDIBLE } else { "" };
    let mut room = width.saturating_sub(columns(lead) + GAP.len() + columns(&title).min(TITLE_COLUMNS_MIN));
    let mut take = |part: String| {
        let needed = columns(&part) + GAP.len();
        if part.is_empty() || needed > room {
            return String::new();
        }
        room -= needed;
        part
    };
    // In the order of importance, which is not the order on the line.
    let warning = take(warning.to_owned());
    let place = take(place(status, time));
    let volume = take(if status.muted { "muted".to_owned() } else { format!("vol {}", status.volume) });
    let meter = take(if is_inaudible(status) { String::new() } else { meter(status, time) });

    let title = fit(&title, room + columns(&title).min(TITLE_COLUMNS_MIN));
    let parts = [lead, &title, &place, &meter, &volume, &warning];
    let mut line = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(GAP);
    let left = width.saturating_sub(columns(&line) + GAP.len());
    if let Some(next) = status.next.as_ref().filter(|_| left >= NEXT_COLUMNS_MIN) {
        line.push_str(GAP);
        line.push_str(&fit(&format!("next: {}", text::song(next)), left));
    }
    fit(&line, width)
}

fn place(status: &Status, time: Option<&Time>) -> String {
    let Some(song) = &status.current else { return String::new() };
    match time {
        Some(time) => text::place(time.position_ms, time.duration_ms.or(song.duration_ms)),
        None => text::place(status.position_ms, song.duration_ms),
    }
}

/// A bar of full and half blocks: also the plain console of a board has these two.
fn meter(status: &Status, time: Option<&Time>) -> String {
    let Some(time) = time.filter(|_| status.state == State::Playing) else { return String::new() };
    let level = time.level_db.filter(|db| db.is_finite()).unwrap_or(METER_FLOOR_DB);
    let share = ((level - METER_FLOOR_DB) / -METER_FLOOR_DB).clamp(0.0, 1.0);
    let halves = (share * (2 * METER_CELLS) as f32).round() as usize;
    let bar = "█".repeat(halves / 2) + if halves % 2 == 1 { "▌" } else { "" };
    format!("▐{bar:<METER_CELLS$}▌")
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::thread;

    use orchestrion_protocol::rpc::{Id, notification_line, parse_request, response_line};
    use orchestrion_protocol::status::{EntryId, Output};

    use super::super::text::tests::{a_song, a_status};
    use super::*;

    fn a_time(position_ms: u64, level_db: Option<f32>) -> Time {
        Time { entry: EntryId(12), position_ms, duration_ms: None, level_db }
    }

    #[test]
    fn the_line_tells_everything_where_there_is_room() {
        let line = render(&a_status(), Some(&a_time(63_000, Some(-12.0))), 120);
        let expected =
            "♪  So What — Miles Davis  1:03/9:22  ▐██████  ▌  vol 40  next: Blue in Green — Miles Davis";
        assert_eq!(line, expected);
    }

    #[test]
    fn the_line_is_never_wider_than_the_terminal_and_loses_what_matters_least() {
        let mut status = a_status();
        status.current =
            Some(a_song(12, "音楽の時間 \u{1b}[31m — a very long title of a very long song", "誰か"));
        let time = a_time(63_000, Some(-3.0));
        for width in 0..200 {
            for inaudible in [false, true] {
                status.output.as_mut().unwrap().audible = !inaudible;
                let line = render(&status, Some(&time), width);
                assert!(columns(&line) <= width, "{width}: {line}");
                assert!(!line.contains('\u{1b}'));
                assert_eq!(line.contains(INAUDIBLE), inaudible && width >= 55, "{width}: {line}");
            }
        }
        assert_eq!(render(&a_status(), Some(&time), 40), "♪  So What — Miles D…  1:03/9:22  vol 40");
        assert_eq!(render(&a_status(), Some(&time), 21), "♪  So What — Miles D…");
    }

    #[test]
    fn a_device_that_nobody_hears_says_so_and_shows_no_level() {
        let mut status = a_status();
        status.output = Some(Output { name: "null".into(), audible: false, rate_hz: 48_000, problem: None });
        let line = render(&status, Some(&a_time(0, Some(-3.0))), 100);
        assert!(line.contains(INAUDIBLE) && !line.contains('█'), "{line}");
    }

    #[test]
    fn what_does_not_play_says_why_and_shows_no_level() {
        let mut status = a_status();
        status.state = State::Paused;
        status.muted = true;
        assert_eq!(
            render(&status, Some(&a_time(5_000, Some(-3.0))), 66),
            "paused  So What — Miles Davis  0:05/9:22  muted  next: Blue in Gr…"
        );
        status.state = State::Waiting;
        status.why = Some("the disk is empty".into());
        status.current = None;
        status.next = None;
        assert_eq!(render(&status, None, 80), "waiting  the disk is empty  muted");
    }

    #[test]
    fn the_time_of_another_song_is_not_shown() {
        let mut time = a_time(500_000, Some(-3.0));
        time.entry = EntryId(11);
        assert!(render(&a_status(), Some(&time), 80).contains("  1:02/9:22  vol"), "the status's own place");
    }

    #[test]
    fn the_meter_is_as_wide_at_any_level() {
        let status = a_status();
        for level in [None, Some(f32::NAN), Some(-200.0), Some(-46.6), Some(-20.0), Some(0.0), Some(30.0)] {
            assert_eq!(columns(&meter(&status, Some(&a_time(0, level)))), METER_CELLS + 2, "{level:?}");
        }
        assert_eq!(meter(&status, Some(&a_time(0, Some(0.0)))), "▐████████▌");
        assert_eq!(meter(&status, Some(&a_time(0, Some(-46.6)))), "▐        ▌");
        assert_eq!(meter(&status, Some(&a_time(0, Some(-46.4)))), "▐▌       ▌");
    }

    /// A device that answers `subscribe` and `status`, says `news` and goes.
    fn device_with(news: Vec<String>) -> (tempfile::TempDir, Client) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let listener = UnixListener::bind(&path).unwrap();
        thread::spawn(move || {
            use std::io::{BufRead, BufReader};
            let (mut stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            for _ in 0..2 {
                let request = parse_request(lines.next().unwrap().unwrap().as_bytes()).unwrap();
                let answer = response_line(&request.id.unwrap_or(Id::Null), &Ok(json!(a_status())));
                writeln!(stream, "{answer}").unwrap();
            }
            news.iter().for_each(|line| writeln!(stream, "{line}").unwrap());
        });
        let client = Client::connect(Some(&path)).unwrap();
        (folder, client)
    }

    fn news() -> Vec<String> {
        let mut second = a_status();
        second.current = Some(a_song(13, "Blue in Green", "Miles Davis"));
        let mut louder = second.clone();
        louder.volume = 50;
        vec![
            notification_line(notification::TIME_CHANGED, &a_time(63_000, None)),
            notification_line("FromTheFuture", &json!({"x": 1})),
            notification_line(notification::STATUS_CHANGED, &json!({"not": "a status"})),
            notification_line(notification::STATUS_CHANGED, &second),
            notification_line(notification::STATUS_CHANGED, &louder),
        ]
    }

    fn shown(style: Style) -> String {
        let (_folder, mut client) = device_with(news());
        let mut screen = Screen {
            out: Vec::new(),
            style,
            width: || 81,
            shown: String::new(),
            changes: Changes::default(),
        };
        let outcome = follow(&mut client, &AtomicBool::new(false), &mut screen);
        assert!(matches!(outcome, Err(ClientError::Closed)));
        String::from_utf8(screen.out).unwrap()
    }

    #[test]
    fn in_a_log_there_is_one_line_for_each_change() {
        let expected = "playing: So What — Miles Davis (9:22)\nplaying: Blue in Green — Miles Davis (9:22)\n";
        assert_eq!(shown(Style::Log), expected);
    }

    #[test]
    fn on_a_terminal_the_line_is_drawn_over_and_gone_at_the_end() {
        let text = shown(Style::Line);
        let drawn: Vec<&str> = text.split('\r').skip(1).collect();
        assert_eq!(drawn.len(), 5, "{text}");
        assert!(drawn.iter().all(|line| line.ends_with("\u{1b}[K")) && !text.contains('\n'));
        assert!(drawn[1].contains("1:03/9:22") && drawn[3].contains("vol 50"));
        assert_eq!(drawn.last(), Some(&"\u{1b}[K"));
    }

    #[test]
    fn watching_ends_when_it_is_told_to_or_nobody_looks_any_more() {
        let (_folder, mut client) = device_with(news());
        assert!(watch_json(&mut client, &AtomicBool::new(true), &mut Vec::new()).is_ok());

        struct ClosedPipe;
        impl Write for ClosedPipe {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (_folder, mut client) = device_with(news());
        assert!(watch_json(&mut client, &AtomicBool::new(false), &mut ClosedPipe).is_ok());
        let (_folder, mut client) = device_with(news());
        let mut screen = Screen {
            out: ClosedPipe,
            style: Style::Log,
            width: || 81,
            shown: String::new(),
            changes: Changes::default(),
        };
        assert!(follow(&mut client, &AtomicBool::new(false), &mut screen).is_ok());
    }

    #[test]
    fn as_json_every_notification_is_a_line() {
        let (_folder, mut client) = device_with(news());
        let mut out = Vec::new();
        let outcome = watch_json(&mut client, &AtomicBool::new(false), &mut out);
        assert!(matches!(outcome, Err(ClientError::Closed)));
        let names: Vec<serde_json::Value> = String::from_utf8(out)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["method"].clone())
            .collect();
        let changed = notification::STATUS_CHANGED;
        let expected = [changed, notification::TIME_CHANGED, "FromTheFuture", changed, changed, changed];
        assert_eq!(names, expected);
    }
}
