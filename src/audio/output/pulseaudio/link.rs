//! A connection to the server: messages out and in. Nothing here waits but [`Link::open`] and [`Link::ask`], and these not for long,
//! whatever the server says.

use std::env;
use std::ffi::CString;
use std::io::{self, Cursor};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pulseaudio::cookie_path_from_env;
use pulseaudio::protocol::stream::BufferAttr;
use pulseaudio::protocol::{
    AuthParams, AuthReply, Command, CommandReply, CommandTag, DESCRIPTOR_SIZE, MAX_VERSION, MIN_VERSION,
    Prop, Props, SetClientNameReply, TagStructReader, read_descriptor, write_command_message, write_memblock,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, recv, send,
    socket_with,
};

/// How long the server may take for all its answers.
const ANSWER_MAX: Duration = Duration::from_secs(1);
/// Where servers for the whole machine listen.
const OF_THE_MACHINE: &str = "/run/pulse/native";
/// What a cookie has, in bytes.
const COOKIE_LEN: usize = 256;
/// The longest message that is taken, in bytes: a list of many sinks.
const MESSAGE_LEN_MAX: usize = 1 << 20;
/// What is read at once, in bytes.
const READ_LEN: usize = 4096;
/// How often is read before what has come is looked at.
const READS_MAX: usize = 16;
/// The channel of messages; others carry sound.
const MESSAGES: u32 = u32::MAX;

/// What the server says.
#[derive(Debug)]
pub(super) enum Said {
    /// An answer to the question with this number, as it came.
    Answer(u32, Vec<u8>),
    /// It refuses what the question with this number wants, in words.
    Refusal(u32, String),
    /// So much more sound for this channel, in bytes.
    Wants(u32, u32),
    /// The stream was ended.
    Ended,
    /// The stream plays to another sink, for which it holds more or less than before.
    Moved(BufferAttr),
    /// Time passes, or has passed, in which the stream is not played.
    StoodStill,
}

/// See the head of this file.
pub(super) struct Link {
    socket: OwnedFd,
    /// When answers come too late.
    deadline: Instant,
    version: u16,
    /// The number of the question before.
    asked: u32,
    /// What has come.
    came: Vec<u8>,
    /// How much of that was looked at, in bytes.
    seen_len: usize,
    /// What has found no room in the socket yet.
    goes: Vec<u8>,
}

impl Link {
    /// Connects to the server that the environment names, or else to the machine's.
    ///
    /// # Errors
    /// There is none, or it does not let us in, in words.
    pub(super) fn open() -> Result<Self, String> {
        let path = socket_path()?;
        let begin = || -> rustix::io::Result<OwnedFd> {
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
            connect(&socket, &SocketAddrUnix::new(&path)?)?;
            Ok(socket)
        };
        let socket = begin()
            .map_err(|error| format!("the sound server at {}: {}", path.display(), io::Error::from(error)))?;
        let mut link = Self::of(socket);
        let auth =
            AuthParams { version: MAX_VERSION, supports_shm: false, supports_memfd: false, cookie: cookie() };
        let reply: AuthReply = link.ask(&Command::Auth(auth))?;
        if reply.version < MIN_VERSION {
            return Err(format!(
                "the sound server is too old: it speaks version {} of its protocol",
                reply.version
            ));
        }
        link.version = reply.version.min(MAX_VERSION);
        let mut props = Props::new();
        props.set(Prop::ApplicationName, c"Orchestrion");
        if let Ok(id) = CString::new(std::process::id().to_string()) {
            props.set(Prop::ApplicationProcessId, id);
        }
        let _: SetClientNameReply = link.ask(&Command::SetClientName(props))?;
        Ok(link)
    }

    fn of(socket: OwnedFd) -> Self {
        let deadline = Instant::now() + ANSWER_MAX;
        Self {
            socket,
            deadline,
            version: MAX_VERSION,
            asked: 0,
            came: Vec::new(),
            seen_len: 0,
            goes: Vec::new(),
        }
    }

    /// Asks, and waits for the answer; what else comes meanwhile is left out. Only before a stream plays.
    ///
    /// # Errors
    /// The server refuses, does not answer or has gone, in words.
    pub(super) fn ask<R: CommandReply>(&mut self, command: &Command) -> Result<R, String> {
        let question = self.send(command)?;
        loop {
            self.flush()?;
            self.receive()?;
            while let Some(said) = self.next()? {
                match said {
                    Said::Answer(number, answer) if number == question => return self.read(&answer),
                    Said::Refusal(number, words) if number == question => return Err(words),
                    _ => {}
                }
            }
            let left = self.deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err("the sound server does not answer".into());
            }
            let mut sockets = [PollFd::new(&self.socket, self.interest())];
            let left = Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: left.subsec_nanos().into() };
            match poll(&mut sockets, Some(&left)) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(gone(error)),
            }
        }
    }

    /// What to wait for.
    pub(super) fn interest(&self) -> PollFlags {
        if self.goes.is_empty() { PollFlags::IN } else { PollFlags::IN | PollFlags::OUT }
    }

    /// Puts a command behind what goes out; gives its number.
    pub(super) fn send(&mut self, command: &Command) -> Result<u32, String> {
        self.asked = self.asked.wrapping_add(1);
        write_command_message(&mut self.goes, self.asked, command, self.version)
            .map_err(|error| error.to_string())?;
        Ok(self.asked)
    }

    /// Puts sound behind what goes out.
    pub(super) fn send_sound(&mut self, channel: u32, bytes: &[u8]) -> Result<(), String> {
        write_memblock(&mut self.goes, channel, bytes, 0).map_err(|error| error.to_string())
    }

    /// Sends what finds room; `true` if nothing is left.
    pub(super) fn flush(&mut self) -> Result<bool, String> {
        while !self.goes.is_empty() {
            match send(&self.socket, &self.goes, SendFlags::NOSIGNAL) {
                Ok(sent) => drop(self.goes.drain(..sent)),
                Err(Errno::AGAIN) => return Ok(false),
                Err(Errno::INTR) => {}
                Err(error) => return Err(gone(error)),
            }
        }
        Ok(true)
    }

    /// Takes some of what has come.
    pub(super) fn receive(&mut self) -> Result<(), String> {
        let mut bytes = [0; READ_LEN];
        for _ in 0..READS_MAX {
            match recv(&self.socket, &mut bytes[..], RecvFlags::empty()) {
                Ok((_, 0)) => return Err("the sound server has gone".into()),
                Ok((_, len)) => {
                    self.came.extend_from_slice(&bytes[..len]);
                    // Whoever has more to say wakes us again; a question that is not read for long is none of ours.
                    if len < READ_LEN {
                        return Ok(());
                    }
                }
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(error) => return Err(gone(error)),
            }
        }
        Ok(())
    }

    /// The next of what has come; `None`: not all of it is here.
    pub(super) fn next(&mut self) -> Result<Option<Said>, String> {
        loop {
            let rest = &self.came[self.seen_len..];
            let head = match rest.get(..DESCRIPTOR_SIZE) {
                Some(head) => read_descriptor(&mut Cursor::new(head)).map_err(|error| error.to_string())?,
                None => break,
            };
            let len = usize::try_from(head.length).unwrap_or(usize::MAX);
            if len > MESSAGE_LEN_MAX {
                return Err(format!("the sound server says {len} bytes at once, which nobody believes"));
            }
            let end = DESCRIPTOR_SIZE + len;
            let Some(message) = rest.get(DESCRIPTOR_SIZE..end) else { break };
            let said = if head.channel == MESSAGES { self.understand(message) } else { None };
            self.seen_len += end;
            if said.is_some() {
                return Ok(said);
            }
        }
        self.came.drain(..self.seen_len);
        self.seen_len = 0;
        Ok(None)
    }

    /// What a message means; `None` for what this client does not know.
    fn understand(&self, message: &[u8]) -> Option<Said> {
        // A number comes behind a letter that says so. What is not for us is not read either: some of it the library would make room
        // for as the server says, however much that is.
        let tag = u32::from_be_bytes(*message.strip_prefix(b"L")?.first_chunk()?);
        let is = |known: CommandTag| tag == known as u32;
        if is(CommandTag::PlaybackStreamKilled) {
            return Some(Said::Ended);
        }
        let tells = [CommandTag::Underflow, CommandTag::Started, CommandTag::PlaybackStreamSuspended].map(is);
        if tells.contains(&true) {
            return Some(Said::StoodStill);
        }
        let reads =
            [CommandTag::Reply, CommandTag::Error, CommandTag::Request, CommandTag::PlaybackStreamMoved];
        if !reads.map(is).contains(&true) {
            return None;
        }
        let mut cursor = Cursor::new(message);
        let (number, command) = match Command::read_tag_prefixed(&mut cursor, self.version) {
            Ok(read) => read,
            Err(error) => {
                log::debug!("the sound server says what is not understood: {error}");
                return None;
            }
        };
        let rest =
            usize::try_from(cursor.position()).ok().and_then(|at| message.get(at..)).unwrap_or_default();
        match command {
            Command::Reply => Some(Said::Answer(number, rest.to_vec())),
            Command::Error(error) => Some(Said::Refusal(number, error.to_string())),
            Command::Request(more) => Some(Said::Wants(more.channel, more.length)),
            Command::PlaybackStreamMoved(moved) => Some(Said::Moved(moved.buffer_attr)),
            _ => None,
        }
    }

    /// Reads an answer.
    pub(super) fn read<R: CommandReply>(&self, answer: &[u8]) -> Result<R, String> {
        TagStructReader::new(&mut Cursor::new(answer), self.version).read().map_err(|error| error.to_string())
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn gone(error: Errno) -> String {
    format!("the sound server has gone: {}", io::Error::from(error))
}

/// Where the server listens: the first of the usual places at which something is.
///
/// # Errors
/// There is nothing, or what is named is not of this machine.
fn socket_path() -> Result<PathBuf, String> {
    let folder =
        |variable: &str, rest: &str| env::var_os(variable).map(|folder| Path::new(&folder).join(rest));
    if let Some(named) = env::var_os("PULSE_SERVER").filter(|name| !name.is_empty()) {
        // Whoever names one wants no other.
        return named.to_str().and_then(local).ok_or_else(|| {
            format!("PULSE_SERVER is {named:?}, which is no socket of this machine; write `unix:/path`")
        });
    }
    let places = [
        folder("PULSE_RUNTIME_PATH", "native"),
        folder("XDG_RUNTIME_DIR", "pulse/native"),
        Some(OF_THE_MACHINE.into()),
    ];
    places.into_iter().flatten().find(|path| path.exists()).ok_or_else(|| {
        "no sound server is there: PULSE_SERVER is not set, and nobody listens at the usual places".into()
    })
}

/// The first address in a list as libpulse reads it that is a socket of this machine: `unix:/path`, `/path`, each of which a machine's
/// name in braces may stand before.
fn local(names: &str) -> Option<PathBuf> {
    names.split_whitespace().find_map(|name| {
        let name = name.strip_prefix('{').and_then(|name| Some(name.split_once('}')?.1)).unwrap_or(name);
        let path = name.strip_prefix("unix:").unwrap_or(name);
        path.starts_with('/').then(|| path.into())
    })
}

/// What lets us in where the server does not go by who we are.
fn cookie() -> Vec<u8> {
    let mut cookie = cookie_path_from_env().and_then(|path| std::fs::read(path).ok()).unwrap_or_default();
    cookie.resize(COOKIE_LEN, 0);
    cookie
}

#[cfg(test)]
mod tests {
    use super::*;

    fn linked() -> (Link, std::os::unix::net::UnixStream) {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        (Link::of(ours.into()), theirs)
    }

    #[test]
    fn messages_are_taken_whole_and_what_nobody_knows_is_left_out() {
        use std::io::Write;
        let (mut link, mut server) = linked();
        let mut said = Vec::new();
        // A command that this version does not know, and sound, which nobody sends to a player.
        write_memblock(&mut said, MESSAGES, &[b'L', 0, 0, 255, 255, b'L', 0, 0, 0, 1], 0).unwrap();
        write_memblock(&mut said, 3, &[0; 64], 0).unwrap();
        write_command_message(&mut said, 0, &Command::Started(5), MAX_VERSION).unwrap();
        let (first, second) = said.split_at(said.len() - 3);
        server.write_all(first).unwrap();
        link.receive().unwrap();
        assert!(link.next().unwrap().is_none(), "the end of it is missing");
        server.write_all(second).unwrap();
        link.receive().unwrap();
        assert!(matches!(link.next().unwrap(), Some(Said::StoodStill)));
        assert!(link.next().unwrap().is_none() && link.came.is_empty());
    }

    #[test]
    fn a_server_that_goes_says_nonsense_or_is_silent_ends_it() {
        use std::io::Write;
        let (mut link, mut server) = linked();
        server.write_all(&[0x7F, 0xFF, 0xFF, 0xFF].repeat(5)).unwrap();
        link.receive().unwrap();
        assert!(link.next().unwrap_err().contains("nobody believes"));
        let (mut link, server) = linked();
        drop(server);
        assert!(link.receive().unwrap_err().contains("has gone"));
        let (mut link, _silent) = linked();
        let begin = Instant::now();
        assert!(
            link.ask::<SetClientNameReply>(&Command::GetServerInfo).unwrap_err().contains("does not answer")
        );
        assert!(begin.elapsed() >= ANSWER_MAX);
    }

    #[test]
    fn who_speaks_without_end_holds_nobody_up() {
        use std::io::Write;
        let (mut link, mut server) = linked();
        server.set_nonblocking(true).unwrap();
        // What a socket holds of messages without content.
        while server.write(&[0; 20 * 1024]).is_ok() {}
        link.receive().unwrap();
        assert_eq!(link.came.len(), READS_MAX * READ_LEN, "the rest waits in the socket");
        assert!(link.next().unwrap().is_none() && link.came.len() < DESCRIPTOR_SIZE);
    }

    #[test]
    fn what_is_not_for_us_is_not_read() {
        let (link, _server) = linked();
        let number = |number: u32| [b"L".as_slice(), &number.to_be_bytes()].concat();
        // An event with a list, in which something of 4 GiB would follow.
        let event = CommandTag::PlaybackStreamEvent as u32;
        let huge = [b"P".to_vec(), b"tk\0".to_vec(), number(4), b"x\xFF\xFF\xFF\xFF".to_vec()].concat();
        let message = [number(event), number(u32::MAX), number(0), b"te\0".to_vec(), huge].concat();
        assert!(link.understand(&message).is_none());
        assert!(link.understand(b"L\0").is_none() && link.understand(b"").is_none());
    }

    #[test]
    fn a_server_of_this_machine_is_found_in_whatever_its_address_is_written_like() {
        let found = |names| local(names).map(|path| path.display().to_string());
        assert_eq!(found("unix:/run/a"), Some("/run/a".into()));
        assert_eq!(found("/run/a"), Some("/run/a".into()));
        assert_eq!(found("{abc}unix:/run/a"), Some("/run/a".into()));
        assert_eq!(found("tcp:music:4713 unix:/run/a"), Some("/run/a".into()));
        assert_eq!(found("music"), None);
        assert_eq!(found("tcp:127.0.0.1"), None);
    }
}
