//! Songs that the device before this one has played in its place: for the rules of rotation, and over restarts. They count as
//! played before all that is in the play log here.

use orchestrion_program::Absolute;
use orchestrion_program::rotation::{Heard, History};
use orchestrion_protocol::limits::{INHERITED_LEN_MAX, INHERITED_NAME_LEN_MAX};
use orchestrion_protocol::method::{InheritParams, InheritedPlay};
use orchestrion_protocol::rpc::{RpcError, code};
use serde_json::{Value, json};

use super::super::{App, Effect};
use crate::program::Program;
use crate::storage::Remembered;
use crate::time::Now;

/// Songs that are remembered in all; the oldest go first.
const KEPT_LEN_MAX: usize = 10 * INHERITED_LEN_MAX;

/// What they leave behind, the oldest first.
/// Whatever clock told the time there: nothing was played later than now, as rotation counts.
pub(super) fn history(program: &Program, plays: &[InheritedPlay], now: Absolute) -> History {
    let heard = plays.iter().map(|play| Heard {
        recording: &play.recording,
        at_ms: play.at_utc_ms.min(now.0),
        from: play.playlist.as_deref().map(|list| (list, None)),
    });
    History::restore(&program.catalogue, heard)
}

/// As they were kept.
pub(super) fn read(kept: &str) -> Vec<InheritedPlay> {
    let read = serde_json::from_str(kept);
    read.inspect_err(|error| log::error!("what the device before this one has played is forgotten: {error}"))
        .unwrap_or_default()
}

impl App {
    /// Somebody tells more of them.
    pub(in crate::app) fn inherit(
        &mut self,
        now: Now,
        params: InheritParams,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Value>, RpcError> {
        let InheritParams { plays } = params;
        let wrong = |words: String| Err(RpcError::new(code::INVALID_PARAMS, words));
        if plays.len() > INHERITED_LEN_MAX {
            return wrong(format!("{} songs at once; {INHERITED_LEN_MAX} at most", plays.len()));
        }
        let names = plays.iter().flat_map(|play| [Some(&play.recording), play.playlist.as_ref()]);
        if names.flatten().any(|name| name.len() > INHERITED_NAME_LEN_MAX) {
            return wrong(format!("a name of more than {INHERITED_NAME_LEN_MAX} bytes"));
        }
        if let Some(on) = &mut self.air.on {
            let before = history(&on.program, &plays, self.times.rotation(now));
            on.history = on.history.after(&before, &on.program.catalogue);
            // What was chosen without knowing of them gives way; what plays goes on to its end.
            self.drop_upcoming(effects);
        }
        let told = plays.len();
        let kept = &mut self.air.inherited;
        kept.splice(0..0, plays);
        kept.drain(..kept.len().saturating_sub(KEPT_LEN_MAX));
        self.keeper.remember(Remembered::Inherited, json!(kept).to_string(), effects);
        Ok(Some(json!({ "inherited": told })))
    }
}
