//! Groups by name, as `/etc/group` has them. Groups of a network directory are given by their number.

use std::io;
use std::path::Path;

const GROUPS: &str = "/etc/group";

/// The number of a group, for its name or its number as text; `None` when there is no such group.
///
/// # Errors
/// `/etc/group` cannot be read.
pub(crate) fn number_of(group: &str) -> io::Result<Option<u32>> {
    // Names need not be UTF-8 there; one strange line must not hide the others.
    let text = std::fs::read(Path::new(GROUPS))?;
    Ok(number_in(&String::from_utf8_lossy(&text), group))
}

/// A group as people call it: by its name, else by its number.
pub(crate) fn name_of(number: u32) -> String {
    let text = std::fs::read(Path::new(GROUPS)).unwrap_or_default();
    name_in(&String::from_utf8_lossy(&text), number).unwrap_or_else(|| number.to_string())
}

/// Lines are `name:password:number:members`.
fn entries(text: &str) -> impl Iterator<Item = (&str, u32)> {
    text.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let number = fields.nth(1)?.parse().ok()?;
        Some((name, number))
    })
}

fn number_in(text: &str, group: &str) -> Option<u32> {
    entries(text).find(|(name, _)| *name == group).map(|(_, number)| number).or_else(|| group.parse().ok())
}

fn name_in(text: &str, number: u32) -> Option<String> {
    entries(text).find(|(_, n)| *n == number).map(|(name, _)| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "root:x:0:\n# note\nbroken\naudio:x:29:pi,anna\norchestrion:!:998:\n77:x:500:\n";

    #[test]
    fn a_group_is_found_by_its_name_and_by_its_number() {
        assert_eq!(number_in(TEXT, "orchestrion"), Some(998));
        assert_eq!(number_in(TEXT, "1234"), Some(1234));
        assert_eq!(number_in(TEXT, "77"), Some(500), "a name goes before a number");
        assert_eq!(number_in(TEXT, "nobody-here"), None);
        assert_eq!(number_in(TEXT, ""), None);
        assert_eq!(name_in(TEXT, 29).as_deref(), Some("audio"));
        assert_eq!(name_in(TEXT, 30), None);
    }
}
