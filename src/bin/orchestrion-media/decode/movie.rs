//! MP4 files whose last packets `qtdemux` leaves out (GStreamer 1.22).
//!
//! An encoder of AAC puts silence in front of the sound, and an edit list says that the sound begins behind it. At the end
//! `qtdemux` compares where a packet lies in its track, silence and all, with how long the whole movie is: the packets that begin
//! behind that are gone, up to 46 ms of a song at 22.05 kHz. So the movie is said to be longer than it is, while its header is
//! read. What is heard is unharmed by that: each track has an end of its own, and the edit list too.

use std::ops::Range;
use std::os::fd::BorrowedFd;

use gst::prelude::*;
use gstreamer as gst;
use rustix::io::pread;

/// Boxes that are looked at, at most.
const BOXES_MAX: usize = 1000;
/// What a file that is an MP4 may begin with.
const FIRST: [&[u8; 4]; 7] = [b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot"];
/// How much longer it is said to be, at most: well above any encoder's delay. A track that is shorter than a fifth of its movie is
/// left out, so that it may not be much.
const LONGER_S: u64 = 1;

/// What stands in the file instead of the movie's duration.
#[derive(Debug, PartialEq, Eq)]
pub struct Longer {
    at: u64,
    bytes: Vec<u8>,
    /// How much longer than it is.
    pub by: gst::ClockTime,
}

impl Longer {
    /// Finds the duration; `None` if the file is no MP4, or tells none.
    pub fn of(file: BorrowedFd<'_>) -> Option<Self> {
        let (first, _) = header(file, 0)?;
        let is_movie = FIRST.contains(&&first);
        let moov = find(file, 0..u64::MAX, b"moov").filter(|_| is_movie)?;
        let mvhd = find(file, moov, b"mvhd")?.start;
        let [version] = read(file, mvhd)?;
        // ISO/IEC 14496-12, 8.2.2: times of 32 or 64 bits.
        let (timescale_at, at) = if version == 1 { (mvhd + 20, mvhd + 24) } else { (mvhd + 12, mvhd + 16) };
        let timescale = u64::from(u32::from_be_bytes(read(file, timescale_at)?));
        let by_ticks = |duration: u64| (LONGER_S * timescale).min(duration);
        let (bytes, by) = if version == 1 {
            let duration = u64::from_be_bytes(read(file, at)?);
            let longer = duration.checked_add(by_ticks(duration)).filter(|longer| *longer < u64::MAX)?;
            (longer.to_be_bytes().to_vec(), by_ticks(duration))
        } else {
            let duration = u32::from_be_bytes(read(file, at)?);
            let longer = u64::from(duration) + by_ticks(duration.into());
            let longer = u32::try_from(longer).ok().filter(|longer| *longer < u32::MAX)?;
            (longer.to_be_bytes().to_vec(), by_ticks(duration.into()))
        };
        let by = gst::ClockTime::SECOND.mul_div_ceil(by, timescale.max(1)).filter(|by| !by.is_zero())?;
        Some(Self { at, bytes, by })
    }

    /// Corrects what was read from a place of the file.
    pub fn correct(&self, offset: u64, read: &mut [u8]) {
        for (at, byte) in (self.at..).zip(&self.bytes) {
            let within = at.checked_sub(offset).and_then(|within| usize::try_from(within).ok());
            if let Some(to) = within.and_then(|within| read.get_mut(within)) {
                *to = *byte;
            }
        }
    }

    /// Whether anything of it was read.
    pub fn lies_in(&self, offset: u64, len: usize) -> bool {
        offset < self.at + self.bytes.len() as u64 && self.at < offset.saturating_add(len as u64)
    }
}

/// Lets what a `filesrc` reads be a longer movie.
pub fn correct_reads(source: &gst::Element, longer: Option<Longer>) {
    let (Some(pad), Some(longer)) = (source.static_pad("src"), longer) else { return };
    pad.add_probe(gst::PadProbeType::PULL | gst::PadProbeType::BUFFER, move |_, read| {
        if let Some(gst::PadProbeData::Buffer(buffer)) = &mut read.data
            && longer.lies_in(read.offset, buffer.size())
            && let Ok(mut bytes) = buffer.make_mut().map_writable()
        {
            longer.correct(read.offset, &mut bytes);
        }
        gst::PadProbeReturn::Ok
    });
}

/// The body of the first box of a kind.
fn find(file: BorrowedFd<'_>, within: Range<u64>, kind: &[u8; 4]) -> Option<Range<u64>> {
    let mut at = within.start;
    for _ in 0..BOXES_MAX {
        if at >= within.end {
            return None;
        }
        let (found, body) = header(file, at)?;
        if &found == kind {
            return Some(body);
        }
        at = body.end;
    }
    None
}

/// The kind of the box at a place, and where its body is.
fn header(file: BorrowedFd<'_>, at: u64) -> Option<([u8; 4], Range<u64>)> {
    let [a, b, c, d, kind @ ..] = read::<8>(file, at)?;
    let (head_len, len) = match u32::from_be_bytes([a, b, c, d]) {
        0 => (8, u64::MAX - at),
        1 => (16, u64::from_be_bytes(read(file, at + 8)?)),
        len => (8, u64::from(len)),
    };
    let end = at.checked_add(len).filter(|_| len >= head_len)?;
    Some((kind, at + head_len..end))
}

fn read<const N: usize>(file: BorrowedFd<'_>, at: u64) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let got = pread(file, &mut bytes, at).ok()?;
    (got == N).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::fd::AsFd;

    use super::*;

    fn boxed(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
        [&(body.len() as u32 + 8).to_be_bytes(), &kind[..], body].concat()
    }

    fn longer(bytes: &[u8]) -> Option<Longer> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        Longer::of(file.as_fd())
    }

    #[test]
    fn the_duration_of_either_size_is_found_and_told_longer() {
        let old = [&[0; 12][..], &1000u32.to_be_bytes(), &5000u32.to_be_bytes(), &[0; 80]].concat();
        let new = [&[1, 0, 0, 0], &[0; 16][..], &600u32.to_be_bytes(), &300u64.to_be_bytes()].concat();
        for (mvhd, duration, by_ms) in [(old, 6000u64, 1000), (new, 600, 500)] {
            let moov = boxed(b"moov", &[boxed(b"free", b"abc"), boxed(b"mvhd", &mvhd)].concat());
            let mut file = [boxed(b"ftyp", b"M4A "), boxed(b"mdat", &[7; 100]), moov].concat();
            let found = longer(&file).unwrap();
            assert_eq!(found.by.mseconds(), by_ms);
            let offset = found.at - 10;
            assert!(found.lies_in(offset, 11) && !found.lies_in(offset, 10) && !found.lies_in(0, 0));
            assert!(!found.lies_in(found.at + found.bytes.len() as u64, 100));
            found.correct(offset, &mut file[offset as usize..]);
            let at = found.at as usize;
            let told = file[at..at + found.bytes.len()].iter().fold(0u64, |sum, b| sum << 8 | u64::from(*b));
            assert_eq!(told, duration);
        }
    }

    #[test]
    fn what_is_no_movie_or_tells_no_duration_stays_as_it_is() {
        let unknown = [&[0; 12][..], &1000u32.to_be_bytes(), &u32::MAX.to_be_bytes()].concat();
        let none = [&[0; 12][..], &1000u32.to_be_bytes(), &0u32.to_be_bytes()].concat();
        for mvhd in [&unknown, &none, &vec![0; 3]] {
            let moov = boxed(b"moov", &boxed(b"mvhd", mvhd));
            assert_eq!(longer(&[boxed(b"ftyp", b"M4A "), moov].concat()), None);
        }
        for bytes in [&b""[..], b"RIFF", b"OggS\0\0\0\0\0\0", &[0; 64], b"\0\0\0\x01ftyp\0\0\0\0\0\0\0\x01"] {
            assert_eq!(longer(bytes), None);
        }
    }
}
