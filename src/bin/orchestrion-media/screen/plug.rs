//! Whether the screen that is shown on was pulled out and another must be opened. Pure.

use orchestrion::media::screen::connectors::Connector;

/// See the head of this file.
#[derive(Debug, Default)]
pub struct Plug {
    /// The connector that is shown on had no screen when it was looked at last.
    is_out: bool,
}

impl Plug {
    /// Nobody sees what is shown.
    pub fn is_out(&self) -> bool {
        self.is_out
    }

    /// What the connectors are like now; whether the sink must be opened anew: there is a screen again, or at another connector.
    pub fn see(&mut self, ours: &str, connectors: &[Connector]) -> bool {
        let is_connected =
            connectors.iter().any(|connector| connector.name == ours && connector.is_connected);
        if is_connected {
            return std::mem::take(&mut self.is_out);
        }
        self.is_out = true;
        connectors.iter().any(|connector| connector.is_connected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connectors(first: bool, second: bool) -> [Connector; 2] {
        let connector =
            |name: &str, is_connected| Connector { name: name.into(), is_connected, native: None };
        [connector("card0-HDMI-A-1", first), connector("card0-HDMI-A-2", second)]
    }

    #[test]
    fn a_screen_that_comes_back_or_comes_elsewhere_is_opened_anew_and_nothing_else() {
        let mut plug = Plug::default();
        let mut see = |first, second| plug.see("card0-HDMI-A-1", &connectors(first, second));
        assert!(!see(true, false) && !see(true, true), "a second screen is not shown on");
        assert!(!see(false, false) && !see(false, false));
        assert!(see(true, false), "it is back");
        assert!(!see(true, false));
        assert!(see(false, true), "it was put into the other");
        assert!(
            !Plug::default().see("card0-HDMI-A-1", &[]),
            "where the kernel tells nothing nothing is known"
        );
    }
}
