//! `orchestrion-media screen` as the device uses it: real films on a real (virtual) screen, whose pixels are watched.

#![cfg(test)]

mod bad;
mod device;
mod ends;
#[cfg(feature = "sound")]
mod film;
mod overlay;
mod power;
mod shape;
mod shown;
mod soak;
mod splash;
mod stage;
