//! The program beside the device that decodes what Rust cannot, and shows films and pictures. It is the only one that
//! loads GStreamer, and the device starts one for each such file and one for the screen: when a C decoder crashes, the
//! music goes on.

mod decode;
mod fault;
mod screen;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Decodes with GStreamer what Orchestrion cannot decode itself, and shows films and pictures.
#[derive(Debug, Parser)]
#[command(
    name = "orchestrion-media",
    version,
    arg_required_else_help = true,
    after_help = "\
The device starts this program by itself. To try a file:
  orchestrion-media decode song.wma                  # can it be decoded, and how fast?
  orchestrion-media decode song.wma --wav song.wav   # and what does it sound like?
  orchestrion-media formats                          # what this machine can decode
  orchestrion-media screen a.mp4 b.jpg               # a loop of films and pictures, until Ctrl-C"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Decode one file
    Decode(decode::DecodeArgs),
    /// List what can be decoded here, and which packages are missing
    Formats,
    /// Show a loop of films and pictures
    Screen(screen::ScreenArgs),
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Decode(args) => args.run(),
        Command::Formats => decode::formats(),
        Command::Screen(args) => args.run(),
    }
}
