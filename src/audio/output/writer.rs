//! A thread that writes to an output until it is told to stop: by a descriptor, so that it can wait for that and its device at once.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use rustix::event::{EventfdFlags, eventfd};

/// Writes until it is dropped.
pub(super) struct Writer {
    stop: Arc<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Begins; what is given can be read from once it is to stop.
    ///
    /// # Errors
    /// The system has no thread or descriptor left.
    pub(super) fn start(name: &str, write: impl FnOnce(&OwnedFd) + Send + 'static) -> io::Result<Self> {
        let stop = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let stopping = Arc::clone(&stop);
        let thread = thread::Builder::new().name(name.into()).spawn(move || write(&stopping))?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = rustix::io::write(&*self.stop, &1_u64.to_ne_bytes());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
