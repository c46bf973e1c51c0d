//! The order in which people expect names: "Track 2" before "Track 10", "b" after "A". Pure.

use std::cmp::Ordering;
use std::ffi::{OsStr, OsString};
use std::iter::Peekable;
use std::os::unix::ffi::OsStrExt;
use std::str::Chars;

/// A name with what it is compared by, so that this is made once for each name and not for each comparison.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SortKey {
    folded: String,
    name: OsString,
}

impl SortKey {
    pub(super) fn new(name: &OsStr) -> Self {
        Self { folded: name.to_string_lossy().to_lowercase(), name: name.to_owned() }
    }
}

impl Ord for SortKey {
    fn cmp(&self, other: &Self) -> Ordering {
        natural(&self.folded, &other.folded).then_with(|| self.name.as_bytes().cmp(other.name.as_bytes()))
    }
}

impl PartialOrd for SortKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Compares letter by letter, and where both have digits, number by number. Digits are the ten of ASCII.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.chars().peekable(), b.chars().peekable());
    loop {
        let order = match (a.peek().copied(), b.peek().copied()) {
            (None, None) => return Ordering::Equal,
            (Some(x), Some(y)) if x.is_ascii_digit() && y.is_ascii_digit() => {
                let (x, y) = (digits(&mut a), digits(&mut b));
                // Without leading zeros the longer one is the larger one, however long: no number is computed.
                x.len().cmp(&y.len()).then_with(|| x.cmp(&y))
            }
            (x, y) => {
                a.next();
                b.next();
                x.cmp(&y)
            }
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// Takes a run of digits, and gives it without leading zeros.
fn digits(chars: &mut Peekable<Chars<'_>>) -> String {
    let mut run = String::new();
    while let Some(digit) = chars.next_if(char::is_ascii_digit) {
        if digit != '0' || !run.is_empty() {
            run.push(digit);
        }
    }
    run
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &[u8]) -> SortKey {
        SortKey::new(OsStr::from_bytes(name))
    }

    #[test]
    fn names_are_in_the_order_in_which_people_count_and_spell() {
        let tables: &[&[&[u8]]] = &[
            &[b"Track 1.mp3", b"Track 2.mp3", b"track 9.mp3", b"Track 10.mp3", b"TRACK 100.mp3"],
            // Equal numbers: the bytes decide.
            &[b"01", b"1", b"2", b"010", b"11"],
            &[b"a", b"B", b"c", b"D"],
            &[b"", b" ", b"-", b"1", b"a", b"a1", b"a1b", b"a2", b"aa", b"b"],
            &[b"1-1", b"1-2", b"1-10", b"2-1", b"10-1"],
            &[b"9", b"99999999999999999999999999999999999998", b"99999999999999999999999999999999999999"],
            &["ÄRGER 2".as_bytes(), "ärger 10".as_bytes()],
            &[b"same", b"same 0", b"same 00"],
            &[b"\xe9 2", b"\xe9 10"],
        ];
        for table in tables {
            let mut sorted: Vec<SortKey> = table.iter().rev().map(|name| key(name)).collect();
            sorted.sort();
            let expected: Vec<SortKey> = table.iter().map(|name| key(name)).collect();
            assert_eq!(sorted, expected);
        }
    }

    #[test]
    fn any_three_names_agree_on_their_order() {
        let parts: [&[u8]; 10] = [b"", b"0", b"00", b"1", b"01", b"10", b"a", b"A", b"\xff", b"-"];
        let names: Vec<SortKey> =
            parts.iter().flat_map(|a| parts.iter().map(move |b| key(&[*a, *b].concat()))).collect();
        for a in &names {
            for b in &names {
                assert_eq!(a.cmp(b), b.cmp(a).reverse());
                assert_eq!(a.cmp(b) == Ordering::Equal, a.name == b.name);
                for c in names.iter().filter(|c| b <= *c && a <= b) {
                    assert!(a <= c, "{a:?} {b:?} {c:?}");
                }
            }
        }
    }
}
