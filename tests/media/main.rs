//! `orchestrion-media` as the device uses it: real files, real processes, and what they leave behind.

#![cfg(test)]

mod decoded;
mod ends;
mod formats;
mod walls;
