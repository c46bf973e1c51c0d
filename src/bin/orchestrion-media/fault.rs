//! What GStreamer says is wrong with a file, for sound and for the screen.

use gstreamer as gst;

/// See the head of this file.
pub enum Fault {
    /// Nobody here knows this: the caps, or the name of an element.
    Missing(String),
    /// In its words.
    Error(String),
}

impl Fault {
    /// What a message of a pipeline says is wrong; `None`: nothing.
    pub fn of(message: &gst::Message) -> Option<Self> {
        match message.view() {
            gst::MessageView::Error(error) => {
                Some(Self::Error(error.error().message().trim_end_matches('.').to_owned()))
            }
            gst::MessageView::Element(element) => {
                let structure =
                    element.structure().filter(|structure| structure.name() == "missing-plugin")?;
                // The caps of a missing decoder, or the name of a missing element.
                let caps = structure.get::<gst::Caps>("detail").map(|caps| caps.to_string());
                caps.or_else(|_| structure.get::<String>("detail")).ok().map(Self::Missing)
            }
            _ => None,
        }
    }
}
