//! The Orchestrion device: it plays music with crossfades and goes on playing.
//!
//! Start at `docs/ARCHITECTURE.md`. One thread decides ([`app`]) and does no I/O; every resource has a thread of its own
//! ([`audio`], [`buttons`], [`storage`], [`library`], [`measure`], [`releases`], [`video`], [`control`]); [`bootstrap`] starts and stops them all.

pub mod app;
pub mod audio;
pub mod bootstrap;
pub mod buttons;
pub mod cli;
pub mod clock;
pub mod config;
pub mod control;
pub mod download;
pub mod library;
pub mod measure;
pub mod media;
pub mod program;
pub mod releases;
pub mod service;
pub mod storage;
pub mod store;
pub mod time;
pub mod tls;
pub mod video;
pub mod web;
pub mod workshop;

/// In tests the callback's part runs under an allocator that refuses; elsewhere it is the usual one.
#[cfg(test)]
#[global_allocator]
static ALLOCATOR: assert_no_alloc::AllocDisabler = assert_no_alloc::AllocDisabler;
