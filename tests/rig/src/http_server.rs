//! A server of files that can be told to behave as badly as servers, proxies and login pages do. HTTP/1.1 over 127.0.0.1,
//! one request a connection. It writes down what was asked and how much it sent.

use std::collections::{HashMap, VecDeque};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Bytes that are sent at once.
const PIECE_LEN: usize = 16 * 1024;
/// Lines of a request.
const LINES_MAX: usize = 100;
/// An endless body ends here, should nobody break it off.
const ENDLESS_LEN: u64 = 1 << 30;

/// What it does with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// What a good server does: ranges, strong validators.
    Serve,
    /// Sends so many bytes of the body, and closes.
    CutAfter(usize),
    /// Knows of no ranges, and gives no validator.
    WithoutRanges,
    /// Says another length than it sends.
    SayLength(u64),
    /// Says no length, and never ends.
    Endless,
    /// Says no length, and sends more than there is.
    Longer(usize),
    /// A byte every so many ms.
    Drip(u64),
    /// Answers a range with the bytes from the beginning, and says so or not.
    WrongRange {
        /// Whether it says which bytes it sends.
        honest: bool,
    },
    /// Other bytes under the same name, of the same length.
    Changed(u8),
    /// An answer of its own: status line's end, header lines, body.
    Answer(String, Vec<String>, Vec<u8>),
    /// Closes without a word.
    Nothing,
    /// Says nothing, and stays.
    Silence,
}

/// A request and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The path, or what a proxy was asked for.
    pub path: String,
    /// The `Range` header.
    pub range: Option<String>,
    /// The `If-Range` header.
    pub if_range: Option<String>,
    /// Bytes of bodies that were sent.
    pub sent: u64,
}

#[derive(Default)]
struct Books {
    files: HashMap<String, Arc<Vec<u8>>>,
    next: HashMap<String, VecDeque<Act>>,
    always: HashMap<String, Act>,
    everywhere: Option<Act>,
    asked: Vec<Asked>,
    /// Where what was not put there lies.
    folder: Option<PathBuf>,
}

impl Books {
    /// A file of the folder; no path leads out of it.
    fn read(&self, path: &str) -> Option<Arc<Vec<u8>>> {
        let path = Path::new(path.trim_start_matches('/'));
        let is_inside = path.components().all(|part| matches!(part, Component::Normal(_)));
        let folder = self.folder.as_ref().filter(|_| is_inside)?;
        std::fs::read(folder.join(path)).ok().map(Arc::new)
    }
}

/// See the head of this file. Ends when it is dropped.
pub struct HttpServer {
    address: SocketAddr,
    books: Arc<Mutex<Books>>,
    is_over: Arc<AtomicBool>,
    listener: Option<JoinHandle<()>>,
}

impl HttpServer {
    /// Starts one without files.
    ///
    /// # Errors
    /// There is no port.
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let (books, is_over) = (Arc::<Mutex<Books>>::default(), Arc::<AtomicBool>::default());
        let (theirs, ends) = (Arc::clone(&books), Arc::clone(&is_over));
        let serve = move || {
            for stream in listener.incoming() {
                if ends.load(Ordering::SeqCst) {
                    break;
                }
                let (books, ends) = (Arc::clone(&theirs), Arc::clone(&ends));
                if let Ok(stream) = stream {
                    // Whoever breaks off is none of our business.
                    thread::spawn(move || drop(answer(&stream, &books, &ends)));
                }
            }
        };
        Ok(Self { address, books, is_over, listener: Some(thread::spawn(serve)) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of a folder, by the number of this machine.
    #[must_use]
    pub fn url(&self, folder: &str) -> String {
        format!("http://{}/{folder}", self.address)
    }

    /// Puts a file there.
    pub fn put(&self, path: &str, bytes: Vec<u8>) {
        self.with(|books| books.files.insert(path.to_owned(), Arc::new(bytes)));
    }

    /// Puts all files of a folder there.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn put_folder(&self, at: &str, folder: &Path) -> io::Result<()> {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let name = format!("{at}/{}", entry.file_name().to_string_lossy());
            match entry.file_type()?.is_dir() {
                true => self.put_folder(&name, &entry.path())?,
                false => self.put(&name, std::fs::read(entry.path())?),
            }
        }
        Ok(())
    }

    /// Serves what lies in a folder, as it is at the moment of each request; what was put there comes first.
    pub fn serve_folder(&self, folder: &Path) {
        self.with(|books| books.folder = Some(folder.to_owned()));
    }

    /// What it does with the next requests for a path, one after another; then it serves.
    pub fn next(&self, path: &str, acts: impl IntoIterator<Item = Act>) {
        self.with(|books| books.next.entry(path.to_owned()).or_default().extend(acts));
    }

    /// What it does with every request for a path.
    pub fn always(&self, path: &str, act: Act) {
        self.with(|books| books.always.insert(path.to_owned(), act));
    }

    /// What it does with every request.
    pub fn everywhere(&self, act: Option<Act>) {
        self.with(|books| books.everywhere = act);
    }

    /// What was asked so far; forgotten with that.
    #[must_use]
    pub fn take_asked(&self) -> Vec<Asked> {
        self.with(|books| std::mem::take(&mut books.asked))
    }

    fn with<T>(&self, with: impl FnOnce(&mut Books) -> T) -> T {
        with(&mut self.books.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        // It waits for somebody to come.
        let _ = TcpStream::connect(self.address);
        self.listener.take().map(JoinHandle::join);
    }
}

/// A request's path and headers.
struct Request {
    method: String,
    path: String,
    headers: HashMap<String, String>,
}

fn read(stream: &TcpStream) -> io::Result<Request> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().ok_or(io::ErrorKind::UnexpectedEof)??;
    let mut words = first.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = HashMap::new();
    for line in lines.take(LINES_MAX) {
        let line = line?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    Ok(Request { method, path, headers })
}

fn answer(stream: &TcpStream, books: &Mutex<Books>, is_over: &AtomicBool) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let request = read(stream)?;
    let (act, bytes, number) = {
        let mut books = books.lock().unwrap_or_else(PoisonError::into_inner);
        let next = books.next.get_mut(&request.path).and_then(VecDeque::pop_front);
        let act =
            next.or_else(|| books.always.get(&request.path).cloned()).or_else(|| books.everywhere.clone());
        let header = |name: &str| request.headers.get(name).cloned();
        let (range, if_range) = (header("range"), header("if-range"));
        books.asked.push(Asked { path: request.path.clone(), range, if_range, sent: 0 });
        let bytes = books.files.get(&request.path).cloned().or_else(|| books.read(&request.path));
        (act.unwrap_or(Act::Serve), bytes, books.asked.len() - 1)
    };
    let mut sink = Sink { stream, sent: 0 };
    let done = match (request.method.as_str(), bytes) {
        ("CONNECT", _) if act == Act::Serve => tunnel(stream, &request.path),
        (_, bytes) => act.perform(&request, bytes.as_deref().map(Vec::as_slice), &mut sink, is_over),
    };
    let mut books = books.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(asked) = books.asked.get_mut(number).filter(|asked| asked.path == request.path) {
        asked.sent = sink.sent;
    }
    drop(books);
    let _ = stream.shutdown(Shutdown::Both);
    done
}

/// A proxy's part.
fn tunnel(client: &TcpStream, target: &str) -> io::Result<()> {
    let server = TcpStream::connect(target)?;
    (&*client).write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
    let (mut from, mut to) = (client.try_clone()?, server.try_clone()?);
    let up = thread::spawn(move || io::copy(&mut from, &mut to));
    let down = io::copy(&mut &server, &mut &*client);
    let _ = server.shutdown(Shutdown::Both);
    let _ = client.shutdown(Shutdown::Both);
    drop(up.join());
    down.map(drop)
}

struct Sink<'a> {
    stream: &'a TcpStream,
    sent: u64,
}

impl Sink<'_> {
    fn head(&mut self, status: &str, headers: &[String]) -> io::Result<()> {
        let lines: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
        let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\n{lines}\r\n");
        self.stream.write_all(head.as_bytes())
    }

    fn body(&mut self, bytes: &[u8]) -> io::Result<()> {
        for piece in bytes.chunks(PIECE_LEN) {
            self.stream.write_all(piece)?;
            self.sent += piece.len() as u64;
        }
        Ok(())
    }
}

fn length(len: u64) -> String {
    format!("Content-Length: {len}")
}

/// As good servers do: another content has another one.
fn etag(bytes: &[u8]) -> String {
    let sum = bytes.iter().fold(bytes.len() as u64, |sum, byte| sum.rotate_left(5) ^ u64::from(*byte));
    format!("\"{sum:x}\"")
}

impl Act {
    fn perform(
        self,
        request: &Request,
        bytes: Option<&[u8]>,
        sink: &mut Sink<'_>,
        is_over: &AtomicBool,
    ) -> io::Result<()> {
        match &self {
            Self::Nothing => return Ok(()),
            Self::Silence => return stay(sink.stream, is_over),
            Self::Answer(status, headers, body) => {
                sink.head(status, &[&headers[..], &[length(body.len() as u64)]].concat())?;
                return sink.body(body);
            }
            _ if bytes.is_none() => return sink.head("404 Not Found", &[length(0)]),
            _ => {}
        }
        let body = bytes.unwrap_or_default();
        let whole = body.len() as u64;
        match self {
            Self::WithoutRanges => {
                sink.head("200 OK", &[length(whole)])?;
                sink.body(body)
            }
            Self::SayLength(len) => {
                sink.head("200 OK", &[length(len)])?;
                sink.body(body)
            }
            Self::Endless => {
                sink.head("200 OK", &[])?;
                while sink.sent < ENDLESS_LEN && !is_over.load(Ordering::SeqCst) {
                    sink.body(&[7; PIECE_LEN])?;
                }
                Ok(())
            }
            Self::Longer(more) => {
                sink.head("200 OK", &[])?;
                sink.body(body)?;
                sink.body(&vec![0; more])
            }
            Self::Drip(every_ms) => {
                sink.head("200 OK", &[length(whole)])?;
                for byte in body.chunks(1) {
                    if is_over.load(Ordering::SeqCst) {
                        break;
                    }
                    sink.body(byte)?;
                    thread::sleep(Duration::from_millis(every_ms));
                }
                Ok(())
            }
            Self::WrongRange { honest } => {
                let from = request.first_byte().unwrap_or(0).min(body.len());
                let said = if honest { 0 } else { from };
                let len = body.len() - from;
                let range = format!("Content-Range: bytes {said}-{}/{whole}", (said + len).saturating_sub(1));
                sink.head("206 Partial Content", &[length(len as u64), range])?;
                sink.body(&body[..len])
            }
            Self::Changed(by) => {
                let changed: Vec<u8> = body.iter().map(|byte| byte.wrapping_add(by)).collect();
                serve(request, &changed, None, sink)
            }
            Self::CutAfter(len) => serve(request, body, Some(len), sink),
            Self::Serve | Self::Answer(..) | Self::Nothing | Self::Silence => {
                serve(request, body, None, sink)
            }
        }
    }
}

/// Says nothing until the other side gives up, or the test is over.
fn stay(mut stream: &TcpStream, is_over: &AtomicBool) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_millis(50)))?;
    while !is_over.load(Ordering::SeqCst) {
        if matches!(stream.read(&mut [0]), Ok(0)) {
            break;
        }
    }
    Ok(())
}

impl Request {
    fn first_byte(&self) -> Option<usize> {
        self.headers.get("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
    }
}

/// What a good server does, up to a cut.
fn serve(request: &Request, body: &[u8], cut: Option<usize>, sink: &mut Sink<'_>) -> io::Result<()> {
    let etag = etag(body);
    let is_same = request.headers.get("if-range").is_none_or(|wanted| *wanted == etag);
    let from = request.first_byte().filter(|_| is_same);
    let tag = format!("ETag: {etag}");
    let from = match from {
        Some(from) if from >= body.len() => {
            let range = format!("Content-Range: bytes */{}", body.len());
            return sink.head("416 Range Not Satisfiable", &[length(0), range]);
        }
        Some(from) => {
            let range = format!("Content-Range: bytes {from}-{}/{}", body.len() - 1, body.len());
            sink.head("206 Partial Content", &[length((body.len() - from) as u64), tag, range])?;
            from
        }
        None => {
            sink.head("200 OK", &[length(body.len() as u64), tag])?;
            0
        }
    };
    let rest = &body[from..];
    sink.body(&rest[..cut.unwrap_or(rest.len()).min(rest.len())])
}
