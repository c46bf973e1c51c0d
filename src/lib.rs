//! The Orchestrion device: it plays music with crossfades and goes on playing.
//!
//! Start at `docs/ARCHITECTURE.md`. One thread decides ([`app`]) and does no I/O; every resource has a thread of its own
//! ([`audio`], [`storage`], [`library`], [`measure`], [`control`]); [`bootstrap`] starts and stops them all.

pub mod app;
pub mod audio;
pub mod bootstrap;
pub mod cli;
pub mod config;
pub mod control;
pub mod library;
pub mod measure;
pub mod media;
pub mod program;
pub mod service;
pub mod storage;
pub mod time;

/// In tests the callback's part runs under an allocator that refuses; elsewhere it is the usual one.
#[cfg(test)]
#[global_allocator]
static ALLOCATOR: assert_no_alloc::AllocDisabler = assert_no_alloc::AllocDisabler;
