//! The screen, shown by `orchestrion-media screen`: what travels between it and the daemon, and the daemon's side of it.
//!
//! One child shows everything for as long as it lives. Lines of JSON go over a UNIX socket pair, which is the child's
//! standard input:
//!
//! ```text
//! daemon                                   orchestrion-media screen --serve
//!                                     ←──  hello (which version it speaks)
//!   begin (sink, fit, rotation, …)    ──→
//!                                     ←──  opened (the sink that it took, the size of the screen)
//!   show (a loop of films, pictures)  ──→
//!                                     ←──  preparing, shown, failed, nothing, …   as they happen
//!                                     ←──  health                                 each second
//!                                     ←──  sound { due_ns, len }, then `len` bytes of it   before they are due
//!   splash, overlay (what is written) ──→
//!   power { is_on }                   ──→
//!                                     ←──  power { is_on }                        when it is switched, or cannot be
//!                                     ←──  splash                                 when it is shown
//!   snapshot { serial }               ──→
//!                                     ←──  snapshot { serial, len }, then `len` bytes of JPEG
//! ```
//!
//! A `show` takes the place of the one before; what is on the screen stays until the first of the new loop is ready. End
//! of file means that the other is gone: the child ends itself, the daemon starts another.

pub mod connectors;
pub mod message;
mod player;
pub mod words;

pub use player::{Fall, Player, Said};
