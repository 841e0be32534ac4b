//! Connections that no forked child keeps.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::descriptors::Held;
use crate::fork::Moment;

#[cfg(unix)]
pub(super) use std::os::fd::AsRawFd as Opened;

/// Something that is open.
#[cfg(not(unix))]
pub(super) trait Opened {}

#[cfg(not(unix))]
impl<T> Opened for T {}

/// A stream whose descriptor forked children close.
#[derive(Debug)]
pub(super) struct Kept<S>(Option<(Held, S)>);

impl<S: Opened> Kept<S> {
    /// In the [`Moment`] in which it was opened.
    pub(super) fn new(stream: S) -> Self {
        Self(Some((Held::of(&stream), stream)))
    }
}

impl<S> Kept<S> {
    /// The stream.
    pub(super) fn get(&self) -> Option<&S> {
        self.0.as_ref().map(|(_, stream)| stream)
    }

    fn pinned(&mut self) -> io::Result<Pin<&mut S>>
    where
        S: Unpin,
    {
        let open = self.0.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        Ok(Pin::new(&mut open.1))
    }
}

impl<S> Drop for Kept<S> {
    fn drop(&mut self) {
        let _moment = Moment::begin();
        drop(self.0.take());
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Kept<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.pinned()?.poll_read(cx, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Kept<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        self.pinned()?.poll_write(cx, from)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.pinned()?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.pinned()?.poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.pinned()?.poll_write_vectored(cx, from)
    }

    fn is_write_vectored(&self) -> bool {
        self.get().is_some_and(AsyncWrite::is_write_vectored)
    }
}
