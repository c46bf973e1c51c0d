//! Connections: how many, how slow, and how they end.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::server::TlsStream;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::extract::Peer;
use crate::server::App;
use crate::tls::Tls;

/// How long the head of a request may take, and how long a connection may wait for the next one.
const HEAD_WAIT: Duration = Duration::from_secs(75);
/// How long sent bytes may lie untaken, in ms; also behind a window that the peer keeps shut.
const UNTAKEN_MS: u32 = 60_000;
/// After how much silence the kernel asks whether the peer is still there.
const IDLE: Duration = Duration::from_secs(60);
/// Bytes of a head.
const HEAD_LEN_MAX: usize = 16 * 1024;
/// Headers of a request.
const HEADERS_MAX: usize = 64;
/// How long to wait after the kernel refused a connection (too many open files).
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
/// How long an exchange of certificates may take.
const AGREE_WAIT: Duration = Duration::from_secs(15);
/// Pieces that are read of a request that is refused unread.
const PLAIN_READS_MAX: usize = 64;
/// How long connections may go on after the stop was asked for.
const STOP_WAIT: Duration = Duration::from_secs(5);

/// Takes connections until told to stop, then lets those that are open finish.
pub struct Doors {
    stop: watch::Receiver<bool>,
    open: TaskTracker,
}

impl Doors {
    /// Doors that close when the sender says so or is gone.
    pub fn new(stop: watch::Receiver<bool>) -> Self {
        Self { stop, open: TaskTracker::new() }
    }

    /// Over the network, so many at once; one more waits in the kernel's queue.
    pub async fn network(&self, listener: TcpListener, router: Router, app: &App) {
        let places = Arc::new(Semaphore::new(app.settings().connections_max));
        let mut stop = self.stop.clone();
        loop {
            let place = tokio::select! {
                place = places.clone().acquire_owned() => place,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            match accepted {
                Ok((stream, address)) => {
                    let _ = stream.set_nodelay(true);
                    // A peer that takes nothing of what is sent, or is gone without a word, costs a place for so long.
                    let _ = rustix::net::sockopt::set_tcp_user_timeout(&stream, UNTAKEN_MS);
                    let _ = rustix::net::sockopt::set_socket_keepalive(&stream, true);
                    let _ = rustix::net::sockopt::set_tcp_keepidle(&stream, IDLE);
                    let peer = Peer::Address(canonical(address.ip()));
                    let (tls, router, stop) = (app.tls(), router.clone(), self.stop.clone());
                    self.open.spawn(async move {
                        match tls {
                            None => serve(TokioIo::new(stream), router, peer, stop).await,
                            Some(tls) => {
                                if let Some(stream) = encrypted(stream, &tls, stop.clone()).await {
                                    serve(TokioIo::new(stream), router, peer, stop).await;
                                }
                            }
                        }
                        drop(place);
                    });
                }
                Err(error) => {
                    log::warn!("a connection could not be taken: {error}");
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                }
            }
        }
    }

    /// Over the UNIX socket.
    pub async fn local(&self, listener: UnixListener, router: Router) {
        let mut stop = self.stop.clone();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            match accepted {
                Ok((stream, _)) => {
                    self.open.spawn(serve(
                        TokioIo::new(stream),
                        router.clone(),
                        Peer::Local,
                        self.stop.clone(),
                    ));
                }
                Err(_) => tokio::time::sleep(ACCEPT_AGAIN).await,
            }
        }
    }

    /// Waits for what is open, not for ever.
    pub async fn finish(self) {
        self.open.close();
        if tokio::time::timeout(STOP_WAIT, self.open.wait()).await.is_err() {
            log::warn!("{} connections did not end in time and are cut", self.open.len());
        }
    }
}

/// A connection that TLS was agreed on; `None`: it was not, in time.
async fn encrypted(
    stream: TcpStream,
    tls: &Tls,
    mut stop: watch::Receiver<bool>,
) -> Option<Box<TlsStream<TcpStream>>> {
    let agree = async {
        let mut first = [0];
        if stream.peek(&mut first).await.ok()? == 0 {
            return None;
        }
        if first[0].is_ascii_uppercase() {
            // The first byte of TLS is none of a method's.
            refuse_plain(stream).await;
            return None;
        }
        tls.acceptor.accept(stream).await.ok()
    };
    tokio::select! {
        agreed = tokio::time::timeout(AGREE_WAIT, agree) => agreed.ok().flatten().map(Box::new),
        _ = stop.wait_for(|stop| *stop) => None,
    }
}

/// Tells whoever speaks plain HTTP what to write.
async fn refuse_plain(mut stream: TcpStream) {
    let problem = serde_json::json!({
        "type": "/problems/wrong",
        "title": "The request cannot be understood",
        "status": 400,
        "detail": "this server speaks TLS; write https:// in its address",
    })
    .to_string();
    let head = format!(
        "HTTP/1.1 400 Bad Request\r\nContent-Type: application/problem+json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        problem.len()
    );
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(problem.as_bytes()).await;
    let _ = stream.shutdown().await;
    // What was sent and not read would take the answer away with it.
    let mut rest = [0; 4096];
    for _ in 0..PLAIN_READS_MAX {
        match stream.read(&mut rest).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

/// An IPv4 address also where it came over an IPv6 socket.
fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

async fn serve<I>(io: TokioIo<I>, router: Router, peer: Peer, mut stop: watch::Receiver<bool>)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let router = router.clone();
        async move {
            let mut request: Request = request.map(Body::new);
            request.extensions_mut().insert(peer);
            let response: Result<Response, Infallible> = router.oneshot(request).await;
            response
        }
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WAIT)
        .max_buf_size(HEAD_LEN_MAX)
        .max_headers(HEADERS_MAX)
        .half_close(false);
    let connection = builder.serve_connection(io, service);
    tokio::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stop.wait_for(|stop| *stop) => {}
    }
    // Finishes the request that it is at, and takes no other.
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}
