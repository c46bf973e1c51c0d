//! The server over a real socket on 127.0.0.1: boards that speak the protocol, people who use the interface.

#![cfg(test)]

mod board;
mod commands;
mod disk;
mod enrolment;
mod hostile;
mod house;
mod killed;
mod plays;
#[path = "../process/mod.rs"]
mod process;
mod releases;
mod restarts;
mod tls;
