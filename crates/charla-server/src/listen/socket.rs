//! One accepted socket, plain or encrypted: read and written from any thread, without waiting, as a `TcpStream` is.
//!
//! Encrypted, what was taken and not yet sent is held back here: never more than [`HELD_MAX`] bytes, and nothing is taken while
//! something is held. Whoever writes asks [`Socket::holds_back`], and sees it out with [`Socket::try_flush`].

use std::future::poll_fn;
use std::io::{self, IoSlice, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use parking_lot::Mutex;
use rustls::ServerConnection;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Bytes that one encrypted socket may hold back: two records.
const HELD_MAX: usize = 32 * 1024;

/// A connected socket.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: TcpStream,
    // Boxed: most sockets are plain, behind a proxy.
    tls: Option<Box<Mutex<ServerConnection>>>,
}

impl Socket {
    /// As it is.
    pub(crate) const fn plain(stream: TcpStream) -> Self {
        Self { stream, tls: None }
    }

    /// With a session of TLS whose handshake is done.
    pub(crate) fn encrypted(stream: TcpStream, mut session: ServerConnection) -> Self {
        session.set_buffer_limit(Some(HELD_MAX));
        Self {
            stream,
            tls: Some(Box::new(Mutex::new(session))),
        }
    }

    /// Reads what is there; 0 at the end.
    ///
    /// # Errors
    /// `WouldBlock` when there is nothing; the socket's own, and TLS'.
    pub(crate) fn try_read(&self, into: &mut [u8]) -> io::Result<usize> {
        let Some(tls) = &self.tls else {
            return self.stream.try_read(into);
        };
        let mut session = tls.lock();
        loop {
            match session.reader().read(into) {
                Ok(count) => return Ok(count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // Hung up without a good-bye: frames say themselves whether they are whole.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                Err(error) => return Err(error),
            }
            if session.read_tls(&mut Wire(&self.stream))? == 0 {
                return Ok(0);
            }
            let outcome = session.process_new_packets();
            // An answer that TLS itself owes, or the alert that says what is wrong.
            let pushed = self.push(&mut session);
            outcome.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            pushed?;
        }
    }

    /// Writes what there is room for.
    ///
    /// # Errors
    /// `WouldBlock` when there is none; the socket's own.
    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        let Some(tls) = &self.tls else {
            return self.stream.try_write(bytes);
        };
        let mut session = tls.lock();
        let mut taken = 0;
        while let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty()) {
            if !self.push(&mut session)? {
                return if taken == 0 {
                    Err(io::ErrorKind::WouldBlock.into())
                } else {
                    Ok(taken)
                };
            }
            taken += session.writer().write(rest)?;
        }
        self.push(&mut session)?;
        Ok(taken)
    }

    /// The same for several pieces, in order.
    ///
    /// # Errors
    /// As [`Socket::try_write`].
    pub(crate) fn try_write_vectored(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let Some(tls) = &self.tls else {
            return self.stream.try_write_vectored(pieces);
        };
        let mut session = tls.lock();
        if !self.push(&mut session)? {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let taken = session.writer().write_vectored(pieces)?;
        self.push(&mut session)?;
        Ok(taken)
    }

    /// Whether bytes that were taken have not gone out.
    pub(crate) fn holds_back(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.lock().wants_write())
    }

    /// Sends what is held back, as far as there is room; true when nothing is left.
    ///
    /// # Errors
    /// The socket's own.
    pub(crate) fn try_flush(&self) -> io::Result<bool> {
        self.tls
            .as_ref()
            .map_or(Ok(true), |tls| self.push(&mut tls.lock()))
    }

    fn push(&self, session: &mut ServerConnection) -> io::Result<bool> {
        while session.wants_write() {
            match session.write_tls(&mut Wire(&self.stream)) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Ready when [`Socket::try_read`] may find something; one task waits at a time.
    pub(crate) fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let has_more = |session: &mut ServerConnection| {
            // What was decrypted already, nothing announces again. A session that failed says so when read.
            session.process_new_packets().map_or(true, |state| {
                state.plaintext_bytes_to_read() > 0 || state.peer_has_closed()
            })
        };
        if self.tls.as_ref().is_some_and(|tls| has_more(&mut tls.lock())) {
            return Poll::Ready(Ok(()));
        }
        self.stream.poll_read_ready(cx)
    }

    /// Ready when the network takes something; one task waits at a time.
    pub(crate) fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.poll_write_ready(cx)
    }

    /// Waits until there may be something to read.
    ///
    /// # Errors
    /// The socket's own.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        poll_fn(|cx| self.poll_read_ready(cx)).await
    }

    /// Waits until something may be written.
    ///
    /// # Errors
    /// The socket's own.
    pub(crate) async fn writable(&self) -> io::Result<()> {
        self.stream.writable().await
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let Some(tls) = &self.tls {
            let mut session = tls.lock();
            session.send_close_notify();
            // A peer that takes nothing any more is left without.
            let _ = self.push(&mut session);
        }
    }
}

/// The encrypted side of a session.
struct Wire<'a>(&'a TcpStream);

impl Read for Wire<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(into)
    }
}

impl Write for Wire<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(pieces)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.tls.is_none() {
            return Pin::new(&mut self.stream).poll_read(cx, into);
        }
        loop {
            ready!(self.poll_read_ready(cx))?;
            match self.try_read(into.initialize_unfilled()) {
                Ok(count) => {
                    into.advance(count);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.tls.is_none() {
            return Pin::new(&mut self.stream).poll_write(cx, bytes);
        }
        loop {
            ready!(self.poll_write_ready(cx))?;
            match self.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                outcome => return Poll::Ready(outcome),
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.tls.is_none() {
            return Pin::new(&mut self.stream).poll_flush(cx);
        }
        while !self.try_flush()? {
            ready!(self.poll_write_ready(cx))?;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(tls) = &self.tls {
            tls.lock().send_close_notify();
            ready!(self.as_mut().poll_flush(cx))?;
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.tls.is_none() {
            return Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        }
        loop {
            ready!(self.poll_write_ready(cx))?;
            match self.try_write_vectored(pieces) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                outcome => return Poll::Ready(outcome),
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}
