//! Asks an X server how large its screen is, since the sink makes a window as large as its first frame and does not
//! tell. Only the beginning of the protocol is spoken (X Window System Protocol, X.Org, section 8, "Connection Setup").

use std::env;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use orchestrion::media::screen::message::Size;

/// How long the server may take to each answer.
const ANSWER_MAX: Duration = Duration::from_secs(2);
/// Longest answer, in bytes: its length is told in 4-byte units by 16 bits.
const ANSWER_LEN_MAX: usize = 4 * 0xffff;
/// The longest file of cookies that is read, in bytes.
const COOKIES_LEN_MAX: usize = 1 << 20;
const COOKIE: &[u8] = b"MIT-MAGIC-COOKIE-1";

/// A server that has told the size of its first screen.
///
/// It is held until the sink has a connection of its own: a server that loses its last client starts anew, and refuses
/// others for that moment.
#[derive(Debug)]
pub struct Asked {
    pub size: Size,
    _stream: UnixStream,
}

/// Asks a server on this machine; `None` if it does not tell.
pub fn ask(display: &str) -> Option<Asked> {
    let number = display.strip_prefix(':')?.split('.').next()?;
    number.parse::<u16>().ok()?;
    let cookie = cookies().and_then(|bytes| cookie_of(&bytes, number.as_bytes()));
    let mut stream = UnixStream::connect(format!("/tmp/.X11-unix/X{number}")).ok()?;
    stream.set_read_timeout(Some(ANSWER_MAX)).ok()?;
    stream.set_write_timeout(Some(ANSWER_MAX)).ok()?;
    stream.write_all(&greeting(cookie.as_deref())).ok()?;
    let mut head = [0; 8];
    stream.read_exact(&mut head).ok()?;
    let len = 4 * usize::from(u16::from_le_bytes([head[6], head[7]]));
    let mut answer = vec![0; len.min(ANSWER_LEN_MAX)];
    stream.read_exact(&mut answer).ok()?;
    let size = (head[0] == 1).then(|| screen_of(&answer)).flatten()?;
    Some(Asked { size, _stream: stream })
}

/// The first words to a server: little endian, version 11.0.
fn greeting(cookie: Option<&[u8]>) -> Vec<u8> {
    let (name, cookie) = cookie.map_or((&[][..], &[][..]), |cookie| (COOKIE, cookie));
    let mut words = vec![b'l', 0, 11, 0, 0, 0];
    words.extend((name.len() as u16).to_le_bytes());
    words.extend((cookie.len() as u16).to_le_bytes());
    words.extend([0, 0]);
    for part in [name, cookie] {
        words.extend(part);
        words.resize(words.len().next_multiple_of(4), 0);
    }
    words
}

/// The size of the first screen in an answer, which goes: 32 bytes of numbers, the vendor's name, the formats of
/// pictures (8 bytes each), then the screens, each with its size at its bytes 20 to 24.
fn screen_of(answer: &[u8]) -> Option<Size> {
    let word = |at: usize| Some(u16::from_le_bytes([*answer.get(at)?, *answer.get(at + 1)?]));
    let vendor_len = usize::from(word(16)?).next_multiple_of(4);
    let formats = usize::from(*answer.get(21)?);
    let screen = 32 + vendor_len + 8 * formats;
    Size::new(word(screen + 20)?.into(), word(screen + 22)?.into())
}

fn cookies() -> Option<Vec<u8>> {
    let named = env::var_os("XAUTHORITY").map(Into::into);
    let path = named.or_else(|| Some(std::path::Path::new(&env::var_os("HOME")?).join(".Xauthority")))?;
    let mut bytes = Vec::new();
    fs::File::open(path).ok()?.take(COOKIES_LEN_MAX as u64).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// The cookie for a display in a file of them: records of a family, then four counted strings (address, number, name, data;
/// xauth(1), Xau's `Xauth.h`), lengths in big endian.
fn cookie_of(bytes: &[u8], number: &[u8]) -> Option<Vec<u8>> {
    let mut rest = bytes;
    loop {
        rest = rest.get(2..)?;
        let mut fields: [&[u8]; 4] = [&[]; 4];
        for field in &mut fields {
            let len = usize::from(u16::from_be_bytes(*rest.first_chunk()?));
            *field = rest.get(2..2 + len)?;
            rest = &rest[2 + len..];
        }
        let [_, display, name, data] = fields;
        if name == COOKIE && (display == number || display.is_empty()) {
            return Some(data.to_vec());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_is_found_behind_the_vendor_and_the_formats() {
        let mut answer = vec![0; 32];
        answer[16] = 5;
        answer[21] = 2;
        answer.extend(b"ACME!\0\0\0");
        answer.extend([0; 16]);
        let mut screen = [0; 40];
        screen[20..24].copy_from_slice(&[0x80, 0x07, 0x38, 0x04]);
        answer.extend(screen);
        assert_eq!(screen_of(&answer), Size::new(1920, 1080));
        for len in 0..answer.len() {
            let _ = screen_of(&answer[..len]);
        }
        assert_eq!(screen_of(&answer[..40]), None);
    }

    #[test]
    fn the_cookie_of_the_display_is_taken_and_sent() {
        let record = |display: &[u8], name: &[u8], data: &[u8]| {
            let mut bytes = vec![1, 0];
            for field in [&b"host"[..], display, name, data] {
                bytes.extend((field.len() as u16).to_be_bytes());
                bytes.extend(field);
            }
            bytes
        };
        let file =
            [record(b"1", COOKIE, b"other"), record(b"0", b"XDM", b"unknown"), record(b"0", COOKIE, b"this")]
                .concat();
        assert_eq!(cookie_of(&file, b"0").as_deref(), Some(&b"this"[..]));
        assert_eq!(cookie_of(&file, b"7"), None);
        for len in 0..file.len() {
            let _ = cookie_of(&file[..len], b"7");
        }
        let words = greeting(Some(b"this"));
        assert_eq!(words.len(), 12 + 20 + 4);
        assert_eq!(greeting(None).len(), 12);
    }

    #[test]
    fn a_server_elsewhere_is_not_asked() {
        for display in ["", "host:0", ":", ":/../x", ":99999"] {
            assert!(ask(display).is_none());
        }
    }
}
