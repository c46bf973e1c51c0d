//! What GStreamer says of a picture's size, its pixels and which side is up.

use gstreamer as gst;
use gstreamer::prelude::*;
use orchestrion::media::screen::message::Rotation;

use super::fit::Source;

/// The largest picture that is decoded, in pixels (4 bytes of memory each, while it is read): what good cameras make.
pub const PICTURE_PIXELS_MAX: u64 = 64_000_000;
/// The largest frame of a film, in pixels, since some ten of them are held: 4K and a little.
pub const FILM_PIXELS_MAX: u64 = 10_000_000;

/// Whether something of this size is decoded at all.
///
/// # Errors
/// In words: it is too large.
pub fn bearable(structure: &gst::StructureRef, is_picture: bool) -> Result<(), String> {
    let side = |name| structure.get::<i32>(name).ok().and_then(|side| u32::try_from(side).ok());
    let (Some(width), Some(height)) = (side("width"), side("height")) else { return Ok(()) };
    let pixels_max = if is_picture { PICTURE_PIXELS_MAX } else { FILM_PIXELS_MAX };
    if u64::from(width) * u64::from(height) > pixels_max {
        return Err(too_large(width, height));
    }
    Ok(())
}

/// Words for a picture of this size.
pub fn too_large(width: u32, height: u32) -> String {
    format!(
        "its picture is too large ({width}x{height}): at most {} million pixels in a film and {} million in a picture; make it smaller",
        FILM_PIXELS_MAX / 1_000_000,
        PICTURE_PIXELS_MAX / 1_000_000
    )
}

/// What decoded pictures are like; `None` if they are none.
pub fn source(pad: &gst::Pad, caps: &gst::Caps) -> Option<Source> {
    let structure = caps.structure(0).filter(|structure| structure.name() == "video/x-raw")?;
    let side = |name| structure.get::<i32>(name).ok().and_then(|side| u32::try_from(side).ok());
    let aspect = structure.get::<gst::Fraction>("pixel-aspect-ratio").ok();
    let pixel_aspect = aspect
        .and_then(|aspect| Some((u32::try_from(aspect.numer()).ok()?, u32::try_from(aspect.denom()).ok()?)))
        .filter(|(wide, high)| *wide > 0 && *high > 0)
        .unwrap_or((1, 1));
    let source =
        Source { width: side("width")?, height: side("height")?, pixel_aspect, orientation: upright(pad) };
    (source.width > 0 && source.height > 0).then_some(source)
}

/// How it is to be turned to be upright, as cameras and telephones say in their files. Mirrored ones are only turned.
fn upright(pad: &gst::Pad) -> Rotation {
    let mut rotation = Rotation::None;
    pad.sticky_events_foreach(|event| {
        if let gst::EventView::Tag(tag) = event.view()
            && let Some(value) = tag.tag().get::<gst::tags::ImageOrientation>()
        {
            rotation = match value.get() {
                "rotate-90" | "flip-rotate-90" => Rotation::Right,
                "rotate-180" | "flip-rotate-180" => Rotation::Half,
                "rotate-270" | "flip-rotate-270" => Rotation::Left,
                _ => Rotation::None,
            };
        }
        std::ops::ControlFlow::Continue(gst::EventForeachAction::Keep)
    });
    rotation
}
