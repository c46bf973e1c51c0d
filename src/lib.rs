//! The Orchestrion device: it plays music with crossfades and goes on playing.
//!
//! Start at `docs/ARCHITECTURE.md`. One thread decides ([`app`]) and does no I/O; every resource has a thread of its own
//! ([`audio`], [`storage`], [`library`], [`control`]); [`bootstrap`] starts and stops them all.

pub mod app;
pub mod audio;
pub mod config;
pub mod control;
pub mod library;
pub mod service;
pub mod storage;
pub mod time;
