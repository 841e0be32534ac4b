//! Detects peers that do not read.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::connections::Seat;

/// A peer that reads nothing for this long counts as gone. Otherwise its response would stay in
/// memory.
const PATIENCE: Duration = Duration::from_secs(30);

/// A stream whose writes fail when the peer reads nothing for [`PATIENCE`].
pub(super) struct Progress<S> {
    stream: S,
    patience: Duration,
    /// The seat to which blocked writes are reported.
    seat: Option<Arc<Seat>>,
    /// The deadline while a write is blocked.
    until: Option<Pin<Box<Sleep>>>,
}

impl<S> Progress<S> {
    pub(super) fn new(stream: S, seat: Option<Arc<Seat>>) -> Self {
        Self { stream, patience: PATIENCE, seat, until: None }
    }

    fn patient<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            if self.until.take().is_some()
                && let Some(seat) = &self.seat
            {
                seat.writes(false);
            }
            return written;
        }
        if let Some(seat) = &self.seat {
            seat.writes(true);
        }
        let until = self.until.get_or_insert_with(|| Box::pin(sleep(self.patience)));
        until.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Progress<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, into);
        if read.is_pending()
            && let Some(seat) = &self.seat
        {
            seat.reads_nothing();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Progress<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.patient(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.patient(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.patient(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::sync::mpsc::Receiver;

    async fn write_all<S: AsyncWrite + Unpin>(stream: &mut S, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let written = std::future::poll_fn(|cx| Pin::new(&mut *stream).poll_write(cx, bytes)).await?;
            bytes = &bytes[written..];
        }
        Ok(())
    }

    /// Writes 16 MiB to a peer that runs `reads`, which is notified when the write is over.
    fn written(patience: Duration, reads: impl FnOnce(std::net::TcpStream, Receiver<()>) + Send) -> io::Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let ours = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let theirs = listener.accept().unwrap().0;
        ours.set_nonblocking(true).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (goes_on, is_over) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            scope.spawn(|| reads(theirs, is_over));
            let written = runtime.block_on(async {
                let mut stream = Progress::new(tokio::net::TcpStream::from_std(ours).unwrap(), None);
                stream.patience = patience;
                write_all(&mut stream, &vec![0; 16 << 20]).await
            });
            drop(goes_on);
            written
        })
    }

    #[test]
    fn writes_to_a_peer_that_reads_nothing_fail() {
        let error =
            written(Duration::from_millis(300), |_theirs, is_over| assert!(is_over.recv().is_err())).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    /// Accepts nothing and everything in turns.
    struct ByTurns(bool);

    impl AsyncWrite for ByTurns {
        fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            self.0 = !self.0;
            if self.0 { Poll::Pending } else { Poll::Ready(Ok(bytes.len())) }
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// Each successful read of the peer restarts the timeout.
    #[test]
    fn writes_to_a_slow_peer_succeed() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _entered = runtime.enter();
        let (mut slow, mut cx) = (Progress::new(ByTurns(false), None), Context::from_waker(std::task::Waker::noop()));
        let mut before = None;
        for _ in 0..3 {
            assert!(Pin::new(&mut slow).poll_write(&mut cx, b"bytes").is_pending());
            let until = slow.until.as_ref().map(|until| until.deadline()).unwrap();
            assert!(before.is_none_or(|before| until > before), "{until:?} after {before:?}");
            before = Some(until);
            std::thread::sleep(Duration::from_millis(2));
            assert!(Pin::new(&mut slow).poll_write(&mut cx, b"bytes").is_ready() && slow.until.is_none());
        }
    }
}
