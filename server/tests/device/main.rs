//! The device's own program against a server, over a real socket: let in, commanded, killed, lied to. It plays to nobody (`null`).
//!
//! The device is a program of another package, which this one does not know: it lies beside the server's own.
//! `cargo test --workspace` and `cargo nextest run --workspace` build both.

#![cfg(test)]

mod enrolled;
mod fleet;
mod killed;
mod liar;
mod lies;
#[path = "../process/mod.rs"]
mod process;
mod replaced;
mod room;
mod screen;
mod server;
mod tls;

use std::path::{Path, PathBuf};

/// The device's program, which has to be built.
fn device() -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_orchestrion-server")).with_file_name("orchestrion");
    assert!(
        path.is_file(),
        "THE DEVICE IS NOT BUILT: {} is not there. These tests need it: `cargo build -p orchestrion`, or test the whole workspace",
        path.display()
    );
    path
}
