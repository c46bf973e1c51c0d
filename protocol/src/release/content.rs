//! What a file is by its first bytes, as far as it is for a screen. Its name says nothing: files of a release have none, and `.mp4` is
//! a song's name as well as a film's.

use super::Kind;

/// Bytes from the start of a file that tell what it is.
pub const FIRST_LEN: usize = 512;
/// Bytes of a packet of an MPEG transport stream, each of which begins with the same byte.
const TS_PACKET_LEN: usize = 188;

impl Kind {
    /// Film or picture; `None` for what begins like neither. Whether it can be shown, only showing it tells.
    #[must_use]
    pub fn of_screen(first: &[u8]) -> Option<Self> {
        let has = |at: usize, bytes: &[u8]| first.get(at..).is_some_and(|rest| rest.starts_with(bytes));
        let riff = |form: &[u8]| has(0, b"RIFF") && has(8, form);
        let is_picture = has(0, b"\x89PNG\r\n\x1a\n")
            || has(0, b"\xff\xd8\xff")
            || has(0, b"GIF8")
            || has(0, b"BM")
            || riff(b"WEBP");
        if is_picture {
            return Some(Self::Picture);
        }
        let movie = [b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"];
        let is_film = movie.iter().any(|name| has(4, *name))
            // Matroska and WebM.
            || has(0, b"\x1a\x45\xdf\xa3")
            || riff(b"AVI ")
            || has(0, b"OggS")
            || has(0, b"FLV")
            // ASF.
            || has(0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11")
            // MPEG program and elementary streams.
            || has(0, b"\x00\x00\x01\xba")
            || has(0, b"\x00\x00\x01\xb3")
            || has(0, b"G") && has(TS_PACKET_LEN, b"G")
            // Blu-ray's, with a time before each packet.
            || has(4, b"G") && has(TS_PACKET_LEN + 8, b"G");
        is_film.then_some(Self::Film)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn films_and_pictures_are_told_by_their_first_bytes_and_what_is_neither_is_not() {
        let mut stream = vec![0; FIRST_LEN];
        (stream[0], stream[TS_PACKET_LEN]) = (b'G', b'G');
        for film in [&b"\0\0\0\x20ftypisom"[..], b"\x1a\x45\xdf\xa3\x01", b"RIFF\0\0\0\0AVI LIST", &stream] {
            assert_eq!(Kind::of_screen(film), Some(Kind::Film), "{film:?}");
        }
        for picture in [&b"\x89PNG\r\n\x1a\n\0"[..], b"\xff\xd8\xff\xe0", b"GIF89a", b"RIFF\0\0\0\0WEBPVP8 "]
        {
            assert_eq!(Kind::of_screen(picture), Some(Kind::Picture), "{picture:?}");
        }
        for neither in [&b"RIFF\0\0\0\0WAVEfmt "[..], b"fLaC", b"This is no film.", b"", b"G"] {
            assert_eq!(Kind::of_screen(neither), None, "{neither:?}");
        }
    }
}
