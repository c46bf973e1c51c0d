//! What somebody sets from afar, over restarts and changed configurations.

use super::*;

/// The gain that the audio thread was told last, in dB, some seconds after a start.
fn gain_db(sim: &mut Sim) -> f32 {
    sim.run_ms(3_000);
    sim.world.gain_db.unwrap()
}

fn began(restored: &Restored, configured_db: f32) -> Sim {
    let levels = Levels { trim_db: configured_db, ..Levels::default() };
    Sim::restart(1, &[good(60_000); 3], Start { afresh: false, levels, ..start(Repeat::All, 0) }, restored)
}

#[test]
fn a_trim_is_heard_at_once_outlives_a_restart_and_ends_when_the_configuration_says_another() {
    let mut sim = began(&Restored { run: 1, ..Restored::default() }, 0.0);
    let usual_db = gain_db(&mut sim);
    sim.ask(Method::Trim(TrimParams { db: -3.0 }));
    assert_eq!(sim.world.gain_db, Some(usual_db - 3.0));
    // What cannot be changes nothing.
    for db in [-25.0, 13.0, f32::NAN, f32::INFINITY] {
        sim.ask(Method::Trim(TrimParams { db }));
        assert_eq!(sim.world.gain_db, Some(usual_db - 3.0));
    }
    // Set again, it is still over what the configuration says.
    sim.ask(Method::Trim(TrimParams { db: -5.0 }));
    let restored = |sim: &Sim, run| Restored { run, memories: sim.witness.memories(), ..Restored::default() };
    let mut again = began(&restored(&sim, 2), 0.0);
    assert_eq!(gain_db(&mut again), usual_db - 5.0);
    let mut edited = began(&restored(&sim, 2), 2.0);
    assert_eq!(gain_db(&mut edited), usual_db + 2.0);
}
