//! Every bound of the local protocol, by name.

/// Longest line that a device accepts or sends on its socket, in bytes, without the line feed.
pub const LINE_LEN_MAX: usize = 64 * 1024;
/// Clients connected at once; one more is told so and closed.
pub const CLIENTS_MAX: usize = 64;
/// Bytes that wait for a client which does not read; beyond them it is dropped.
pub const CLIENT_BACKLOG_LEN_MAX: usize = 512 * 1024;
/// Entries in a queue.
pub const QUEUE_LEN_MAX: usize = 20_000;
/// Entries in one answer of `queue.list`; a client asks on from the next offset.
pub const QUEUE_PAGE_LEN_MAX: usize = 100;
/// Paths in one `queue.add` or `play_now`.
pub const PATHS_LEN_MAX: usize = 256;
/// Longest crossfade, in milliseconds.
pub const CROSSFADE_MS_MAX: u32 = 12_000;
/// Softest trim of a place, in dB.
pub const TRIM_DB_MIN: f32 = -24.0;
/// Loudest trim of a place, in dB.
pub const TRIM_DB_MAX: f32 = 12.0;
/// Loudest volume, in percent of the perceptual scale.
pub const VOLUME_MAX: u8 = 100;
/// Longest tag (title, artist, album) kept of a file, in characters.
pub const TAG_LEN_MAX: usize = 300;
/// Problems listed by one answer; the rest are only counted.
pub const PROBLEMS_LEN_MAX: usize = 20;
/// By how much music can be turned down for an announcement, in dB.
pub const DUCK_DB_MAX: f32 = 60.0;
/// Longest emergency, in seconds; a longer one is called again.
pub const EMERGENCY_S_MAX: u32 = 24 * 3600;
/// Songs in one list of `inherit`.
pub const INHERITED_LEN_MAX: usize = 100;
/// Bytes of the name of a recording or playlist there.
pub const INHERITED_NAME_LEN_MAX: usize = 200;
/// Rows of a program that are told at once.
pub const PROGRAM_ROWS_MAX: usize = 60;
