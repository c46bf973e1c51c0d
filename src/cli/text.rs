//! What the device says, as text for people. Pure.
//!
//! Titles come from the tags of files that anyone may have made: every text of the device goes through [`clean`]
//! before it reaches a terminal.

mod program;
mod release;

use std::fmt::Write;

use orchestrion_protocol::status::{
    Board, Output, QueuePage, Repeat, Screen, Server, ServerLink, Song, State, Status,
};
use serde_json::Value;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

pub use program::program;

use crate::time::{Clock, SystemClock};

/// Columns of the labels on the left.
const LABEL_COLUMNS: usize = 11;
/// What a listener must know before anything else.
pub(crate) const INAUDIBLE: &str = "no sound output: nobody hears this";

/// A text without characters that control a terminal, end a line or turn its direction.
pub fn clean(text: &str) -> String {
    text.chars()
        .filter_map(|c| match c {
            '\n' | '\r' | '\t' => Some(' '),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}' => None,
            c if c.is_control() => None,
            c => Some(c),
        })
        .collect()
}

/// How many columns of a terminal a text takes; never fewer than it does, where terminals differ.
pub fn columns(text: &str) -> usize {
    text.width().max(text.chars().map(|c| c.width().unwrap_or(0)).sum())
}

/// A text cut to a number of columns, with an ellipsis where it was cut.
pub fn fit(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    let Some(room) = width.checked_sub(1) else { return String::new() };
    let mut cut = String::new();
    for c in text.chars() {
        cut.push(c);
        if columns(&cut) > room {
            cut.pop();
            break;
        }
    }
    // A joiner without its second half would join the ellipsis.
    let mut cut = cut.trim_end_matches([' ', '\u{200d}']).to_owned();
    cut.push('…');
    cut
}

/// Milliseconds as `m:ss` or `h:mm:ss`.
pub fn clock(ms: u64) -> String {
    let seconds = ms / 1000;
    let (h, m, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if h > 0 { format!("{h}:{m:02}:{s:02}") } else { format!("{m}:{s:02}") }
}

/// A place in a song, with its end where that is known.
pub(crate) fn place(position_ms: u64, duration_ms: Option<u64>) -> String {
    match duration_ms {
        Some(duration_ms) => format!("{}/{}", clock(position_ms), clock(duration_ms)),
        None => clock(position_ms),
    }
}

/// A song as `title — artist`.
pub fn song(song: &Song) -> String {
    let title = clean(&song.title);
    match song.artist.as_deref().map(clean).filter(|artist| !artist.is_empty()) {
        Some(artist) => format!("{title} — {artist}"),
        None => title,
    }
}

/// The word for a state.
pub fn state(state: State) -> &'static str {
    match state {
        State::Playing => "playing",
        State::Paused => "paused",
        State::Stopped => "stopped",
        State::Waiting => "waiting",
        State::Closed => "closed",
    }
}

/// The word for a repeat mode.
pub fn repeat(repeat: Repeat) -> &'static str {
    match repeat {
        Repeat::Off => "off",
        Repeat::All => "all",
        Repeat::One => "one",
    }
}

/// `on` or `off`.
pub fn switch(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

/// The volume, and that it is muted if it is.
pub fn volume(status: &Status) -> String {
    format!("volume {}{}", status.volume, if status.muted { " (muted)" } else { "" })
}

/// Milliseconds as seconds without needless zeros.
pub fn seconds(ms: u32) -> String {
    format!("{} s", f64::from(ms) / 1000.0)
}

/// The status, a few aligned lines.
pub fn status(status: &Status) -> String {
    let mut text = String::new();
    let mut row = |label: &str, value: &str| {
        // Writing into a string cannot fail.
        let _ = writeln!(text, "{label:<LABEL_COLUMNS$}{value}");
    };
    let current = status.current.as_ref().map_or_else(|| "no song".to_owned(), song);
    row(state(status.state), &current);
    if let Some(song) = &status.current {
        let mut line = place(status.position_ms, song.duration_ms);
        if let Some(album) = song.album.as_deref().map(clean).filter(|album| !album.is_empty()) {
            line.push_str(&format!(", on {album}"));
        }
        row("", &line);
    }
    if let Some(why) = &status.why {
        row("why", &clean(why));
    }
    if let Some(said) = &status.said {
        row("said", &clean(said));
    }
    if let Some(refused) = &status.hands.refused {
        row("refused", &clean(refused));
    }
    for problem in &status.hands.problems {
        row("problem", &clean(problem));
    }
    if let Some(board) = &status.board {
        row("board", &board_line(board));
        for problem in &board.problems {
            row("problem", &clean(problem));
        }
    }
    if let Some(release) = &status.release {
        release::rows(release, SystemClock.now().wall, &mut row);
    }
    if let Some(screen) = &status.screen {
        row("screen", &screen_line(screen));
        for problem in screen.problem.iter().chain(&screen.bad) {
            row("", &clean(problem));
        }
    }
    if let Some(server) = &status.server {
        server_rows(server, &mut row);
    }
    row("next", &status.next.as_ref().map_or_else(|| "nothing".to_owned(), song));
    row("volume", &format!("{}{}", status.volume, if status.muted { ", muted" } else { "" }));
    output_rows(status.output.as_ref(), &mut row);
    let mode = format!(
        "crossfade {}, repeat {}, shuffle {}",
        seconds(status.crossfade_ms),
        repeat(status.repeat),
        switch(status.shuffle)
    );
    row("order", &mode);
    row("queue", &count(status.queue_len, "song", "songs"));
    if status.quarantined > 0 {
        row("", &format!("WARNING: {} passed over", count(status.quarantined, "file is", "files are")));
    }
    row(
        "device",
        &format!("Orchestrion {}, run {}, {}", clean(&status.version), status.run, plays(status.plays)),
    );
    text
}

/// The board's name and what it tells of itself.
fn board_line(board: &Board) -> String {
    let heat = board.temperature_c.map(|heat| format!("{heat:.0} °C"));
    let wear = board.wear_percent.map(|worn| format!("storage worn {worn} %"));
    [Some(clean(&board.name)), heat, wear].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// How it stands with the server; the code that somebody has to type there has a line of its own.
fn server_rows(server: &Server, row: &mut impl FnMut(&str, &str)) {
    let link = match (server.link, server.code.is_some()) {
        (_, true) => "waits to be accepted",
        (ServerLink::Connected, _) => "connected",
        (ServerLink::Connecting, _) => "connecting",
        (ServerLink::AutoConnecting, _) => "not connected, tries again",
        (ServerLink::Disconnecting, _) => "disconnecting",
        (ServerLink::Disconnected, _) => "not connected",
    };
    let known = server.device.as_deref().map(|device| format!(", as {}", clean(device))).unwrap_or_default();
    let place = server.place.as_deref().map(|place| format!(" at {}", clean(place))).unwrap_or_default();
    row("server", &format!("{}: {link}{known}{place}", clean(&server.url)));
    if let Some(code) = &server.code {
        row("code", &format!("{}, to be typed at the server by whoever accepts this device", clean(code)));
    }
    if let Some(problem) = &server.problem {
        row("", &clean(problem));
    }
}

/// Where it is and what it shows.
fn screen_line(screen: &Screen) -> String {
    let place = match (&screen.sink, &screen.size) {
        (Some(sink), Some(size)) => format!("{} at {}", clean(sink), clean(size)),
        (Some(_), None) | (None, _) => "not open".into(),
    };
    let power = match (screen.is_connected, screen.is_on) {
        (false, _) => "; no screen is connected",
        (true, false) => "; the screen itself is off",
        (true, true) => "",
    };
    let place = format!("{place}{power}");
    if screen.is_off {
        return format!("switched off by somebody; {place}");
    }
    if screen.is_dark {
        return format!("dark, as the program's hours say; {place}");
    }
    let nothing = if screen.is_splash { "the splash" } else { "nothing" };
    let shows = screen.shows.as_deref().map_or_else(|| nothing.into(), clean);
    let warning = if screen.is_fault { "WARNING: " } else { "" };
    let heard = if screen.is_heard { " with its sound" } else { "" };
    format!(
        "{warning}{shows}{heard}, of {}; {place}",
        count(screen.items, "film or picture", "films and pictures")
    )
}

fn output_rows(output: Option<&Output>, row: &mut impl FnMut(&str, &str)) {
    let Some(output) = output else {
        return row("output", "none is open yet");
    };
    if output.audible {
        row("output", &format!("{} at {} Hz", clean(&output.name), output.rate_hz));
    } else {
        row("output", &format!("{}: WARNING, {INAUDIBLE}", clean(&output.name)));
    }
    if let Some(problem) = &output.problem {
        row("", &clean(problem));
    }
}

fn plays(plays: u64) -> String {
    if plays == 1 { "1 play".to_owned() } else { format!("{plays} plays") }
}

/// A number of things.
pub(crate) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// The queue, an entry a line. What is aligned stands left of the titles, whose widths terminals disagree about.
pub fn queue(page: &QueuePage) -> String {
    if page.entries.is_empty() {
        return "the queue is empty\n".to_owned();
    }
    let digits = page.entries.iter().map(|song| song.entry.to_string().len()).max().unwrap_or(0);
    let mut text = String::new();
    for entry in &page.entries {
        let marker = if Some(entry.entry) == page.current { '>' } else { ' ' };
        let duration = entry.duration_ms.map(clock).unwrap_or_default();
        let _ = write!(text, "{marker} {:>digits$} {duration:>8}  {}", entry.entry.0, song(entry));
        if let Some(reason) = &entry.quarantined {
            let _ = write!(text, "  (passed over: {})", clean(reason));
        }
        text.push('\n');
    }
    text
}

/// The list of methods as the device gave it, which may know more of them than this program.
pub fn methods(list: &Value) -> String {
    let rows: Vec<[String; 3]> = list
        .as_array()
        .into_iter()
        .flatten()
        .map(|info| ["name", "params", "summary"].map(|key| clean(info[key].as_str().unwrap_or_default())))
        .collect();
    let widest = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let (name_len, params_len) = (widest(0), widest(1));
    let mut text = String::new();
    for [name, params, summary] in &rows {
        let _ = writeln!(text, "{name:<name_len$}  {params:<params_len$}  {summary}");
    }
    text
}

#[cfg(test)]
pub(crate) mod tests {
    use orchestrion_protocol::method::METHODS;
    use orchestrion_protocol::status::{EntryId, Hands};

    use super::*;

    pub(crate) fn a_song(entry: u64, title: &str, artist: &str) -> Song {
        Song {
            entry: EntryId(entry),
            path: format!("/music/{entry}.flac"),
            title: title.into(),
            artist: (!artist.is_empty()).then(|| artist.into()),
            album: None,
            duration_ms: Some(562_000),
            quarantined: None,
        }
    }

    pub(crate) fn a_status() -> Status {
        Status {
            protocol: orchestrion_protocol::VERSION,
            version: "0.1.0".into(),
            state: State::Playing,
            why: None,
            current: Some(a_song(12, "So What", "Miles Davis")),
            position_ms: 62_000,
            said: None,
            release: None,
            server: None,
            hands: Hands::default(),
            board: None,
            screen: None,
            next: Some(a_song(13, "Blue in Green", "Miles Davis")),
            volume: 40,
            muted: false,
            repeat: Repeat::All,
            shuffle: false,
            crossfade_ms: 2500,
            output: Some(Output {
                name: "hw:CARD=Dac".into(),
                audible: true,
                rate_hz: 48_000,
                problem: None,
            }),
            queue_len: 120,
            quarantined: 0,
            plays: 1,
            run: 7,
        }
    }

    #[test]
    fn the_status_is_aligned_and_says_all_that_matters() {
        let expected = "\
playing    So What — Miles Davis
           1:02/9:22
next       Blue in Green — Miles Davis
volume     40
output     hw:CARD=Dac at 48000 Hz
order      crossfade 2.5 s, repeat all, shuffle off
queue      120 songs
device     Orchestrion 0.1.0, run 7, 1 play
";
        assert_eq!(status(&a_status()), expected);
    }

    #[test]
    fn when_nobody_hears_it_the_status_says_so_and_why() {
        let mut silent = a_status();
        silent.state = State::Waiting;
        silent.why = Some("the disk is empty".into());
        silent.current = None;
        silent.muted = true;
        silent.quarantined = 2;
        silent.output = Some(Output {
            name: "null".into(),
            audible: false,
            rate_hz: 48_000,
            problem: Some("hw:CARD=Dac: it is unplugged".into()),
        });
        let text = status(&silent);
        for expected in [
            "waiting    no song\n",
            "why        the disk is empty\n",
            "volume     40, muted\n",
            "output     null: WARNING, no sound output: nobody hears this\n",
            "           hw:CARD=Dac: it is unplugged\n",
            "           WARNING: 2 files are passed over\n",
        ] {
            assert!(text.contains(expected), "{expected:?} in {text}");
        }
    }

    #[test]
    fn tags_cannot_control_the_terminal() {
        let evil = a_song(1, "\u{1b}]0;pwned\u{7}a\nb\u{202e}c", "\u{9b}31mx");
        assert_eq!(song(&evil), "]0;pwneda bc — 31mx");
    }

    #[test]
    fn a_text_is_cut_by_columns_and_never_inside_a_character() {
        assert_eq!(fit("music", 5), "music");
        assert_eq!(fit("music", 4), "mus…");
        assert_eq!(fit("音楽の時間", 6), "音楽…");
        assert_eq!(fit("e\u{301}e\u{301}e\u{301}", 2), "e\u{301}…");
        assert_eq!((fit("music", 1), fit("music", 0)), ("…".into(), String::new()));
        for text in ["a — b", "音 楽", "👩‍👩‍👧 family", "שלום עולם", "☺\u{fe0f}☺\u{fe0f}☺\u{fe0f}"]
        {
            for width in 0..20 {
                assert!(columns(&fit(text, width)) <= width, "{text:?} in {width}");
            }
        }
    }

    #[test]
    fn times_read_as_on_a_clock() {
        assert_eq!(
            [0, 59_999, 60_000, 3_599_000, 3_600_000].map(clock),
            ["0:00", "0:59", "1:00", "59:59", "1:00:00"]
        );
        assert_eq!(place(1000, None), "0:01");
        assert_eq!(clock(u64::MAX), "5124095576030:25:51");
    }

    #[test]
    fn the_queue_marks_the_current_entry_and_what_is_passed_over() {
        let mut damaged = a_song(101, "Freddie", "");
        damaged.quarantined = Some("damaged".into());
        damaged.duration_ms = None;
        let entries = vec![a_song(7, "So What", "Miles Davis"), damaged];
        let page = QueuePage { offset: 0, total: 2, current: Some(EntryId(7)), entries };
        let expected =
            ">   7     9:22  So What — Miles Davis\n  101           Freddie  (passed over: damaged)\n";
        assert_eq!(queue(&page), expected);
    }

    #[test]
    fn the_list_of_methods_has_all_of_them() {
        let text = methods(&serde_json::json!(METHODS));
        assert_eq!(text.lines().count(), METHODS.len());
        assert_eq!(methods(&Value::Null), "");
    }
}
