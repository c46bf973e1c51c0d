//! `orchestrion-demo-media OUT_DIR`: renders the demo's music into a folder.

use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use orchestrion_rig::tunes::{self, Outcome};

const HELP: &str = "\
Renders the demo's music: seven tracks in three albums, four minutes in all, from scores of tunes in
the public domain. They come as FLAC of 16 and 24 bit, MP3 and Ogg Vorbis at 44.1 and 48 kHz, with tags
and covers. The two tracks of \"The Musical Clock\" are one performance, to be played without a gap.

Usage: orchestrion-demo-media OUT_DIR

OUT_DIR is made where it is missing. A file that is there already is kept: delete it to have it rendered
anew. A file appears only when it is complete, so this can be interrupted and called again.

Needs the commands flac, lame and oggenc; script/setup installs them.

Example: orchestrion-demo-media demo-media && orchestrion play demo-media
";

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    match &args[..] {
        [arg] if arg == "--help" || arg == "-h" => said(HELP),
        [out_dir] if !out_dir.to_string_lossy().starts_with('-') && !out_dir.is_empty() => {
            render(Path::new(out_dir))
        }
        _ => {
            eprint!("One argument is needed, the folder to render into.\n\n{HELP}");
            ExitCode::from(2)
        }
    }
}

fn render(out_dir: &Path) -> ExitCode {
    let mut is_heard = true;
    let rendered = tunes::render_all(out_dir, |path, outcome| {
        let outcome = match outcome {
            Outcome::Rendered { seconds } => format!("rendered, {seconds} s"),
            Outcome::Kept => "is there already".to_owned(),
        };
        // Whoever reads may have gone; the files are made all the same.
        is_heard = is_heard && writeln!(io::stdout(), "{}: {outcome}", path.display()).is_ok();
    });
    match rendered {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", chain(&error));
            ExitCode::FAILURE
        }
    }
}

fn said(text: &str) -> ExitCode {
    // A pager that is closed early is no failure.
    let _ = io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

/// An error with its causes, on one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}
