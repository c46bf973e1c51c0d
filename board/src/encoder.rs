//! A rotary encoder: two contacts, a quarter turn apart, closed in an order that tells the direction.
//!
//! A table of transitions needs no debouncing: a contact that chatters goes one quarter forth and back. An edge that was missed
//! (both contacts changed) moves nothing.

/// How many transitions of the contacts one detent has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Detent {
    /// Most encoders: rests where both contacts are open, four transitions from rest to rest.
    #[default]
    Full,
    /// Rests where both are equal, two transitions.
    Half,
    /// Every transition counts.
    Quarter,
}

impl Detent {
    fn quarters(self) -> i8 {
        match self {
            Self::Full => 4,
            Self::Half => 2,
            Self::Quarter => 1,
        }
    }

    /// Whether the contacts stand like this where the knob rests.
    fn is_rest(self, (a, b): (bool, bool)) -> bool {
        match self {
            Self::Full => !a && !b,
            Self::Half => a == b,
            Self::Quarter => true,
        }
    }
}

/// An encoder.
#[derive(Debug, Clone)]
pub struct Encoder {
    contacts: (bool, bool),
    detent: Detent,
    quarters: i8,
}

impl Encoder {
    /// An encoder whose contacts are closed like this.
    #[must_use]
    pub fn new(a: bool, b: bool, detent: Detent) -> Self {
        Self { contacts: (a, b), detent, quarters: 0 }
    }

    /// Contact `a` changed. One detent further is 1, one back −1.
    pub fn edge_a(&mut self, closed: bool) -> i8 {
        self.turn((closed, self.contacts.1))
    }

    /// Contact `b` changed.
    pub fn edge_b(&mut self, closed: bool) -> i8 {
        self.turn((self.contacts.0, closed))
    }

    fn turn(&mut self, contacts: (bool, bool)) -> i8 {
        let quarter = position(contacts) - position(self.contacts);
        self.contacts = contacts;
        // Around the circle of four: 3 is one back, −3 one further; 2 tells no direction.
        self.quarters += match quarter {
            1 | -3 => 1,
            -1 | 3 => -1,
            _ => 0,
        };
        let full = self.detent.quarters();
        let turned = self.quarters / full;
        self.quarters %= full;
        if turned == 0 && self.detent.is_rest(contacts) {
            // At rest with quarters left over: an edge was missed. More than half a detent was meant as one.
            let meant = if self.quarters * 2 > full { 1 } else { -i8::from(self.quarters * 2 < -full) };
            self.quarters = 0;
            return meant;
        }
        turned
    }
}

/// Where on the circle the contacts stand, 0–3: open, a, both, b.
fn position(contacts: (bool, bool)) -> i8 {
    match contacts {
        (false, false) => 0,
        (true, false) => 1,
        (true, true) => 2,
        (false, true) => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORTH: [(bool, bool); 4] = [(true, false), (true, true), (false, true), (false, false)];

    fn go(encoder: &mut Encoder, to: (bool, bool)) -> i8 {
        if to.0 == encoder.contacts.0 { encoder.edge_b(to.1) } else { encoder.edge_a(to.0) }
    }

    #[test]
    fn a_turn_of_twenty_detents_is_twenty_steps_in_its_direction() {
        let mut encoder = Encoder::new(false, false, Detent::Full);
        let forth: i32 = (0..20).flat_map(|_| FORTH).map(|to| i32::from(go(&mut encoder, to))).sum();
        assert_eq!(forth, 20);
        let back = [(false, true), (true, true), (true, false), (false, false)];
        let back: i32 = (0..20).flat_map(|_| back).map(|to| i32::from(go(&mut encoder, to))).sum();
        assert_eq!(back, -20);
    }

    #[test]
    fn half_and_quarter_detents_count_what_they_are() {
        for (detent, steps) in [(Detent::Half, 2), (Detent::Quarter, 4)] {
            let mut encoder = Encoder::new(false, false, detent);
            let turned: i32 = FORTH.iter().map(|to| i32::from(go(&mut encoder, *to))).sum();
            assert_eq!(turned, steps, "{detent:?}");
        }
    }

    #[test]
    fn chatter_of_either_contact_turns_nothing() {
        let mut encoder = Encoder::new(false, false, Detent::Full);
        for to in FORTH.iter().take(3) {
            go(&mut encoder, *to);
            for _ in 0..50 {
                assert_eq!(encoder.edge_a(!to.0) + encoder.edge_a(to.0), 0);
            }
        }
        assert_eq!(go(&mut encoder, (false, false)), 1);
    }

    #[test]
    fn a_knob_that_is_wiggled_around_its_rest_turns_nothing_in_sum() {
        let mut encoder = Encoder::new(false, false, Detent::Full);
        for _ in 0..1000 {
            assert_eq!(
                encoder.edge_a(true) + encoder.edge_b(true) + encoder.edge_b(false) + encoder.edge_a(false),
                0
            );
        }
    }

    #[test]
    fn after_a_missed_edge_it_is_right_again_from_the_next_rest_on() {
        let mut encoder = Encoder::new(false, false, Detent::Full);
        // The edge to (true, true) is lost, and told by the next.
        encoder.edge_a(true);
        encoder.turn((false, true));
        encoder.edge_b(false);
        let turned: i32 = FORTH.iter().map(|to| i32::from(go(&mut encoder, *to))).sum();
        assert_eq!(turned, 1);
    }
}
