//! Virtual time: one device, and herds of them.

use super::*;

/// A device that is in, in step with a server that answers.
fn connected(now_ms: u64) -> Machine {
    let mut machine = Machine::new(now_ms, 7, true);
    machine.link = Link::Connecting;
    machine.answered(now_ms, Answered::Beat { next_s: 30, is_busy: false });
    machine
}

#[test]
fn it_waits_for_its_phase_asks_and_is_then_held() {
    let mut machine = Machine::new(1_000, 7, true);
    let Step::Wait(wait_ms) = machine.step(1_000) else { panic!() };
    assert!(wait_ms < 30_000);
    let at = 1_000 + wait_ms;
    assert_eq!(machine.step(at), Step::Beat { hold_s: 0 });
    assert_eq!(machine.link(), Link::Connecting);
    machine.answered(at + 20, Answered::Beat { next_s: 30, is_busy: false });
    assert_eq!((machine.link(), machine.connection()), (Link::Connected, 1));
    assert_eq!(machine.step(at + 20), Step::Beat { hold_s: 30 });
    machine.hurry();
    assert_eq!(machine.step(at + 30_000), Step::Beat { hold_s: 0 });
    assert_eq!(machine.step(at + 30_020), Step::Beat { hold_s: 30 });
    // The phase is the device's own, always the same.
    assert_eq!(Machine::new(1_000, 7, true).step(1_000), Step::Wait(wait_ms));
}

#[test]
fn a_new_connection_has_a_new_number_and_a_held_one_keeps_it() {
    let mut machine = connected(0);
    machine.answered(30_000, Answered::Beat { next_s: 30, is_busy: false });
    assert_eq!(machine.connection(), 1);
    machine.failed(31_000, &Failure::Away("gone".into()));
    assert_eq!(machine.link(), Link::AutoConnecting);
    let Step::Wait(wait_ms) = machine.step(31_000) else { panic!() };
    machine.step(31_000 + wait_ms);
    machine.answered(33_000, Answered::Beat { next_s: 30, is_busy: false });
    assert_eq!(machine.connection(), 2);
}

#[test]
fn waits_grow_to_a_bound_and_one_answer_makes_them_short_again() {
    let mut machine = connected(0);
    let mut now_ms = 0;
    let mut longest = 0;
    for _ in 0..200 {
        machine.failed(now_ms, &Failure::Away("no route".into()));
        let wait_ms = match machine.step(now_ms) {
            Step::Wait(wait_ms) => wait_ms,
            Step::Enrol | Step::Beat { .. } | Step::Stop => 0,
        };
        longest = longest.max(wait_ms);
        now_ms += wait_ms;
    }
    assert!((60_000..=BACKOFF_MAX_MS).contains(&longest), "{longest}");
    machine.step(now_ms);
    machine.answered(now_ms, Answered::Beat { next_s: 30, is_busy: false });
    machine.failed(now_ms, &Failure::Away("again".into()));
    assert!(matches!(machine.step(now_ms), Step::Wait(0..=1_000) | Step::Beat { .. }));
}

#[test]
fn a_server_that_says_when_is_kept_to_and_one_that_says_nonsense_is_not() {
    let wait = |after_ms| {
        let mut machine = connected(0);
        machine.failed(0, &Failure::Later { after_ms, words: "busy".into() });
        match machine.step(0) {
            Step::Wait(wait_ms) => wait_ms,
            other => panic!("{other:?}"),
        }
    };
    assert!((20_000..=30_000).contains(&wait(20_000)));
    assert!(wait(u64::MAX) <= RETRY_AFTER_MAX_MS * 3 / 2);
    // An interval that cannot be is brought into its bounds.
    let mut machine = connected(0);
    machine.answered(0, Answered::Beat { next_s: 0, is_busy: false });
    assert_eq!(machine.step(0), Step::Beat { hold_s: 1 });
    machine.answered(0, Answered::Beat { next_s: u32::MAX, is_busy: false });
    assert!(matches!(machine.step(0), Step::Wait(wait_ms) if wait_ms <= u64::from(NEXT_S_MAX) * 1000));
}

#[test]
fn a_server_that_answers_at_once_for_ever_is_asked_once_a_second() {
    let mut machine = connected(0);
    let (mut now_ms, mut asked) = (0, 0);
    while now_ms < 600_000 {
        match machine.step(now_ms) {
            Step::Wait(wait_ms) => now_ms += wait_ms,
            Step::Beat { .. } => {
                asked += 1;
                machine.hurry();
                machine.answered(now_ms, Answered::Beat { next_s: 1, is_busy: false });
            }
            Step::Enrol | Step::Stop => panic!("it is in"),
        }
    }
    assert!((600..=600 + BURST + 1).contains(&asked), "{asked} requests in ten minutes");
}

#[test]
fn who_is_not_known_any_more_enrols_and_who_is_refused_asks_seldom() {
    let mut machine = connected(0);
    machine.failed(0, &Failure::Unknown("the token is gone".into()));
    assert_eq!(machine.step(2_000), Step::Enrol);
    machine.failed(2_000, &Failure::Refused("not wanted".into()));
    let Step::Wait(wait_ms) = machine.step(2_000) else { panic!() };
    assert!(wait_ms >= SELDOM_MS);
    let mut machine = Machine::new(0, 7, false);
    assert_eq!(machine.step(0), Step::Enrol);
    machine.answered(0, Answered::AskAgain { in_s: 5 });
    assert_eq!(machine.step(0), Step::Wait(5_000));
    machine.answered(5_000, Answered::Admitted);
    assert_eq!(machine.step(5_000), Step::Beat { hold_s: 0 });
}

#[test]
fn told_to_stop_it_says_its_last_and_no_more() {
    let mut machine = connected(0);
    machine.stop();
    assert_eq!(machine.link(), Link::Disconnecting);
    assert_eq!(machine.step(0), Step::Beat { hold_s: 0 });
    assert_eq!((machine.step(0), machine.link()), (Step::Stop, Link::Disconnected));
    machine.answered(0, Answered::Beat { next_s: 30, is_busy: false });
    assert_eq!(machine.link(), Link::Disconnected);
}

/// Requests in each second after a server comes back that was away for ten minutes, and its steady rate.
fn herd(devices: u64, has_jitter: bool) -> (u64, u64) {
    const BACK_MS: u64 = 600_000;
    let mut requests = vec![0_u64; 400];
    for seed in 0..devices {
        let mut machine = Machine::new(0, seed, true);
        machine.link = Link::Connecting;
        machine.answered(0, Answered::Beat { next_s: 30, is_busy: false });
        // The server goes away under a request that is held: all notice at once.
        machine.failed(0, &Failure::Away("reset".into()));
        let mut now_ms = 0;
        while now_ms < BACK_MS + 400_000 {
            if !has_jitter && machine.link == Link::AutoConnecting {
                // As a naive client does: doubling, and every device the same.
                let bound_ms = BACKOFF_FIRST_MS.saturating_mul(1 << (machine.failures - 1).min(20));
                machine.due_ms = now_ms + bound_ms.min(BACKOFF_MAX_MS);
            }
            now_ms = match machine.step(now_ms) {
                Step::Wait(wait_ms) => {
                    now_ms += wait_ms;
                    match machine.step(now_ms) {
                        Step::Wait(_) | Step::Enrol | Step::Stop => panic!("it is due"),
                        Step::Beat { hold_s } => asked(&mut machine, now_ms, hold_s, &mut requests),
                    }
                }
                Step::Beat { hold_s } => asked(&mut machine, now_ms, hold_s, &mut requests),
                Step::Enrol | Step::Stop => panic!("it is in"),
            };
        }
    }
    let peak = requests.iter().copied().max().unwrap_or(0);
    (peak, devices / 30)
}

/// A request at a moment; gives when it ended.
fn asked(machine: &mut Machine, now_ms: u64, hold_s: u32, requests: &mut [u64]) -> u64 {
    if now_ms < 600_000 {
        machine.failed(now_ms, &Failure::Away("refused".into()));
        return now_ms;
    }
    if let Some(second) = requests.get_mut(((now_ms - 600_000) / 1000) as usize) {
        *second += 1;
    }
    let until = now_ms + u64::from(hold_s) * 1000;
    machine.answered(until, Answered::Beat { next_s: 30, is_busy: false });
    until
}

#[test]
fn ten_thousand_devices_come_back_without_trampling_and_without_jitter_they_do() {
    let (peak, steady) = herd(10_000, true);
    assert!(peak <= 3 * steady, "peak {peak} a second, steady {steady}");
    let (peak_without, _) = herd(10_000, false);
    assert!(peak_without > 3 * steady, "without jitter the peak is {peak_without}: this test sees nothing");
    println!("herd of 10,000: steady {steady}/s, peak {peak}/s, without jitter {peak_without}/s");
}

/// Requests in each second of the two minutes after a command to all ended what was held for every device at once.
fn after_a_command_to_all(devices: u64, has_phase: bool) -> u64 {
    const GIVEN_MS: u64 = 300_000;
    let mut requests = vec![0_u64; 120];
    for seed in 0..devices {
        let mut machine = Machine::new(0, seed, true);
        let mut now_ms = 0;
        while now_ms < GIVEN_MS + 120_000 {
            let (lasts_ms, is_waiting) = match machine.step(now_ms) {
                Step::Wait(wait_ms) => (wait_ms, true),
                Step::Beat { hold_s } if has_phase || hold_s == 0 => (u64::from(hold_s) * 1000, false),
                Step::Beat { .. } => (30_000, false),
                Step::Enrol | Step::Stop => panic!("it is in"),
            };
            if is_waiting {
                now_ms += lasts_ms;
                continue;
            }
            if let Some(second) =
                now_ms.checked_sub(GIVEN_MS + 5_000).and_then(|ms| requests.get_mut((ms / 1000) as usize))
            {
                *second += 1;
            }
            let mut ends_ms = now_ms + lasts_ms;
            if now_ms < GIVEN_MS && ends_ms > GIVEN_MS {
                // What came is done at once and told.
                ends_ms = GIVEN_MS;
                machine.hurry();
            }
            now_ms = ends_ms;
            machine.answered(now_ms, Answered::Beat { next_s: 30, is_busy: false });
        }
    }
    requests.into_iter().max().unwrap_or(0)
}

#[test]
fn after_a_command_to_all_each_comes_at_its_own_moment_again_and_without_a_phase_all_come_at_once() {
    let (peak, steady) = (after_a_command_to_all(10_000, true), 10_000 / 30);
    assert!(peak <= 2 * steady, "peak {peak} a second, steady {steady}");
    let peak_without = after_a_command_to_all(10_000, false);
    assert!(peak_without > 10 * steady, "without a phase the peak is {peak_without}: this test sees nothing");
    println!("after a command to 10,000: steady {steady}/s, peak {peak}/s, without a phase {peak_without}/s");
}
