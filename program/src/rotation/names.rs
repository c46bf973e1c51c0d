//! When two names mean the same artist or the same album.

/// Artists of one recording that count; more are a list of an orchestra, not of artists.
pub const ARTISTS_MAX: usize = 16;

/// Words after which a guest is named. "&", "and" and "with" are not among them: they are parts of bands' names.
const GUEST_WORDS: [&str; 5] = ["feat.", "feat", "ft.", "ft", "featuring"];

/// A name as it is compared: small letters, one space between words. Empty if there is nothing in it.
pub(crate) fn folded(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for word in name.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.extend(word.chars().flat_map(char::to_lowercase));
    }
    out
}

/// The artists of a recording, folded, each once, guests apart: "A feat. B" and "A (ft. B)" are A and B.
pub(crate) fn artists(names: &[String]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for name in names {
        for artist in without_guests(&folded(name)) {
            if found.len() < ARTISTS_MAX && !artist.is_empty() && !found.contains(&artist) {
                found.push(artist);
            }
        }
    }
    found
}

/// A folded name, cut at its guest words.
fn without_guests(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    // How many brackets a guest's word opened, so that only theirs are taken away.
    let mut opened = 0;
    for word in name.split(' ') {
        let bare = word.trim_start_matches(['(', '[']);
        let begins_guest = GUEST_WORDS.contains(&bare);
        // A name that begins with such a word has nobody whose guest it could be.
        if begins_guest && parts.iter().any(|part| !part.is_empty()) {
            opened += word.len() - bare.len();
            parts.push(String::new());
            continue;
        }
        let trimmed = word.trim_end_matches([')', ']']);
        let closing = (word.len() - trimmed.len()).min(opened);
        opened -= closing;
        if let Some(part) = parts.last_mut() {
            if !part.is_empty() {
                part.push(' ');
            }
            part.push_str(&word[..word.len() - closing]);
        }
    }
    parts.iter().map(|part| part.trim_matches([' ', ',']).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(names: &[&str]) -> Vec<String> {
        artists(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn guests_are_artists_of_their_own() {
        let cases: &[(&[&str], &[&str])] = &[
            (&["Nina Simone"], &["nina simone"]),
            (&["A feat. B"], &["a", "b"]),
            (&["A Featuring B"], &["a", "b"]),
            (&["A (ft. B)"], &["a", "b"]),
            (&["A [Feat B] "], &["a", "b"]),
            (&["A (x) (feat. B (y))"], &["a (x)", "b (y)"]),
            (&["A ft B, feat. C"], &["a", "b", "c"]),
            (&["Simon & Garfunkel"], &["simon & garfunkel"]),
            (&["A", "a", " A  "], &["a"]),
            (&["A  B feat. C", "C"], &["a b", "c"]),
            // Nobody's guests, and words that only look like it.
            (&["Feat. B"], &["feat. b"]),
            (&["Defeat. B"], &["defeat. b"]),
            (&["", "  "], &[]),
            (&["A feat."], &["a"]),
        ];
        for (names, expected) in cases {
            assert_eq!(split(names), *expected, "{names:?}");
        }
    }

    #[test]
    fn a_list_of_artists_has_an_end() {
        let many: Vec<String> = (0..1000).map(|n| format!("artist {n}")).collect();
        assert_eq!(artists(&many).len(), ARTISTS_MAX);
    }
}
