//! The messages between the daemon and `orchestrion-media`: a fixed header, then bytes.
//!
//! | bytes | header |
//! | --- | --- |
//! | 0–3 | `OMED` |
//! | 4–5 | version, little endian, as all numbers are |
//! | 6–7 | kind |
//! | 8–11 | length of what follows, at most [`PAYLOAD_LEN_MAX`] |
//!
//! Both sides parse strictly: an unknown kind, a wrong length or an impossible value is [`Nonsense`], after which the
//! other is not listened to any more. The two programs are built and installed together, so that versions need only
//! be told apart, not be bridged.

use super::Format;

/// How every message begins.
pub const MAGIC: [u8; 4] = *b"OMED";
/// What is spoken here.
pub const VERSION: u16 = 1;
/// Bytes before the payload.
pub const HEADER_LEN: usize = 12;
/// Bytes of a payload, at most: 64 KiB are 170 ms of stereo at 48 kHz.
pub const PAYLOAD_LEN_MAX: usize = 64 * 1024;
/// Bytes of an error's words, at most.
pub const WORDS_LEN_MAX: usize = 512;
/// The lowest rate in Hz.
pub const RATE_HZ_MIN: u32 = 4_000;
/// The highest rate in Hz.
pub const RATE_HZ_MAX: u32 = 384_000;
/// The most channels.
pub const CHANNELS_MAX: u16 = 8;
/// A longer file is a lie: 100 days.
pub const DURATION_MS_MAX: u64 = 100 * 24 * 3_600_000;

const OPEN: u16 = 1;
const SEEK: u16 = 2;
const HELLO: u16 = 16;
const FORMAT: u16 = 17;
const SAMPLES: u16 = 18;
const SOUGHT: u16 = 19;
const END: u16 = 20;
const FAILED: u16 = 21;

const UNKNOWN: u16 = 0;
const PROMISED: u16 = 1;
const ESTIMATED: u16 = 2;

/// A message that is against the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Nonsense {
    /// It does not begin as messages do.
    #[error("this is no message")]
    Magic,
    /// Another version of the rules.
    #[error("it speaks version {0}, this is version {VERSION}: install both programs from one package")]
    Version(u16),
    /// Longer than any message.
    #[error("a message of {0} bytes, {PAYLOAD_LEN_MAX} at most")]
    TooLong(u32),
    /// A kind that does not exist in this direction.
    #[error("a message of kind {0}")]
    Kind(u16),
    /// Not as long as its kind must be.
    #[error("a message of kind {kind} with {len} bytes")]
    Len {
        /// Its kind.
        kind: u16,
        /// Bytes of its payload.
        len: usize,
    },
    /// A value that cannot be.
    #[error("{0}")]
    Value(&'static str),
    /// A good message at the wrong time.
    #[error("{0} out of turn")]
    OutOfTurn(&'static str),
}

/// From the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Decode the file whose descriptor travels with this message. It is the first message, and comes once.
    Open,
    /// Go on from another place.
    Seek {
        /// Rises with each seek; the answer repeats it.
        serial: u32,
        /// The place, from the start of the file.
        position_ms: u64,
    },
}

/// From `orchestrion-media`.
#[derive(Debug, Clone, PartialEq)]
pub enum Event<'a> {
    /// It runs. The first message, once.
    Hello,
    /// The samples from here on are like this.
    Format {
        /// Rate and channels.
        format: Format,
        /// How long the file is.
        duration: Option<Lasts>,
    },
    /// Sound, whole frames.
    Samples(Samples<'a>),
    /// What follows is from the place that was asked for.
    Sought {
        /// The seek's.
        serial: u32,
        /// The first frame that follows, counted from the start of the file.
        position_frames: u64,
    },
    /// There is no more, until a seek.
    End,
    /// It cannot, in words. The last message.
    Failed(&'a str),
}

/// How long a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lasts {
    /// It says so itself, in milliseconds.
    Promised(u64),
    /// It says nothing (a bare stream of packets); so many milliseconds if it goes on as it begins.
    Estimated(u64),
}

impl Lasts {
    /// Milliseconds.
    #[must_use]
    pub fn ms(self) -> u64 {
        match self {
            Self::Promised(ms) | Self::Estimated(ms) => ms,
        }
    }
}

/// Interleaved 32 bit floats, little endian, not yet decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Samples<'a>(&'a [u8]);

impl<'a> Samples<'a> {
    /// How many.
    #[must_use]
    pub fn count(self) -> usize {
        self.0.len() / 4
    }

    /// Each of them. They may be any float, also no number.
    pub fn iter(self) -> impl Iterator<Item = f32> + 'a {
        self.0.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes))
    }
}

/// The header of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    kind: u16,
    /// Bytes that follow.
    pub len: usize,
}

impl Header {
    /// Reads a header.
    ///
    /// # Errors
    /// It is none, of another version, or promises too much.
    pub fn parse(bytes: &[u8; HEADER_LEN]) -> Result<Self, Nonsense> {
        let [m0, m1, m2, m3, v0, v1, k0, k1, l0, l1, l2, l3] = *bytes;
        if [m0, m1, m2, m3] != MAGIC {
            return Err(Nonsense::Magic);
        }
        let version = u16::from_le_bytes([v0, v1]);
        if version != VERSION {
            return Err(Nonsense::Version(version));
        }
        let len = u32::from_le_bytes([l0, l1, l2, l3]);
        if len as usize > PAYLOAD_LEN_MAX {
            return Err(Nonsense::TooLong(len));
        }
        Ok(Self { kind: u16::from_le_bytes([k0, k1]), len: len as usize })
    }
}

/// Appends a header for `len` bytes of payload, which is within the limit.
fn header(kind: u16, len: usize, out: &mut Vec<u8>) {
    out.extend(MAGIC);
    out.extend(VERSION.to_le_bytes());
    out.extend(kind.to_le_bytes());
    out.extend((len as u32).to_le_bytes());
}

impl Command {
    /// Bytes of the payload of [`Command::Open`]: none, the descriptor is all.
    pub const OPEN_LEN: usize = HEADER_LEN;

    /// Appends the message.
    pub fn encode(self, out: &mut Vec<u8>) {
        match self {
            Self::Open => header(OPEN, 0, out),
            Self::Seek { serial, position_ms } => {
                header(SEEK, 12, out);
                out.extend(serial.to_le_bytes());
                out.extend(position_ms.to_le_bytes());
            }
        }
    }

    /// Reads a payload.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(header: Header, payload: &[u8]) -> Result<Self, Nonsense> {
        match header.kind {
            OPEN => match payload {
                [] => Ok(Self::Open),
                _ => Err(Nonsense::Len { kind: OPEN, len: payload.len() }),
            },
            SEEK => {
                let mut rest = Fields { kind: SEEK, len: payload.len(), rest: payload };
                let serial = u32::from_le_bytes(rest.take()?);
                let position_ms = u64::from_le_bytes(rest.take()?);
                rest.end()?;
                if position_ms > DURATION_MS_MAX {
                    return Err(Nonsense::Value("a seek beyond everything"));
                }
                Ok(Self::Seek { serial, position_ms })
            }
            kind => Err(Nonsense::Kind(kind)),
        }
    }
}

impl<'a> Event<'a> {
    /// Appends the message. Words that are too long are cut.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Hello => header(HELLO, 0, out),
            Self::Format { format, duration } => {
                let (kind, ms) = match duration {
                    None => (UNKNOWN, 0),
                    Some(Lasts::Promised(ms)) => (PROMISED, *ms),
                    Some(Lasts::Estimated(ms)) => (ESTIMATED, *ms),
                };
                header(FORMAT, 16, out);
                out.extend(format.rate_hz.to_le_bytes());
                out.extend(format.channels.to_le_bytes());
                out.extend(kind.to_le_bytes());
                out.extend(ms.to_le_bytes());
            }
            Self::Samples(samples) => {
                header(SAMPLES, samples.0.len(), out);
                out.extend(samples.0);
            }
            Self::Sought { serial, position_frames } => {
                header(SOUGHT, 12, out);
                out.extend(serial.to_le_bytes());
                out.extend(position_frames.to_le_bytes());
            }
            Self::End => header(END, 0, out),
            Self::Failed(words) => {
                let words = &words[..words.floor_char_boundary(WORDS_LEN_MAX)];
                header(FAILED, words.len(), out);
                out.extend(words.as_bytes());
            }
        }
    }

    /// Reads a payload.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(header: Header, payload: &'a [u8]) -> Result<Self, Nonsense> {
        let (kind, len) = (header.kind, payload.len());
        let mut rest = Fields { kind, len, rest: payload };
        match kind {
            HELLO => rest.end().map(|()| Self::Hello),
            FORMAT => {
                let rate_hz = u32::from_le_bytes(rest.take()?);
                let channels = u16::from_le_bytes(rest.take()?);
                let (kind, ms) = (u16::from_le_bytes(rest.take()?), u64::from_le_bytes(rest.take()?));
                rest.end()?;
                let duration = match kind {
                    UNKNOWN => None,
                    PROMISED => Some(Lasts::Promised(ms)),
                    ESTIMATED => Some(Lasts::Estimated(ms)),
                    _ => return Err(Nonsense::Value("a kind of duration that does not exist")),
                };
                if !(RATE_HZ_MIN..=RATE_HZ_MAX).contains(&rate_hz) {
                    return Err(Nonsense::Value("a rate that cannot be"));
                }
                if !(1..=CHANNELS_MAX).contains(&channels) {
                    return Err(Nonsense::Value("a number of channels that cannot be"));
                }
                if ms > DURATION_MS_MAX {
                    return Err(Nonsense::Value("a duration that cannot be"));
                }
                Ok(Self::Format { format: Format { rate_hz, channels }, duration })
            }
            SAMPLES if len > 0 && len.is_multiple_of(4) => Ok(Self::Samples(Samples(payload))),
            SOUGHT => {
                let serial = u32::from_le_bytes(rest.take()?);
                let position_frames = u64::from_le_bytes(rest.take()?);
                rest.end()?;
                Ok(Self::Sought { serial, position_frames })
            }
            END => rest.end().map(|()| Self::End),
            FAILED if len <= WORDS_LEN_MAX => str::from_utf8(payload)
                .map(Self::Failed)
                .map_err(|_| Nonsense::Value("words that are no text")),
            SAMPLES | FAILED => Err(Nonsense::Len { kind, len }),
            _ => Err(Nonsense::Kind(kind)),
        }
    }
}

/// Splits floats into messages of whole frames and appends them to `out`.
///
/// `bytes` are 32 bit floats, little endian, interleaved; what is no whole frame at their end is dropped.
pub fn encode_samples(bytes: &[u8], channels: u16, mut send: impl FnMut(Event<'_>)) {
    let frame_len = usize::from(channels.max(1)) * 4;
    let chunk_len = PAYLOAD_LEN_MAX - PAYLOAD_LEN_MAX % frame_len;
    let whole = &bytes[..bytes.len() - bytes.len() % frame_len];
    whole.chunks(chunk_len).for_each(|chunk| send(Event::Samples(Samples(chunk))));
}

/// What is left of a payload.
struct Fields<'a> {
    kind: u16,
    len: usize,
    rest: &'a [u8],
}

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], Nonsense> {
        let (field, rest) =
            self.rest.split_first_chunk().ok_or(Nonsense::Len { kind: self.kind, len: self.len })?;
        self.rest = rest;
        Ok(*field)
    }

    fn end(self) -> Result<(), Nonsense> {
        if self.rest.is_empty() { Ok(()) } else { Err(Nonsense::Len { kind: self.kind, len: self.len }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(message: &[u8]) -> (Result<Header, Nonsense>, &[u8]) {
        let (head, payload) = message.split_first_chunk().unwrap();
        (Header::parse(head), payload)
    }

    #[test]
    fn every_message_comes_back_as_it_went() {
        let floats: Vec<u8> = [0.25f32, -1.0].iter().flat_map(|x| x.to_le_bytes()).collect();
        let events = [
            Event::Hello,
            Event::Format {
                format: Format { rate_hz: 44_100, channels: 2 },
                duration: Some(Lasts::Promised(3000)),
            },
            Event::Format {
                format: Format { rate_hz: 44_100, channels: 6 },
                duration: Some(Lasts::Estimated(0)),
            },
            Event::Format { format: Format { rate_hz: 8000, channels: 1 }, duration: None },
            Event::Samples(Samples(&floats)),
            Event::Sought { serial: 7, position_frames: 1 << 40 },
            Event::End,
            Event::Failed("žádný"),
        ];
        for event in events {
            let mut bytes = Vec::new();
            event.encode(&mut bytes);
            let (header, payload) = split(&bytes);
            assert_eq!(header.unwrap().len, payload.len());
            assert_eq!(Event::parse(header.unwrap(), payload), Ok(event));
        }
        for command in [Command::Open, Command::Seek { serial: 3, position_ms: 90_000 }] {
            let mut bytes = Vec::new();
            command.encode(&mut bytes);
            let (header, payload) = split(&bytes);
            assert_eq!(Command::parse(header.unwrap(), payload), Ok(command));
        }
    }

    #[test]
    fn what_is_against_the_rules_is_named() {
        let header = |kind: u16, len: u32| {
            let mut bytes = MAGIC.to_vec();
            bytes.extend(VERSION.to_le_bytes());
            bytes.extend(kind.to_le_bytes());
            bytes.extend(len.to_le_bytes());
            Header::parse(bytes.first_chunk().unwrap())
        };
        assert_eq!(Header::parse(b"RIFF\0\0\0\0WAVE"), Err(Nonsense::Magic));
        assert_eq!(Header::parse(b"OMED\x02\0\x10\0\0\0\0\0"), Err(Nonsense::Version(2)));
        assert_eq!(header(SAMPLES, 65_537), Err(Nonsense::TooLong(65_537)));
        let parse = |kind: u16, payload: &[u8]| Event::parse(header(kind, 0).unwrap(), payload).unwrap_err();
        assert_eq!(parse(99, &[]), Nonsense::Kind(99));
        assert_eq!(parse(OPEN, &[]), Nonsense::Kind(OPEN));
        assert_eq!(parse(SAMPLES, &[0; 7]), Nonsense::Len { kind: SAMPLES, len: 7 });
        assert_eq!(parse(SAMPLES, &[]), Nonsense::Len { kind: SAMPLES, len: 0 });
        assert_eq!(parse(END, &[0]), Nonsense::Len { kind: END, len: 1 });
        assert_eq!(parse(FAILED, &[b'x'; 513]), Nonsense::Len { kind: FAILED, len: 513 });
        assert_eq!(parse(FAILED, &[0xFF]), Nonsense::Value("words that are no text"));
        let format = |rate_hz: u32, channels: u16, ms: u64| {
            [&rate_hz.to_le_bytes()[..], &channels.to_le_bytes(), &PROMISED.to_le_bytes(), &ms.to_le_bytes()]
                .concat()
        };
        assert_eq!(parse(FORMAT, &format(0, 2, 0)), Nonsense::Value("a rate that cannot be"));
        assert_eq!(
            parse(FORMAT, &format(44_100, 9, 0)),
            Nonsense::Value("a number of channels that cannot be")
        );
        assert_eq!(
            parse(FORMAT, &format(44_100, 2, u64::MAX - 1)),
            Nonsense::Value("a duration that cannot be")
        );
    }

    #[test]
    fn long_words_are_cut_between_characters() {
        let mut bytes = Vec::new();
        Event::Failed(&"ž".repeat(400)).encode(&mut bytes);
        assert_eq!(bytes.len(), HEADER_LEN + 512);
        let mut bytes = Vec::new();
        Event::Failed(&format!("x{}", "ž".repeat(400))).encode(&mut bytes);
        assert_eq!(bytes.len(), HEADER_LEN + 511);
    }

    #[test]
    fn sound_is_cut_into_messages_of_whole_frames() {
        let bytes = vec![0u8; 6 * 4 * 20_000 + 5];
        let mut counts = Vec::new();
        encode_samples(&bytes, 6, |event| {
            let Event::Samples(samples) = event else { panic!("{event:?}") };
            counts.push(samples.count());
        });
        assert!(counts.iter().all(|count| count % 6 == 0 && count * 4 <= PAYLOAD_LEN_MAX), "{counts:?}");
        assert_eq!(counts.iter().sum::<usize>(), 120_000);
    }
}
