//! The picture of a week: a column a day, hours downwards by the wall clock. Plain SVG without scripts, fonts or links.

use std::fmt::{self, Write};

use super::week::{Day, Fill, Half, Piece, days};
use super::{when_text, within_text};
use crate::civil::{Absolute, DAY_MS, TimeOfDay};
use crate::program::Program;

const AXIS_WIDTH: f64 = 56.0;
/// Of a day's tiles.
const TILE_WIDTH: f64 = 140.0;
/// Of the lane beside them, in which spots at clock times are written; without such spots there is none.
const LANE_WIDTH: f64 = 134.0;
/// How far a spot's mark reaches into the tiles: not over what is written in them.
const TICK_WIDTH: f64 = 14.0;
const MARK_HEIGHT: f64 = 11.5;
const HEAD_HEIGHT: f64 = 92.0;
const HOUR_HEIGHT: f64 = 30.0;
const FOOT_LINE_HEIGHT: f64 = 18.0;
/// Letters that fit into a column, at the size in which names are written.
const NAME_CHARS: usize = 18;
/// The same in small letters.
const SMALL_CHARS: usize = 24;
/// Letters of a spot's name that fit into the lane.
const MARK_CHARS: usize = 16;
/// Letters of a line below the picture.
const NOTE_CHARS: usize = 220;
/// Spots at clock times that are drawn on a day; those beyond are counted. So many fit below each other.
const MARKS_MAX: usize = 60;
/// Other spots that are listed below; those beyond are counted.
const LISTED_MAX: usize = 10;

/// Soft colours that dark letters can be read on; dayparts take them in turn.
const COLOURS: [&str; 10] = [
    "#a7d3f0", "#f9d48b", "#b9e0b0", "#f4b6b0", "#cdbdf0", "#9fded6", "#f3c0de", "#d9d491", "#b8c7dc",
    "#f0bf95",
];
const OTHER_COLOUR: &str = "#fdf3d0";

const HEAD: &str = r##"<style>
text { font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #22282e; font-size: 12px }
.title { font-size: 19px; font-weight: 600 } .day { font-size: 14px; font-weight: 600 } .small { font-size: 10.5px }
.axis { fill: #68727c; font-size: 11px } .name { font-weight: 600 } .exception { fill: #a03c00; font-size: 11px }
.mark { fill: #7a1022; font-size: 10.5px } .unheard { fill: #8a8f94 } .closed { fill: #68727c; font-size: 11px }
</style>
<defs>
<pattern id="closed" width="8" height="8" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="8" height="8" fill="#e9ebed"/><rect width="3" height="8" fill="#dfe2e5"/></pattern>
<pattern id="turn" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(-45)"><rect width="2" height="6" fill="#c0392b" fill-opacity="0.5"/></pattern>
</defs>
"##;

/// The week that an instant is in, as a picture.
pub fn week_svg(program: &Program, from: Absolute) -> String {
    let mut svg = String::new();
    // Writing into a string cannot fail.
    let _ = draw(&mut svg, program, from);
    svg
}

fn draw(svg: &mut String, program: &Program, from: Absolute) -> fmt::Result {
    let days = days(program, from);
    let notes = notes(program, &days);
    let lane = if days.iter().any(|day| !day.marks.is_empty()) { LANE_WIDTH } else { 0.0 };
    let column_width = TILE_WIDTH + lane;
    let width = AXIS_WIDTH + 7.0 * column_width + 16.0;
    let below = HEAD_HEIGHT + 24.0 * HOUR_HEIGHT;
    let height = below + 20.0 + notes.len() as f64 * FOOT_LINE_HEIGHT;
    writeln!(
        svg,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">"#
    )?;
    svg.push_str(HEAD);
    let place = &program.document().place;
    let name = if place.name.is_empty() { place.id.as_str() } else { &place.name };
    let first = days.first().map(|day| day.date.to_string()).unwrap_or_default();
    let title = format!("{name}: the week from {first}, {}", program.document().zone.id);
    writeln!(svg, "<title>{}</title>", escaped(&title))?;
    writeln!(svg, r##"<rect width="{width}" height="{height}" fill="#ffffff"/>"##)?;
    writeln!(svg, r#"<text class="title" x="12" y="30">{}</text>"#, escaped(&shortened(&title, 90)))?;
    for (nth, day) in days.iter().enumerate() {
        column(svg, day, AXIS_WIDTH + nth as f64 * column_width, program.document().hours.screen.is_some())?;
    }
    for hour in 0..=24 {
        let y = HEAD_HEIGHT + f64::from(hour) * HOUR_HEIGHT;
        let right = AXIS_WIDTH + 7.0 * column_width;
        writeln!(svg, r##"<path d="M{AXIS_WIDTH} {y}H{right}" stroke="#22282e" stroke-opacity="0.09"/>"##)?;
        let end = AXIS_WIDTH - 8.0;
        writeln!(
            svg,
            r#"<text class="axis" x="{end}" y="{}" text-anchor="end">{hour:02}:00</text>"#,
            y + 4.0
        )?;
    }
    for (nth, day) in days.iter().enumerate() {
        marks(svg, day, AXIS_WIDTH + nth as f64 * column_width + TILE_WIDTH)?;
    }
    for (nth, note) in notes.iter().enumerate() {
        let y = below + 24.0 + nth as f64 * FOOT_LINE_HEIGHT;
        writeln!(svg, r#"<text x="{AXIS_WIDTH}" y="{y}">{}</text>"#, escaped(&shortened(note, NOTE_CHARS)))?;
    }
    svg.push_str("</svg>\n");
    Ok(())
}

fn column(svg: &mut String, day: &Day, x: f64, has_screen: bool) -> fmt::Result {
    let title = format!("{} {}", day.date.weekday().title(), day.date);
    writeln!(svg, r#"<text class="day" x="{}" y="64">{title}</text>"#, x + 6.0)?;
    if let Some(name) = &day.exception {
        let name = if name.is_empty() { "other hours" } else { name };
        let name = escaped(&shortened(name, 20));
        writeln!(svg, r#"<text class="exception" x="{}" y="82">◆ {name}</text>"#, x + 6.0)?;
    }
    let mut quiet_until = f64::MIN;
    for piece in &day.pieces {
        tile(svg, piece, x, &mut quiet_until)?;
    }
    for (from_ms, to_ms) in day.screens.iter().filter(|_| has_screen) {
        let (y, height) = extent(*from_ms, *to_ms);
        let right = x + TILE_WIDTH - 5.0;
        writeln!(svg, r##"<rect x="{right}" y="{y}" width="3" height="{height}" fill="#2b4a9b"/>"##)?;
    }
    for turn in &day.shifts {
        let (y, height) = extent(turn.from_ms, turn.to_ms);
        let fill = if turn.forward { "url(#turn)" } else { "none" };
        let width = TILE_WIDTH;
        writeln!(
            svg,
            r##"<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="{fill}" stroke="#c0392b" stroke-dasharray="4 3"/>"##
        )?;
        let said = if turn.forward { "skipped" } else { "twice" };
        let (left, line) = (x + 6.0, y + height - 4.0);
        writeln!(svg, r#"<text class="exception" x="{left}" y="{line}">{said}</text>"#)?;
    }
    writeln!(
        svg,
        r##"<rect x="{x}" y="{HEAD_HEIGHT}" width="{TILE_WIDTH}" height="{}" fill="none" stroke="#b6bcc2"/>"##,
        24.0 * HOUR_HEIGHT
    )
}

/// Top and height of a stretch on the wall.
fn extent(from_ms: i64, to_ms: i64) -> (f64, f64) {
    let y = |ms: i64| HEAD_HEIGHT + ms.clamp(0, DAY_MS) as f64 / DAY_MS as f64 * 24.0 * HOUR_HEIGHT;
    (y(from_ms), y(to_ms) - y(from_ms))
}

fn tile(svg: &mut String, piece: &Piece, x: f64, quiet_until: &mut f64) -> fmt::Result {
    let (y, height) = extent(piece.from_ms, piece.to_ms);
    let half = TILE_WIDTH / 2.0;
    let (x, width) = match piece.half {
        Half::Whole => (x, TILE_WIDTH),
        Half::Left => (x, half),
        Half::Right => (x + half, half),
    };
    let fill = match piece.fill {
        Fill::Daypart(number) => COLOURS[number.0 as usize % COLOURS.len()],
        Fill::Other => OTHER_COLOUR,
        Fill::Closed => "url(#closed)",
    };
    let stroke = if piece.fill == Fill::Closed { "none" } else { "#ffffff" };
    writeln!(
        svg,
        r#"<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="{fill}" stroke="{stroke}"/>"#
    )?;
    if height < 17.0 || piece.half != Half::Whole || y < *quiet_until {
        return Ok(());
    }
    let left = x + 6.0;
    if piece.fill == Fill::Closed {
        let name = escaped(&shortened(&piece.name, SMALL_CHARS));
        return writeln!(svg, r#"<text class="closed" x="{left}" y="{}">{name}</text>"#, y + 13.0);
    }
    let name = escaped(&shortened(&piece.name, NAME_CHARS));
    writeln!(svg, r#"<text class="name" x="{left}" y="{}">{name}</text>"#, y + 13.5)?;
    *quiet_until = y + 15.0;
    if height >= 29.0 {
        let (from, to) = (on_the_wall(piece.from_ms), on_the_wall(piece.to_ms));
        let volume = piece.volume.map(|volume| format!(" · vol {volume}")).unwrap_or_default();
        writeln!(svg, r#"<text class="small" x="{left}" y="{}">{from}–{to}{volume}</text>"#, y + 27.0)?;
        *quiet_until = y + 29.0;
    }
    if height >= 42.0 && !piece.plays.is_empty() {
        let plays = escaped(&shortened(&piece.plays, SMALL_CHARS));
        writeln!(svg, r#"<text class="small" x="{left}" y="{}">{plays}</text>"#, y + 40.0)?;
        *quiet_until = y + 42.0;
    }
    Ok(())
}

fn marks(svg: &mut String, day: &Day, x: f64) -> fmt::Result {
    let mut free_from = f64::MIN;
    for mark in day.marks.iter().take(MARKS_MAX) {
        let (y, _) = extent(mark.at_ms, mark.at_ms);
        let (class, colour) = if mark.heard { ("mark", "#a3162e") } else { ("mark unheard", "#8a8f94") };
        // Names below each other, each with a line to its moment.
        let line = y.max(free_from);
        free_from = line + MARK_HEIGHT;
        let from = x - TICK_WIDTH;
        writeln!(svg, r#"<path d="M{from} {y}H{x}" stroke="{colour}" stroke-dasharray="2 3"/>"#)?;
        writeln!(svg, r#"<path d="M{x} {y}L{} {line}" stroke="{colour}" fill="none"/>"#, x + 8.0)?;
        let text = escaped(&format!("{} {}", on_the_wall(mark.at_ms), shortened(&mark.name, MARK_CHARS)));
        // Who points at a name that was cut sees it whole.
        let title = escaped(&mark.name);
        let (left, line) = (x + 10.0, line + 3.5);
        writeln!(svg, r#"<text class="{class}" x="{left}" y="{line}">{text}<title>{title}</title></text>"#)?;
    }
    Ok(())
}

/// What the signs mean that are in the picture.
fn signs(program: &Program, days: &[Day]) -> String {
    let marks = || days.iter().flat_map(|day| &day.marks);
    let mut signs = vec!["hatched: closed", "vol: the volume, from 0 to 100, and below it the playlists"];
    if marks().any(|mark| mark.heard) {
        signs.push("red: spots at clock times");
    }
    if marks().any(|mark| !mark.heard) {
        signs.push("grey: spots that are due when they cannot be heard");
    }
    if program.document().hours.screen.is_some() {
        signs.push("blue line: the screen is on");
    }
    if days.iter().any(|day| day.exception.is_some()) {
        signs.push("◆ not the hours of the week");
    }
    signs.join(" · ")
}

/// What is said below the picture.
fn notes(program: &Program, days: &[Day]) -> Vec<String> {
    let mut notes = vec![signs(program, days)];
    let spots = &program.document().spots;
    let others: Vec<String> = spots
        .iter()
        .filter(|spot| !spot.when.needs_clock())
        .map(|spot| format!("♪ {}: {}{}", spot.title(), when_text(&spot.when), within_text(program, spot)))
        .collect();
    notes.extend(others.iter().take(LISTED_MAX).cloned());
    if others.len() > LISTED_MAX {
        notes.push(format!("and {} more spots", others.len() - LISTED_MAX));
    }
    for day in days {
        if day.marks.len() > MARKS_MAX {
            notes.push(format!("{}: {} more spots at clock times", day.date, day.marks.len() - MARKS_MAX));
        }
        for turn in &day.shifts {
            let (from, to) = (on_the_wall(turn.from_ms), on_the_wall(turn.to_ms));
            let what = if turn.forward {
                "is skipped: the clock goes forward"
            } else {
                "comes twice: the clock goes back"
            };
            notes.push(format!("{}: {from}–{to} {what}", day.date));
        }
    }
    notes
}

fn on_the_wall(ms: i64) -> TimeOfDay {
    let seconds = u32::try_from(ms / 1000).unwrap_or(0);
    TimeOfDay::from_seconds(seconds).unwrap_or(TimeOfDay::END)
}

fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// Text that cannot end its element, nor be anything that XML has no word for.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            letter if letter.is_control() || matches!(letter, '\u{fffe}' | '\u{ffff}') => {
                safe.push('\u{fffd}')
            }
            letter => safe.push(letter),
        }
    }
    safe
}
