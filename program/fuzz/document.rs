//! Documents that a fuzzer makes up, byte by byte, with what it has seen the parser do: refused with a reason, or everything
//! that can be asked of a program is asked of them. `script/test fuzz` runs it, beginning with the documents of the tests.

#![no_main]

#[path = "../tests/rig/asking.rs"]
mod asking;

use asking::{Dice, ask_everything};
use libfuzzer_sys::fuzz_target;
use orchestrion_program::{Program, check};

fuzz_target!(|text: &[u8]| {
    let (document, report) = check::check(text);
    assert!(document.is_some() || report.is_wrong());
    assert!(report.errors.iter().chain(&report.warnings).all(|finding| !finding.message.is_empty()));
    // The same document is always asked the same.
    let seed = text.iter().fold(0u64, |sum, byte| sum.rotate_left(5) ^ u64::from(*byte));
    match document.map(Program::compile) {
        Some(Ok(program)) => ask_everything(&mut Dice::new(seed), &program),
        Some(Err(again)) => assert_eq!(again, report),
        None => {}
    }
});
