//! What is written on the screen, as it is wanted and as it is drawn: drawing happens on a disposable thread, so that no
//! frame waits for a font.

use gstreamer as gst;
use orchestrion::media::screen::words::{Overlay, Splash};

use super::hands::{Drawn, Hands};
use super::overlay::Strips;

/// See the head of this file.
#[derive(Debug, Default)]
pub struct Lettering {
    splash: Option<Splash>,
    /// What is being drawn, and what was drawn last.
    splash_under_way: Option<Splash>,
    splash_drawn: Option<(Splash, gst::Buffer)>,
    /// It is on the screen.
    is_splash: bool,
    overlay: Overlay,
    overlay_under_way: bool,
    overlay_drawn: Option<(Overlay, Strips)>,
    /// Other strips than before were drawn.
    has_news: bool,
    /// What could not be written was told.
    told: Option<String>,
}

impl Lettering {
    pub fn want_splash(&mut self, splash: Splash) {
        self.splash = Some(splash.cut());
    }

    /// What a thread has drawn.
    pub fn take(&mut self, drawn: Drawn) {
        let problem = match drawn {
            Drawn::Splash { splash, frame, problem } => {
                self.splash_under_way = None;
                // What was on the screen is not what is wanted any more.
                self.is_splash = false;
                self.splash_drawn = Some((splash, gst::Buffer::from_mut_slice(frame)));
                problem
            }
            Drawn::Overlay { overlay, strips } => {
                (self.overlay_under_way, self.has_news) = (false, true);
                let (strips, problem) = match strips {
                    Ok(strips) => (strips, None),
                    Err(words) => (Strips::default(), Some(words)),
                };
                self.overlay_drawn = Some((overlay, strips));
                problem
            }
        };
        if let Some(words) = problem.filter(|words| self.told.as_ref() != Some(words)) {
            eprintln!("orchestrion-media: nothing can be written on the screen: {words}");
            self.told = Some(words);
        }
    }

    /// The splash, if it is to be put on the screen now, and whether it was not there before; `is_bare`: nothing else is to be shown.
    ///
    /// # Errors
    /// In words: too many threads hang.
    pub fn splash(&mut self, is_bare: bool, hands: &Hands) -> Result<Option<gst::Buffer>, String> {
        let Some(wanted) = self.splash.as_ref().filter(|_| is_bare) else {
            self.is_splash = false;
            return Ok(None);
        };
        match &self.splash_drawn {
            Some((drawn, frame)) if drawn == wanted => {
                let is_new = !std::mem::replace(&mut self.is_splash, true);
                Ok(is_new.then(|| frame.clone()))
            }
            Some(_) | None => {
                if self.splash_under_way.is_none() {
                    self.splash_under_way = Some(wanted.clone());
                    hands.draw_splash(wanted.clone())?;
                }
                Ok(None)
            }
        }
    }

    pub fn want_overlay(&mut self, overlay: Overlay) {
        self.overlay = overlay.cut();
    }

    /// Has the strips drawn, if others are wanted than are drawn.
    ///
    /// # Errors
    /// In words: too many threads hang.
    pub fn see_to_overlay(&mut self, hands: &Hands) -> Result<(), String> {
        let none = Overlay::default();
        let drawn = self.overlay_drawn.as_ref().map_or(&none, |(overlay, _)| overlay);
        if *drawn != self.overlay && !self.overlay_under_way {
            self.overlay_under_way = true;
            hands.draw_overlay(self.overlay.clone())?;
        }
        Ok(())
    }

    /// A frame with what is written over it at this moment.
    ///
    /// # Errors
    /// In words: the frame cannot be changed.
    pub fn over(&self, frame: gst::Buffer, at_ns: u64) -> Result<gst::Buffer, String> {
        match &self.overlay_drawn {
            Some((_, strips)) => strips.put(frame, at_ns),
            None => Ok(frame),
        }
    }

    /// Whether a text moves over what stands.
    pub fn moves(&self) -> bool {
        self.overlay_drawn.as_ref().is_some_and(|(_, strips)| strips.move_along())
    }

    /// Whether there is something new to write; said once.
    pub fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.has_news)
    }
}
