//! What an MP4 file's headers say of its tracks. Everything that the decoder is going to trust is checked here.

use std::ops::Range;

use super::boxes::{Boxes, Broken, Fields, Mp4Box};

/// Tracks that are looked at.
const TRACKS_MAX: usize = 64;
/// Bytes of one packet of sound, at most.
const PACKET_LEN_MAX: u64 = 1024 * 1024;
/// Samples in one run of a fragment, at most.
const RUN_MAX: u64 = 1 << 20;

/// The headers of a file.
#[derive(Debug, Default)]
pub(super) struct Movie {
    /// Ticks a second of the edit lists' lengths.
    pub(super) timescale: u32,
    pub(super) tracks: Vec<Track>,
    /// Boxes that only cost a decoder memory: tags and pictures.
    pub(super) dead_weight: Vec<u64>,
    pub(super) itunes: Option<Gapless>,
    pub(super) is_fragmented: bool,
    /// Where the box begins inside whose sound the file ends.
    pub(super) cut_at: Option<u64>,
}

/// One track.
#[derive(Debug, Default)]
pub(super) struct Track {
    /// Where its box begins.
    pub(super) at: u64,
    handler: [u8; 4],
    /// Ticks a second of its own times.
    pub(super) timescale: u32,
    /// The codec's four letters.
    pub(super) codec: [u8; 4],
    /// What `esds` says: the kind of object, and its configuration. For ALAC its configuration alone.
    pub(super) esds: Option<(u8, Vec<u8>)>,
    /// Parts of the track in the order of their play: length in ticks of the movie, begin in ticks of the track.
    pub(super) edits: Vec<(u64, i64)>,
    /// Runs of packets of equal length: how many, and how long in ticks.
    pub(super) runs: Vec<(u32, u32)>,
}

/// What iTunes writes into `iTunSMPB`: frames in front, behind, and of the sound between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gapless {
    pub(super) delay: u64,
    pub(super) padding: u64,
    pub(super) len: u64,
}

impl Gapless {
    /// Twelve numbers in hexadecimal, of which the second to fourth count.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut numbers =
            text.split_ascii_whitespace().skip(1).map(|word| u64::from_str_radix(word, 16).ok());
        let (delay, padding, len) = (numbers.next()??, numbers.next()??, numbers.next()??);
        (len > 0).then_some(Self { delay, padding, len })
    }
}

impl Track {
    pub(super) fn is_sound(&self) -> bool {
        &self.handler == b"soun"
    }

    /// How many packets it has, and how many ticks they last.
    pub(super) fn extent(&self) -> (u64, u64) {
        self.runs.iter().fold((0, 0), |(packets, ticks), (count, each)| {
            (packets + u64::from(*count), ticks + u64::from(*count) * u64::from(*each))
        })
    }
}

impl Movie {
    /// # Errors
    /// The file cannot be read, or its headers make no sense.
    pub(super) fn read(boxes: &Boxes<'_>, len: u64) -> Result<Self, Broken> {
        let mut movie = Self::default();
        for top in boxes.all(0..len)? {
            match &top.kind {
                b"moov" if top.is_cut => return Err(Broken::Damaged("`moov` is cut off".into())),
                b"moov" => movie.read_moov(boxes, &top)?,
                b"mdat" => movie.cut_at = movie.cut_at.or(top.is_cut.then_some(top.at)),
                b"moof" if top.is_cut => movie.cut_at = movie.cut_at.or(Some(top.at)),
                b"moof" => check_fragment(boxes, &top)?,
                b"meta" | b"udta" => movie.dead_weight.push(top.at),
                _ => {}
            }
        }
        if movie.tracks.is_empty() {
            return Err(Broken::Damaged("nothing in them tells what it plays (no `moov`)".into()));
        }
        Ok(movie)
    }

    fn read_moov(&mut self, boxes: &Boxes<'_>, moov: &Mp4Box) -> Result<(), Broken> {
        for child in boxes.within(moov.body.clone())? {
            match &child.kind {
                b"mvhd" => self.timescale = timescale(boxes, &child)?,
                b"trak" if self.tracks.len() < TRACKS_MAX => {
                    let mut track = Track { at: child.at, ..Track::default() };
                    track.read(boxes, &child)?;
                    self.tracks.push(track);
                }
                b"trak" => return Err(Broken::Damaged(format!("more than {TRACKS_MAX} tracks"))),
                b"mvex" => self.is_fragmented = true,
                b"udta" => {
                    self.dead_weight.push(child.at);
                    // Tags are no reason not to play.
                    self.itunes = gapless(boxes, &child).unwrap_or_default();
                }
                b"meta" => self.dead_weight.push(child.at),
                _ => {}
            }
        }
        Ok(())
    }
}

impl Track {
    /// `mdia`, `minf` and `stbl` lie in each other; all that is wanted is found by name on the way.
    fn read(&mut self, boxes: &Boxes<'_>, parent: &Mp4Box) -> Result<(), Broken> {
        for child in boxes.within(parent.body.clone())? {
            match &child.kind {
                b"edts" | b"mdia" | b"minf" | b"stbl" if parent.kind != child.kind => {
                    self.read(boxes, &child)?
                }
                b"mdhd" => self.timescale = timescale(boxes, &child)?,
                b"hdlr" => {
                    let body = boxes.body(&child)?;
                    let mut fields = Fields(&body);
                    fields.bytes(8)?;
                    let handler = fields.bytes(4)?;
                    fields.bytes(12)?;
                    // `minf` of a QuickTime file has a second one, of another kind.
                    if &parent.kind == b"mdia" {
                        self.handler.copy_from_slice(handler);
                    }
                }
                b"stsd" => self.read_sample_entry(boxes, &child)?,
                b"elst" => self.edits = edits(&boxes.body(&child)?)?,
                b"stts" => self.runs = runs(&boxes.body(&child)?)?,
                b"stsc" => check_table(&boxes.body(&child)?, 12)?,
                b"stco" => check_table(&boxes.body(&child)?, 4)?,
                b"co64" => check_table(&boxes.body(&child)?, 8)?,
                b"stsz" if self.is_sound() => check_sizes(&boxes.body(&child)?)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// The one sample entry (14496-12, section 12.2.3, and QuickTime's versions of it), with its `esds`.
    fn read_sample_entry(&mut self, boxes: &Boxes<'_>, stsd: &Mp4Box) -> Result<(), Broken> {
        if stsd.len() < 8 {
            return Err(Broken::Damaged("a box is too short".into()));
        }
        let entries = boxes.within(stsd.body.start + 8..stsd.body.end)?;
        let Some(entry) = entries.first() else { return Err(Broken::Damaged("no sample entry".into())) };
        self.codec = entry.kind;
        if !self.is_sound() || entry.len() < 28 {
            return Ok(());
        }
        let entry_body = boxes.body(entry)?;
        let mut fields = Fields(&entry_body);
        fields.bytes(8)?;
        let more = match fields.number(2)? {
            1 => 16,
            2 => 36,
            _ => 0,
        };
        self.find_esds(boxes, entry.body.start + 28 + more..entry.body.end, 2)
    }

    /// `esds` lies in the sample entry, or with QuickTime one deeper in `wave`.
    fn find_esds(&mut self, boxes: &Boxes<'_>, within: Range<u64>, depth: usize) -> Result<(), Broken> {
        for child in boxes.within(within)? {
            match &child.kind {
                b"esds" => self.esds = esds(&boxes.body(&child)?),
                // A box of its own, behind its version and flags.
                b"alac" => self.esds = boxes.body(&child)?.get(4..).map(|config| (0, config.to_vec())),
                b"wave" if depth > 0 => self.find_esds(boxes, child.body.clone(), depth - 1)?,
                _ => {}
            }
        }
        Ok(())
    }
}

/// The timescale out of `mvhd` or `mdhd`.
fn timescale(boxes: &Boxes<'_>, of: &Mp4Box) -> Result<u32, Broken> {
    let body = boxes.body(of)?;
    let mut fields = Fields(&body);
    let times = if fields.number(1)? == 1 { 16 } else { 8 };
    fields.bytes(3 + times)?;
    match fields.number(4)? as u32 {
        0 => Err(Broken::Damaged("a clock without ticks".into())),
        timescale => Ok(timescale),
    }
}

fn edits(body: &[u8]) -> Result<Vec<(u64, i64)>, Broken> {
    let mut fields = Fields(body);
    let width = if fields.number(1)? == 1 { 8 } else { 4 };
    fields.bytes(3)?;
    let count = fields.table(2 * width + 4)?;
    let mut edits = Vec::with_capacity(count);
    for _ in 0..count {
        let len = fields.number(width)?;
        let begin = fields.number(width)?;
        fields.bytes(4)?;
        let begin = if width == 8 { begin.cast_signed() } else { i64::from((begin as u32).cast_signed()) };
        edits.push((len, begin));
    }
    Ok(edits)
}

fn runs(body: &[u8]) -> Result<Vec<(u32, u32)>, Broken> {
    let mut fields = Fields(body);
    fields.bytes(4)?;
    let count = fields.table(8)?;
    let mut runs = Vec::with_capacity(count);
    for _ in 0..count {
        runs.push((fields.number(4)? as u32, fields.number(4)? as u32));
    }
    Ok(runs)
}

fn check_table(body: &[u8], entry_len: usize) -> Result<(), Broken> {
    let mut fields = Fields(body);
    fields.bytes(4)?;
    fields.table(entry_len).map(|_| ())
}

/// `stsz`: a decoder makes room for each packet before it reads it.
fn check_sizes(body: &[u8]) -> Result<(), Broken> {
    let mut fields = Fields(body);
    fields.bytes(4)?;
    let each = fields.number(4)?;
    let mut longest = each;
    if each == 0 {
        for _ in 0..fields.table(4)? {
            longest = longest.max(fields.number(4)?);
        }
    }
    if longest > PACKET_LEN_MAX {
        return Err(Broken::Damaged(format!("a packet of {longest} bytes")));
    }
    Ok(())
}

/// A fragment's runs of samples: no more samples than it has room for.
fn check_fragment(boxes: &Boxes<'_>, moof: &Mp4Box) -> Result<(), Broken> {
    for traf in boxes.within(moof.body.clone())?.iter().filter(|child| &child.kind == b"traf") {
        for trun in boxes.within(traf.body.clone())?.iter().filter(|child| &child.kind == b"trun") {
            let body = boxes.body(trun)?;
            let mut fields = Fields(&body);
            let flags = fields.number(4)?;
            let count = fields.number(4)?;
            let entry_len = 4 * u64::from((flags as u32 & 0xF00).count_ones());
            if count > RUN_MAX || count * entry_len > body.len() as u64 {
                return Err(Broken::Damaged(format!("a run of {count} packets")));
            }
            // Sizes, where each packet has its own; durations come before them.
            if flags & 0x200 != 0 {
                fields.bytes(4 * (flags as u32 & 0x005).count_ones() as usize)?;
                for _ in 0..count {
                    if flags & 0x100 != 0 {
                        fields.bytes(4)?;
                    }
                    let size = fields.number(4)?;
                    if size > PACKET_LEN_MAX {
                        return Err(Broken::Damaged(format!("a packet of {size} bytes")));
                    }
                    fields.bytes(4 * (flags as u32 & 0xC00).count_ones() as usize)?;
                }
            }
        }
    }
    Ok(())
}

/// `esds` (14496-1, section 7.2.6): the kind of object and its DecoderSpecificInfo.
fn esds(body: &[u8]) -> Option<(u8, Vec<u8>)> {
    fn descriptor<'a>(fields: &mut Fields<'a>, tag: u8) -> Option<Fields<'a>> {
        if fields.number(1).ok()? != u64::from(tag) {
            return None;
        }
        let mut len = 0;
        for _ in 0..4 {
            let byte = fields.number(1).ok()?;
            len = len << 7 | (byte & 0x7F) as usize;
            if byte & 0x80 == 0 {
                break;
            }
        }
        // Some writers count wrong; what is there is there.
        fields.bytes(len.min(fields.0.len())).ok().map(Fields)
    }
    let mut fields = Fields(body);
    fields.bytes(4).ok()?;
    let mut stream = descriptor(&mut fields, 3)?;
    let flags = stream.bytes(3).ok()?[2];
    if flags & 0x80 != 0 {
        stream.bytes(2).ok()?;
    }
    if flags & 0x40 != 0 {
        let len = stream.number(1).ok()?;
        stream.bytes(len as usize).ok()?;
    }
    if flags & 0x20 != 0 {
        stream.bytes(2).ok()?;
    }
    let mut config = descriptor(&mut stream, 4)?;
    let object = config.number(1).ok()? as u8;
    config.bytes(12).ok()?;
    let specific = descriptor(&mut config, 5).map(|fields| fields.0.to_vec()).unwrap_or_default();
    Some((object, specific))
}

/// `iTunSMPB` out of `udta`/`meta`/`ilst`/`----`.
fn gapless(boxes: &Boxes<'_>, udta: &Mp4Box) -> Result<Option<Gapless>, Broken> {
    let child = |of: Range<u64>, kind: &[u8; 4]| -> Result<Option<Mp4Box>, Broken> {
        Ok(boxes.within(of)?.into_iter().find(|child| &child.kind == kind))
    };
    let Some(meta) = child(udta.body.clone(), b"meta")? else { return Ok(None) };
    if meta.len() < 4 {
        return Ok(None);
    }
    let Some(ilst) = child(meta.body.start + 4..meta.body.end, b"ilst")? else { return Ok(None) };
    for item in boxes.within(ilst.body.clone())?.iter().filter(|item| &item.kind == b"----") {
        let parts = boxes.within(item.body.clone())?;
        let part = |kind: &[u8; 4]| parts.iter().find(|part| &part.kind == kind && part.len() < 1024);
        let (Some(name), Some(data)) = (part(b"name"), part(b"data")) else { continue };
        if boxes.body(name)?.get(4..) == Some(b"iTunSMPB") {
            let data = boxes.body(data)?;
            return Ok(data
                .get(8..)
                .and_then(|text| std::str::from_utf8(text).ok())
                .and_then(Gapless::parse));
        }
    }
    Ok(None)
}
