//! A private screen: an Xvfb of its own whose pixels can be read at any moment, as fast as memory.
//!
//! The server keeps its frame buffer in a file (`-fbdir`, in the format of `xwd`: X Window Dump, `XWDFile.h`), so that
//! looking at it costs the server nothing and disturbs nobody. Owns the process and the folder; both are gone when it is
//! dropped.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::{Error, Result, tool};

/// The server's name.
const XVFB: &str = "Xvfb";
/// The file of the frame buffer, in the folder.
const BUFFER: &str = "Xvfb_screen0";
/// Where the header of a dump tells its own length, the bytes of a line, and how many colours stand behind it.
const HEADER_LEN_AT: usize = 0;
const LINE_LEN_AT: usize = 12 * 4;
const COLOURS_AT: usize = 19 * 4;
/// Bytes of the header that are read.
const HEADER_READ_LEN: usize = 25 * 4;
/// Bytes of a colour behind the header.
const COLOUR_LEN: u64 = 12;
/// Bytes of a pixel at 24 bits.
const PIXEL_LEN: u64 = 4;
/// How long the frame buffer's file may take to be there.
const READY_WITHIN: Duration = Duration::from_secs(10);

/// Red, green, blue.
pub type Pixel = [u8; 3];

/// See the head of this file.
#[derive(Debug)]
pub struct XServer {
    server: Child,
    _folder: tempfile::TempDir,
    buffer: File,
    display: String,
    pixels_at: u64,
    line_len: u64,
    width: u32,
    height: u32,
}

impl XServer {
    /// Whether it is installed; a test may skip itself when not.
    #[must_use]
    pub fn available() -> bool {
        tool::is_installed(XVFB)
    }

    /// Starts a server with a screen of this size and returns when clients may connect.
    ///
    /// # Errors
    /// [`Error::ToolMissing`] without Xvfb, [`Error::ToolFailed`] if it does not start.
    pub fn start(width: u32, height: u32) -> Result<Self> {
        let folder = tempfile::tempdir().map_err(Error::io("make", Path::new("a folder")))?;
        let mut server = Command::new(XVFB)
            // It takes a free number and says which, when it is ready.
            .args(["-displayfd", "1", "-nolisten", "tcp", "-noreset", "-fbdir"])
            .arg(folder.path())
            .args(["-screen", "0", &format!("{width}x{height}x24")])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| tool::not_started(XVFB, &e))?;
        let mut number = String::new();
        if let Some(stdout) = server.stdout.take() {
            let _ = BufReader::new(stdout).read_line(&mut number);
        }
        if number.trim().is_empty() {
            let _ = server.kill();
            let status = server.wait().map_or_else(|e| e.to_string(), |status| status.to_string());
            return Err(Error::ToolFailed { tool: XVFB, said: format!("it named no display: {status}") });
        }
        let opened = open(&folder.path().join(BUFFER));
        let (buffer, pixels_at, line_len) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                let _ = server.kill();
                let _ = server.wait();
                return Err(error);
            }
        };
        let display = format!(":{}", number.trim());
        Ok(Self { server, _folder: folder, buffer, display, pixels_at, line_len, width, height })
    }

    /// For `DISPLAY`.
    #[must_use]
    pub fn display(&self) -> &str {
        &self.display
    }

    /// The colour that is on the screen now at this place.
    ///
    /// # Errors
    /// The frame buffer cannot be read: the server is gone.
    pub fn pixel(&self, x: u32, y: u32) -> Result<Pixel> {
        let at = self.pixels_at + u64::from(y) * self.line_len + u64::from(x) * PIXEL_LEN;
        let mut bytes = [0; 4];
        self.buffer.read_exact_at(&mut bytes, at).map_err(Error::io("read", Path::new(BUFFER)))?;
        Ok([bytes[2], bytes[1], bytes[0]])
    }

    /// Everything that is on the screen now, as a PNG that can be looked at.
    ///
    /// # Errors
    /// The frame buffer cannot be read, or the file cannot be written.
    pub fn screenshot(&self, out: &Path) -> Result<()> {
        let mut rows = Vec::with_capacity((self.width * self.height * 3) as usize);
        let mut line = vec![0; self.width as usize * PIXEL_LEN as usize];
        for y in 0..u64::from(self.height) {
            self.buffer
                .read_exact_at(&mut line, self.pixels_at + y * self.line_len)
                .map_err(Error::io("read", Path::new(BUFFER)))?;
            for pixel in line.chunks_exact(PIXEL_LEN as usize) {
                rows.extend([pixel[2], pixel[1], pixel[0]]);
            }
        }
        let failed = |e: png::EncodingError| Error::io("write", out)(std::io::Error::other(e));
        let file = File::create(out).map_err(Error::io("write", out))?;
        let mut encoder = png::Encoder::new(file, self.width, self.height);
        encoder.set_color(png::ColorType::Rgb);
        let mut writer = encoder.write_header().map_err(failed)?;
        writer.write_image_data(&rows).map_err(failed)
    }

    /// Kills it, as a crash would; clients notice at once.
    pub fn kill(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl Drop for XServer {
    fn drop(&mut self) {
        self.kill();
        // A killed server leaves its lock and its socket.
        let number = self.display.trim_start_matches(':');
        let _ = fs::remove_file(format!("/tmp/.X{number}-lock"));
        let _ = fs::remove_file(format!("/tmp/.X11-unix/X{number}"));
    }
}

/// The frame buffer, where its pixels begin, and how long a line of them is.
fn open(path: &Path) -> Result<(File, u64, u64)> {
    let until = Instant::now() + READY_WITHIN;
    loop {
        let mut header = [0; HEADER_READ_LEN];
        let read = File::open(path).and_then(|file| file.read_exact_at(&mut header, 0).map(|()| file));
        let word = |at: usize| {
            header.get(at..at + 4).and_then(|word| word.try_into().ok()).map_or(0, u32::from_be_bytes)
        };
        match read {
            Ok(file) if word(LINE_LEN_AT) > 0 => {
                let pixels_at = u64::from(word(HEADER_LEN_AT)) + COLOUR_LEN * u64::from(word(COLOURS_AT));
                return Ok((file, pixels_at, word(LINE_LEN_AT).into()));
            }
            Ok(_) | Err(_) if Instant::now() < until => std::thread::sleep(Duration::from_millis(5)),
            Ok(_) => {
                return Err(Error::ToolFailed { tool: XVFB, said: "its frame buffer stays empty".into() });
            }
            Err(error) => return Err(Error::io("read", path)(error)),
        }
    }
}
