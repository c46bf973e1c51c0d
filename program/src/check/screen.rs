//! Loops of films and pictures, and what names them.

use std::collections::HashSet;

use super::Judge;
use crate::model::{HOLD_S, LOOPS_MAX, Library, Resolved, ScreenLoop, TURNS_MAX};
use crate::shelf::Shelf;

pub(super) fn judge(judge: &mut Judge, document: &Resolved, library: &Library, shelf: &Shelf<'_>) {
    let loops = &library.loops;
    judge.count("library.loops", loops.len(), LOOPS_MAX);
    judge.unique("library.loops", loops.iter().map(|shown| &shown.id));
    for (at, shown) in loops.iter().enumerate().take(LOOPS_MAX) {
        one(judge, &format!("library.loops[{at}]"), shown, shelf);
    }
    if loops.is_empty() {
        // Then loops are what the device's configuration calls so.
        return;
    }
    for (at, daypart) in document.dayparts.iter().enumerate() {
        if let Some(id) = daypart.screen_loop.as_ref().filter(|id| shelf.screen_loop(id.as_str()).is_none()) {
            let message = format!(
                "there is no loop \"{id}\" in the library; a device shows its own of that name, if its configuration has one"
            );
            judge.warning(format_args!("dayparts[{at}].screen_loop"), message);
        }
    }
}

fn one(judge: &mut Judge, path: &str, shown: &ScreenLoop, shelf: &Shelf<'_>) {
    judge.id(format_args!("{path}.id"), shown.id.as_str());
    if shown.items.is_empty() && shown.folder.is_none() {
        judge.warning(path, format!("the loop \"{}\" is empty", shown.id));
    }
    let turns = shown.items.iter().fold(0u32, |sum, item| sum.saturating_add(item.weight));
    if turns > TURNS_MAX || shown.items.len() > TURNS_MAX as usize {
        let message = format!("its weights together are {turns}; {TURNS_MAX} are the most");
        judge.error(format_args!("{path}.items"), message);
    }
    let mut named = HashSet::new();
    for (at, item) in shown.items.iter().enumerate().take(TURNS_MAX as usize) {
        let path = format!("{path}.items[{at}]");
        if shelf.recording(item.recording.as_str()).is_none() {
            let message = format!("there is no recording \"{}\"", item.recording);
            judge.error(format_args!("{path}.recording"), message);
        }
        if !named.insert(&item.recording) {
            let message = format!("\"{}\" is named twice; add the weights", item.recording);
            judge.error(format_args!("{path}.recording"), message);
        }
        judge.whole(format_args!("{path}.weight"), item.weight, 1..=TURNS_MAX);
        if let Some(hold_s) = item.hold_s {
            judge.number(format_args!("{path}.hold_s"), hold_s, HOLD_S);
        }
    }
}
