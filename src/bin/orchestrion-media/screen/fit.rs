//! Where what is shown lies on the screen: plain numbers, no pixels.

use orchestrion::media::screen::message::{Fit, Rotation, Size};

/// What a file is like before anything is done to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    pub width: u32,
    pub height: u32,
    /// Width of a pixel for a height of 1, as a fraction.
    pub pixel_aspect: (u32, u32),
    /// How it is to be turned to be upright, as the file says.
    pub orientation: Rotation,
}

/// What is cut off, in pixels of the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Crop {
    pub left: u32,
    pub right: u32,
    pub top: u32,
    pub bottom: u32,
}

/// A part of the screen, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub x: u32,
    pub y: u32,
    pub width: u32,
    pub height: u32,
}

/// What is to be done, in this order: cut, scale, turn, put in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    pub crop: Crop,
    /// Before it is turned.
    pub scaled: (u32, u32),
    pub turn: Rotation,
    pub place: Place,
}

/// The plan for a source on a screen.
pub fn plan(source: Source, screen: Size, fit: Fit, rotation: Rotation) -> Plan {
    let turn = Rotation::of_quarters(source.orientation.quarters() + rotation.quarters());
    let (full_width, full_height) = (source.width.max(1), source.height.max(1));
    let lies = turn.quarters() % 2 == 1;
    // The screen as the source sees it.
    let (width, height) = if lies { (screen.height, screen.width) } else { (screen.width, screen.height) };
    let (wide, high) = source.pixel_aspect;
    // Products of three numbers below 2^17, but what a file says of its pixels can be anything.
    let seen_width = u128::from(full_width) * u128::from(wide.max(1));
    let seen_height = u128::from(full_height) * u128::from(high.max(1));
    let (across, down) = (seen_width * u128::from(height), seen_height * u128::from(width));
    let mut crop = Crop::default();
    let mut scaled = (width, height);
    match fit {
        Fit::Stretch => {}
        Fit::Contain if across > down => scaled.1 = part(width, seen_height, seen_width, height),
        Fit::Contain => scaled.0 = part(height, seen_width, seen_height, width),
        Fit::Cover if across > down => {
            // Of its width, as much as has the shape of the screen.
            let kept = part(full_width, down, across, full_width);
            (crop.left, crop.right) = halves(full_width - kept);
        }
        Fit::Cover => {
            let kept = part(full_height, across, down, full_height);
            (crop.top, crop.bottom) = halves(full_height - kept);
        }
    }
    let (shown_width, shown_height) = if lies { (scaled.1, scaled.0) } else { scaled };
    let place = Place {
        x: (screen.width - shown_width) / 2,
        y: (screen.height - shown_height) / 2,
        width: shown_width,
        height: shown_height,
    };
    Plan { crop, scaled, turn, place }
}

/// `whole · over / under`, rounded, from 1 to `max`.
fn part(whole: u32, over: u128, under: u128, max: u32) -> u32 {
    let rounded = (u128::from(whole) * over + under / 2) / under.max(1);
    u32::try_from(rounded).unwrap_or(max).clamp(1, max.max(1))
}

/// Two parts, the first an even number, since colours are often stored for two pixels.
fn halves(whole: u32) -> (u32, u32) {
    let first = (whole / 2) & !1;
    (first, whole - first)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HD: Size = Size { width: 1920, height: 1080 };

    fn source(width: u32, height: u32) -> Source {
        Source { width, height, pixel_aspect: (1, 1), orientation: Rotation::None }
    }

    fn place(x: u32, y: u32, width: u32, height: u32) -> Place {
        Place { x, y, width, height }
    }

    #[test]
    fn what_has_the_screens_shape_fills_it_whatever_the_fit() {
        for fit in [Fit::Contain, Fit::Cover, Fit::Stretch] {
            for (width, height) in [(1280, 720), (1920, 1080), (3840, 2160)] {
                let plan = plan(source(width, height), HD, fit, Rotation::None);
                assert_eq!(plan.place, place(0, 0, 1920, 1080));
                assert_eq!((plan.crop, plan.scaled), (Crop::default(), (1920, 1080)));
            }
        }
    }

    #[test]
    fn contain_leaves_borders_and_cover_cuts() {
        let four_three = source(640, 480);
        assert_eq!(plan(four_three, HD, Fit::Contain, Rotation::None).place, place(240, 0, 1440, 1080));
        let cut = plan(four_three, HD, Fit::Cover, Rotation::None);
        assert_eq!(cut.crop, Crop { top: 60, bottom: 60, ..Crop::default() });
        assert_eq!((cut.scaled, cut.place), ((1920, 1080), place(0, 0, 1920, 1080)));
        let wide = plan(source(1000, 100), HD, Fit::Contain, Rotation::None);
        assert_eq!(wide.place, place(0, 444, 1920, 192));
        let wide = plan(source(1000, 100), HD, Fit::Cover, Rotation::None);
        assert_eq!(wide.crop, Crop { left: 410, right: 412, ..Crop::default() });
        let stretched = plan(source(1000, 100), HD, Fit::Stretch, Rotation::None);
        assert_eq!((stretched.crop, stretched.scaled), (Crop::default(), (1920, 1080)));
    }

    #[test]
    fn turned_by_the_screen_or_by_the_file_is_the_same_and_both_add_up() {
        let turned = plan(source(1280, 720), HD, Fit::Contain, Rotation::Right);
        assert_eq!((turned.scaled, turned.turn), ((1080, 608), Rotation::Right));
        assert_eq!(turned.place, place(656, 0, 608, 1080));
        let on_its_side = Source { orientation: Rotation::Right, ..source(1280, 720) };
        assert_eq!(plan(on_its_side, HD, Fit::Contain, Rotation::None), turned);
        let both = plan(on_its_side, HD, Fit::Contain, Rotation::Left);
        assert_eq!((both.turn, both.place), (Rotation::None, place(0, 0, 1920, 1080)));
    }

    #[test]
    fn pixels_that_are_no_squares_count() {
        let dv = Source { pixel_aspect: (64, 45), ..source(720, 576) };
        assert_eq!(plan(dv, HD, Fit::Contain, Rotation::None).place, place(0, 0, 1920, 1080));
    }

    #[test]
    fn nothing_that_a_file_says_of_itself_breaks_it() {
        for width in [0, 1, 2, 8192, u32::MAX] {
            for height in [0, 1, 3, 8192, u32::MAX] {
                for aspect in [(0, 0), (1, u32::MAX), (u32::MAX, 1)] {
                    for fit in [Fit::Contain, Fit::Cover, Fit::Stretch] {
                        let source = Source { pixel_aspect: aspect, ..source(width, height) };
                        let plan = plan(source, HD, fit, Rotation::Left);
                        let place = plan.place;
                        assert!(place.width > 0 && place.height > 0, "{plan:?}");
                        assert!(place.x + place.width <= 1920 && place.y + place.height <= 1080, "{plan:?}");
                        assert!(plan.crop.left + plan.crop.right < width.max(1), "{plan:?}");
                        assert!(plan.crop.top + plan.crop.bottom < height.max(1), "{plan:?}");
                    }
                }
            }
        }
    }
}
