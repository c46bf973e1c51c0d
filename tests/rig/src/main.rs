//! `orchestrion-demo-media OUT_DIR`: renders the demo's music into a folder.

use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use orchestrion_rig::Error as RigError;
use orchestrion_rig::films::{self, Film};
use orchestrion_rig::http_server::HttpServer;
use orchestrion_rig::tunes::{self, Outcome};
use orchestrion_rig::{analysis, signal, wav};

const HELP: &str = "\
Renders the demo's music: seven tracks in three albums, four minutes in all, from scores of tunes in
the public domain. They come as FLAC of 16 and 24 bit, MP3 and Ogg Vorbis at 44.1 and 48 kHz, with tags
and covers. The two tracks of \"The Musical Clock\" are one performance, to be played without a gap.

Usage: orchestrion-demo-media OUT_DIR
       orchestrion-demo-media --chime FILE   renders the chime of an announcement (FLAC, 4 s)
       orchestrion-demo-media --screen FOLDER renders a few pictures for a screen, and a film where ffmpeg is installed
       orchestrion-demo-media --serve FOLDER serves a folder by HTTP on this machine until it is ended; says where
       orchestrion-demo-media --heard CAPTURE SONG  tells where in a recording a song begins, in ms, and how
                                             alike they are there, in percent (both WAV)

OUT_DIR is made where it is missing. A file that is there already is kept: delete it to have it rendered
anew. A file appears only when it is complete, so this can be interrupted and called again.

Needs the commands flac, lame and oggenc; script/setup installs them.

Example: orchestrion-demo-media demo-media && orchestrion play demo-media
";

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    match &args[..] {
        [arg] if arg == "--help" || arg == "-h" => said(HELP),
        [option, file] if option == "--chime" => chime(Path::new(file)),
        [option, capture, song] if option == "--heard" => heard(Path::new(capture), Path::new(song)),
        [option, folder] if option == "--screen" => screen(Path::new(folder)),
        [option, folder] if option == "--serve" => serve(Path::new(folder)),
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

fn chime(file: &Path) -> ExitCode {
    match tunes::render_chime(file) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", chain(&error));
            ExitCode::FAILURE
        }
    }
}

/// A song that began with a fade is looked for behind it.
const FADE_S: f64 = 1.5;

fn heard(capture: &Path, song: &Path) -> ExitCode {
    let read = |path: &Path| {
        wav::read(path).map(|wav| (signal::channel(&wav.samples, wav.channels, 0), wav.rate_hz))
    };
    match (read(capture), read(song)) {
        (Ok((capture, rate_hz)), Ok((song, song_rate_hz))) => {
            match analysis::found((&capture, rate_hz), (&song, song_rate_hz), FADE_S) {
                Some(found) => {
                    said(&format!("{:.0} {:.0}\n", found.begins_s * 1000.0, found.likeness * 100.0))
                }
                None => {
                    eprintln!("there is nothing in the recording, or too little of the song");
                    ExitCode::FAILURE
                }
            }
        }
        (Err(error), _) | (_, Err(error)) => {
            eprintln!("{}", chain(&error));
            ExitCode::FAILURE
        }
    }
}

/// Pictures of four colours each, and a film that changes twice a second.
fn screen(folder: &Path) -> ExitCode {
    const COLOURS: [[u8; 3]; 4] = [[150, 60, 50], [60, 110, 70], [50, 80, 140], [190, 160, 70]];
    let film = Film { width: 1280, height: 720, rate: 2, frames: 12, colour: COLOURS[2], has_sound: false };
    let made = std::fs::create_dir_all(folder).map_err(|error| error.to_string()).and_then(|()| {
        for turn in 0..COLOURS.len() {
            let mut quarters = COLOURS;
            quarters.rotate_left(turn);
            let out = folder.join(format!("{turn}.png"));
            films::picture(&out, (1280, 720), quarters).map_err(|error| chain(&error))?;
        }
        match film.write(&folder.join("film.mp4"), "libx264") {
            Ok(()) | Err(RigError::ToolMissing { .. }) => Ok(()),
            Err(error) => Err(chain(&error)),
        }
    });
    match made {
        Ok(()) => ExitCode::SUCCESS,
        Err(words) => {
            eprintln!("{words}");
            ExitCode::FAILURE
        }
    }
}

fn serve(folder: &Path) -> ExitCode {
    let server = match HttpServer::start() {
        Ok(server) => server,
        Err(error) => {
            eprintln!("{}", chain(&error));
            return ExitCode::FAILURE;
        }
    };
    server.serve_folder(folder);
    said(&format!("{}\n", server.url("")));
    loop {
        std::thread::park();
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
