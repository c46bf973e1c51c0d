//! What the child was told to write, and what is news of that. Reads where the machine is in the network.

use std::fs;
use std::time::{Duration, Instant};

use crate::buttons;
use crate::media::screen::message::Command;
use crate::media::screen::words::{Overlay, Splash};

/// How often it is looked where the machine is in the network.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// Where the kernel tells the machine's name.
const HOST_NAME: &str = "/proc/sys/kernel/hostname";

/// See the head of this file.
#[derive(Debug, Default)]
pub(super) struct Lettering {
    /// What `App` says.
    pub(super) splash: Option<Splash>,
    pub(super) overlay: Overlay,
    told_splash: Option<Splash>,
    told_overlay: Option<Overlay>,
    network: Option<(Instant, String)>,
}

impl Lettering {
    /// The child that was told is gone.
    pub(super) fn forget_told(&mut self) {
        (self.told_splash, self.told_overlay) = (None, None);
    }

    /// What it is to be told now; `wrong` is what is wrong with the screen, the worst first.
    pub(super) fn news(&mut self, wrong: impl Iterator<Item = String>) -> Vec<Command> {
        let mut news = Vec::new();
        if let Some(splash) = self.whole(wrong)
            && self.told_splash.as_ref() != Some(&splash)
        {
            self.told_splash = Some(splash.clone());
            news.push(Command::Splash(splash));
        }
        let overlay = self.overlay.clone().cut();
        if self.told_overlay.as_ref() != Some(&overlay) {
            self.told_overlay = Some(overlay.clone());
            news.push(Command::Overlay(overlay));
        }
        news
    }

    fn whole(&mut self, wrong: impl Iterator<Item = String>) -> Option<Splash> {
        let mut splash = self.splash.clone()?;
        if splash.title.is_empty() {
            splash.title = fs::read_to_string(HOST_NAME).unwrap_or_default().trim().to_owned();
        }
        splash.lines.push(self.network());
        for words in wrong {
            if !splash.lines.contains(&words) {
                splash.lines.push(words);
            }
        }
        Some(splash.cut())
    }

    fn network(&mut self) -> String {
        if let Some((at, words)) = &self.network
            && at.elapsed() < LOOK_EVERY
        {
            return words.clone();
        }
        let addresses: Vec<String> = buttons::addresses().iter().map(ToString::to_string).collect();
        let words = match addresses.as_slice() {
            [] => "No network is connected".to_owned(),
            addresses => format!("Network: {}", addresses.join(", ")),
        };
        self.network = Some((Instant::now(), words.clone()));
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_news_are_told_and_all_of_it_to_a_child_that_is_new() {
        let mut lettering = Lettering::default();
        let told = lettering.news(["bad".to_owned()].into_iter());
        assert_eq!(told, [Command::Overlay(Overlay::default())], "App has said nothing yet");
        lettering.splash = Some(Splash { lines: vec!["bad".into()], ..Splash::default() });
        let [Command::Splash(splash)] = &lettering.news(["bad".into(), "worse".into()].into_iter())[..]
        else {
            panic!()
        };
        assert!(!splash.title.is_empty() && splash.lines.len() == 3, "{splash:?}");
        assert_eq!((splash.lines[0].as_str(), splash.lines[2].as_str()), ("bad", "worse"));
        assert!(lettering.news(["bad".into(), "worse".into()].into_iter()).is_empty());
        lettering.overlay.ticker = Some("Soup of the day".into());
        assert_eq!(lettering.news(["bad".into(), "worse".into()].into_iter()).len(), 1);
        lettering.forget_told();
        assert_eq!(lettering.news(std::iter::empty()).len(), 2);
    }
}
