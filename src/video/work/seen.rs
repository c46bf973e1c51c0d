//! Whether anybody can see what is shown: the screen itself is switched, and plugged.

use super::super::{Event, Power, Wanted};
use super::Work;
use crate::media::screen::message;
use crate::time::{Clock, SystemClock};

impl Work<'_> {
    /// Has the screen itself switched. Who is not wanted for that any more switches it on at last.
    pub(super) fn switch(&mut self, wanted: &Wanted, is_on: bool) {
        let now = SystemClock.now().monotonic;
        let by_connector = matches!(wanted.power, Power::Auto | Power::Dpms);
        if self.player.is_some() && (by_connector || !self.connector.is_on()) {
            self.connector.see_to(now, is_on || !by_connector);
            if let Some(is_on) = self.connector.switch.take_order() {
                self.say(&message::Command::Power { is_on });
            }
        }
        let by_tv = matches!(wanted.power, Power::Auto | Power::Cec);
        if by_tv || !self.tv.is_on() {
            self.tv.see_to(now, is_on || !by_tv);
        }
    }

    /// Whether a screen is connected and on, and so whether anybody can see what is shown.
    pub(super) fn see_screen(&mut self) {
        if let Some(is_connected) = self.plugged.look() {
            log::info!("the screen is {}connected", if is_connected { "" } else { "not " });
            // The TV may be another, and one that was without power is on.
            self.tv.forget();
        }
        self.tell_visible(self.plugged.is_shown_on() && self.is_on());
    }

    pub(super) fn tell_visible(&mut self, is_visible: bool) {
        if std::mem::replace(&mut self.visible_told, is_visible) != is_visible {
            self.service.tell(Event::Visible(is_visible));
        }
    }

    pub(super) fn is_on(&self) -> bool {
        self.connector.is_on() && self.tv.is_on()
    }
}
