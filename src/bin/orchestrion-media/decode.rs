//! `orchestrion-media decode`: for people one file, from start to end; for the device, with `--serve`, a file that it hands
//! over, as it is wanted. What people see goes through the same two processes and the same socket as in the device.

mod confine;
mod join;
pub(crate) mod listen;
pub mod movie;
mod pipeline;
pub(crate) mod plugins;
mod serve;
mod wav;

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use orchestrion::media::{Decoding, Limits, MEMORY_MIB_MAX};
use wav::WavWriter;

/// `orchestrion-media decode`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  orchestrion-media decode song.wma
  orchestrion-media decode song.m4a --wav song.wav
  orchestrion-media decode long.ape --wav end.wav --start 3600

Exit codes: 0 decoded, 1 it could not be decoded, 2 the command line is wrong.")]
pub struct DecodeArgs {
    /// The file; whatever its name, what is in it counts
    #[arg(value_name = "FILE", required_unless_present = "serve")]
    file: Option<PathBuf>,
    /// Write the sound there (32 bit float WAV)
    #[arg(long, value_name = "OUT")]
    wav: Option<PathBuf>,
    /// Begin at this second
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0)]
    start: f64,
    /// Memory that the decoder may use, in MiB
    #[arg(long, value_name = "MIB", default_value_t = MEMORY_MIB_MAX, value_parser = clap::value_parser!(u64).range(16..=4096))]
    memory_mib: u64,
    /// For the device only: take a file from the socket on standard input
    #[arg(long, conflicts_with_all = ["file", "wav", "start"])]
    serve: bool,
}

impl DecodeArgs {
    /// Does it.
    pub fn run(self) -> ExitCode {
        let Some(file) = self.file.as_deref().filter(|_| !self.serve) else {
            return serve::run(self.memory_mib);
        };
        match self.decode(file) {
            Ok(summary) => {
                println!("{}: {summary}", file.display());
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("orchestrion-media: {}: {error:#}", file.display());
                ExitCode::FAILURE
            }
        }
    }

    fn decode(&self, path: &Path) -> anyhow::Result<String> {
        // As the device does: opening a FIFO must not wait for a writer.
        let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
        anyhow::ensure!(file.metadata()?.is_file(), "it is not a file");
        let limits = Limits { memory_mib: self.memory_mib, ..Limits::default() };
        let begun = Instant::now();
        let mut decoding = Decoding::start(&std::env::current_exe()?, &file, limits)?;
        let first_ms = begun.elapsed().as_millis();
        if self.start > 0.0 {
            decoding.seek((self.start * 1000.0) as u64)?;
        }
        let mut samples = Vec::new();
        let mut more = decoding.read(&mut samples)?;
        let format = decoding.format();
        let mut wav = self.wav.as_deref().map(|out| WavWriter::create(out, format)).transpose()?;
        let mut count = 0;
        while more {
            anyhow::ensure!(decoding.format() == format, "its format changes after {count} samples");
            count += samples.len();
            if let Some(wav) = &mut wav {
                wav.write(&samples)?;
            }
            more = decoding.read(&mut samples)?;
        }
        wav.map(WavWriter::finish).transpose()?;
        let seconds = count as f64 / f64::from(format.rate_hz) / f64::from(format.channels);
        let speed = seconds / begun.elapsed().as_secs_f64();
        Ok(format!(
            "{} Hz, {} channels, {seconds:.3} s; the first sound after {first_ms} ms, decoded at {speed:.0} × its speed",
            format.rate_hz, format.channels
        ))
    }
}

/// `orchestrion-media formats`.
pub fn formats() -> ExitCode {
    match plugins::load() {
        Ok(loaded) => {
            print!("{}", loaded.table());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("orchestrion-media: {error}");
            ExitCode::FAILURE
        }
    }
}
