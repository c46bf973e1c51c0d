//! What is written on the screen: the splash, and the line and the ticker over films and pictures.

use orchestrion_protocol::status::{self, ServerLink};

use super::playback::Transport;
use super::{App, Effect};
use crate::media::screen::message::FilePath;
use crate::media::screen::words::{Overlay, Splash};
use crate::video::Command;

/// What the video thread was told last.
#[derive(Debug, Default)]
pub(super) struct Lettering {
    splash: Option<Splash>,
    overlay: Overlay,
}

impl App {
    /// Tells the video thread what is to be written, if that changed.
    pub(super) fn tell_lettering(&mut self, effects: &mut Vec<Effect>) {
        if self.picture.wanted().is_none() {
            return;
        }
        let (splash, overlay) = (self.splash(), self.overlay());
        let told = &mut self.picture.lettering;
        if told.splash.as_ref() != Some(&splash) {
            told.splash = Some(splash.clone());
            effects.push(Effect::Video(Command::Splash(Box::new(splash))));
        }
        if told.overlay != overlay {
            told.overlay = overlay.clone();
            effects.push(Effect::Video(Command::Overlay(overlay)));
        }
    }

    fn splash(&self) -> Splash {
        let server = self.server.status();
        let code = server.as_ref().and_then(|server| server.code.clone());
        let qr = server.as_ref().zip(code.as_deref()).map(|(server, code)| qr(&server.url, code));
        let mut lines: Vec<String> = server.as_ref().map(in_words).into_iter().collect();
        if self.output.as_ref().is_some_and(|output| !output.audible) {
            lines.push("There is no sound output: nobody hears the music".into());
        }
        lines.extend(self.server.disk.iter().map(|words| format!("The disk takes nothing: {words}")));
        lines.extend(self.air.problem().map(str::to_owned));
        Splash { title: self.server.name().unwrap_or_default().to_owned(), code, qr, lines }
    }

    fn overlay(&self) -> Overlay {
        let Some(wanted) = self.picture.wanted() else { return Overlay::default() };
        let rules = self.picture.rules();
        let is_told = rules.now_playing.unwrap_or(wanted.now_playing);
        let now_playing = if is_told { self.song_in_words() } else { None };
        // Told of only with its words; this is asked after each event.
        let current = self.playback.current.as_ref().filter(|_| now_playing.is_some());
        let entry = current.and_then(|current| self.queue.get(current.entry));
        let song = entry.map(|entry| FilePath::from(&*entry.path));
        Overlay { now_playing, song, ticker: rules.ticker.clone().or_else(|| wanted.ticker.clone()) }.cut()
    }

    /// The song that is heard; what is said is none.
    fn song_in_words(&self) -> Option<String> {
        let current = self.playback.current.as_ref()?;
        if self.playback.transport != Transport::Playing || self.air.spot(current.entry).is_some() {
            return None;
        }
        let (title, artist) = self.names(current.entry)?;
        Some(match artist {
            Some(artist) => format!("♫ {title} – {artist}"),
            None => format!("♫ {title}"),
        })
    }
}

/// What a camera reads: the server's address, and the code behind a `#`, which browsers keep to themselves.
fn qr(url: &str, code: &str) -> String {
    format!("{url}/#code={code}")
}

fn in_words(server: &status::Server) -> String {
    let url = &server.url;
    match (&server.code, &server.problem, server.link) {
        (Some(_), ..) => format!("Type this code at {url}, and this device belongs there"),
        (None, Some(problem), _) => format!("The server {url}: {problem}"),
        (None, None, ServerLink::Connected) if server.place.is_none() => {
            format!("Connected to {url}, which has bound this device to no place yet")
        }
        (None, None, ServerLink::Connected) => format!("Connected to {url}"),
        (None, None, ServerLink::AutoConnecting | ServerLink::Connecting) => format!("Connecting to {url}"),
        (None, None, ServerLink::Disconnecting | ServerLink::Disconnected) => {
            format!("Not connected to {url}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_it_stands_with_the_server_is_told_in_words() {
        let server = status::Server { url: "https://music.example".into(), ..status::Server::default() };
        assert_eq!(in_words(&server), "Connecting to https://music.example");
        let connected = status::Server { link: ServerLink::Connected, ..server.clone() };
        assert!(in_words(&connected).contains("no place"));
        let bound = status::Server { place: Some("leeds-1".into()), ..connected };
        assert_eq!(in_words(&bound), "Connected to https://music.example");
        let refused = status::Server { problem: Some("its certificate is not believed".into()), ..bound };
        assert!(in_words(&refused).contains("not believed"));
        let coded = status::Server { code: Some("BCDF-GHJK".into()), ..refused };
        assert!(in_words(&coded).contains("Type this code"));
        assert_eq!(qr(&server.url, "BCDF-GHJK"), "https://music.example/#code=BCDF-GHJK");
    }
}
