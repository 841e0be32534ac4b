//! Readers and writers that count.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Seek, SeekFrom, Write};
use std::sync::OnceLock;

use super::durations::{Durations, Stopwatch};
use super::kind::Kind;
use super::registry::{Entry, Measured, Registry};
use super::stripes::Counts;
use crate::memory;
use crate::reading::{Description, Labels, Sheet, Unit};
use crate::record;
use crate::snapshot::Distribution;

static BYTES: Description =
    Description::counter("io_bytes_total", Unit::Bytes, "Bytes that a counted reader or writer transferred.");
static OPERATIONS: Description = Description::counter(
    "io_operations_total",
    Unit::Count,
    "Reads, or writes and flushes, of a counted reader or writer.",
);
static ERRORS: Description = Description::counter(
    "io_errors_total",
    Unit::Count,
    "Those that failed, except where the reader or writer would have blocked.",
);
static SECONDS: Description =
    Description::counter("io_time_seconds_total", Unit::Seconds, "Time in reads, or in writes and flushes.");

const DURATION: (&str, &str) = ("io_duration_seconds", "Time of each read, or of each write and flush.");

const READ: usize = 0;
const WRITE: usize = 1;

/// What is counted of a reader or writer.
#[derive(Debug)]
pub(crate) struct Transfers {
    /// Bytes read, bytes written, failed reads, failed writes.
    counts: Counts<4>,
    durations: [Durations; 2],
    /// The labels of each direction.
    directed: OnceLock<[Labels; 2]>,
}

static TRANSFERS: Registry<Transfers> = Registry::new(Kind::Io);

const DIRECTIONS: [&str; 2] = ["read", "write"];

impl Measured for Transfers {
    fn read(entry: &Entry<Self>, into: &mut Sheet) {
        let counts = entry.counts.sums();
        let directed = entry.directed.get().into_iter().flatten();
        for (at, (durations, labels)) in entry.durations.iter().zip(directed).enumerate() {
            let operations = durations.count();
            if operations > 0 {
                into.push_of(&BYTES, labels, counts[at] as f64);
                into.push_of(&OPERATIONS, labels, operations as f64);
                into.push_of(&ERRORS, labels, counts[2 + at] as f64);
                into.push_of(&SECONDS, labels, durations.sum_ns() as f64 / 1e9);
            }
        }
    }

    fn distributions(entry: &Entry<Self>, into: &mut Vec<Distribution>) {
        for (direction, durations) in DIRECTIONS.into_iter().zip(&entry.durations) {
            into.extend(entry.distribution(DURATION, &[("direction", direction)], durations.read()));
        }
    }

    fn reset(&self) {
        self.counts.reset();
        self.durations.iter().for_each(Durations::reset);
    }
}

/// A reader or a writer whose transfers are counted: bytes, operations and time, by direction.
///
/// ```
/// use perf_sdk::io::Counted;
/// use std::io::{Read, Write};
///
/// let mut upload = Counted::new("uploads", Vec::new());
/// upload.write_all(b"three bytes and more")?;
/// let mut back = String::new();
/// Counted::new("downloads", &upload.get_ref()[..]).read_to_string(&mut back)?;
/// # assert_eq!(back, "three bytes and more");
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// It implements `Read`, `Write` and `Seek` where the inner one does, and tokio's
/// `AsyncRead` and `AsyncWrite` with the feature `tokio`. All of one name are counted together.
///
/// **Cost.** Some 30 ns an operation: put it beneath a buffer, not above. [`Counted::new`] takes a
/// lock and compares the name with those of all counted readers and writers.
///
/// **Blind spots.** Operations that are not reads, writes or flushes. An asynchronous operation
/// that is given up before it is ready.
pub struct Counted<R> {
    entry: &'static Entry<Transfers>,
    inner: R,
    /// When the pending read and the pending write began.
    #[cfg(feature = "tokio")]
    pending: [Option<Stopwatch>; 2],
}

impl<R> Counted<R> {
    /// Counts the transfers of `inner` under this name.
    pub fn new(name: &str, inner: R) -> Self {
        let entry = TRANSFERS.join(name, || Transfers {
            counts: Counts::new(),
            durations: [Durations::new(), Durations::new()],
            directed: OnceLock::new(),
        });
        memory::uncounted(|| {
            entry.directed.get_or_init(|| DIRECTIONS.map(|direction| entry.labels_and(&[("direction", direction)])));
        });
        Self {
            entry,
            inner,
            #[cfg(feature = "tokio")]
            pending: [None; 2],
        }
    }

    /// The reader or writer. What it does directly is not counted.
    pub fn get_ref(&self) -> &R {
        &self.inner
    }

    /// The reader or writer. What it does directly is not counted.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.inner
    }

    /// The reader or writer.
    pub fn into_inner(self) -> R {
        self.inner
    }

    #[inline]
    fn count<T>(
        &mut self,
        direction: usize,
        bytes: impl FnOnce(&T) -> usize,
        transfer: impl FnOnce(&mut R) -> io::Result<T>,
    ) -> io::Result<T> {
        if record::is_off() {
            return transfer(&mut self.inner);
        }
        let watch = Stopwatch::start();
        let result = transfer(&mut self.inner);
        self.note(direction, watch, result.as_ref().map(bytes));
        result
    }

    #[inline]
    fn note(&self, direction: usize, watch: Stopwatch, result: Result<usize, &io::Error>) {
        let ns = watch.elapsed_ns();
        let _operation = record::operation();
        let bytes = result.map_or(0, |bytes| bytes as u64);
        if bytes > 0 {
            self.entry.counts.add(direction, bytes);
        }
        if result.is_err_and(|error| error.kind() != io::ErrorKind::WouldBlock) {
            self.entry.counts.add(2 + direction, 1);
        }
        self.entry.durations[direction].record(ns);
        self.entry.charge(1, bytes, ns);
    }
}

impl<R: fmt::Debug> fmt::Debug for Counted<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counted").field("name", &self.entry.name).field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl<R: Read> Read for Counted<R> {
    #[inline]
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.count(READ, |bytes| *bytes, |inner| inner.read(into))
    }

    fn read_vectored(&mut self, into: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.count(READ, |bytes| *bytes, |inner| inner.read_vectored(into))
    }

    fn read_to_end(&mut self, into: &mut Vec<u8>) -> io::Result<usize> {
        self.count(READ, |bytes| *bytes, |inner| inner.read_to_end(into))
    }
}

impl<R: Write> Write for Counted<R> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.count(WRITE, |bytes| *bytes, |inner| inner.write(bytes))
    }

    fn write_vectored(&mut self, bytes: &[IoSlice<'_>]) -> io::Result<usize> {
        self.count(WRITE, |bytes| *bytes, |inner| inner.write_vectored(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.count(WRITE, |()| 0, Write::flush)
    }
}

impl<R: Seek> Seek for Counted<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

#[cfg(feature = "tokio")]
mod asynchronous {
    //! tokio's traits. An operation takes from its first poll until it is ready.

    use std::io::{self, IoSlice};
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

    use crate::instrument::durations::Stopwatch;
    use crate::instrument::io::{Counted, READ, WRITE};
    use crate::record;

    impl<R: Unpin> Counted<R> {
        fn poll<T>(
            &mut self,
            direction: usize,
            bytes: impl FnOnce(&T) -> usize,
            transfer: impl FnOnce(Pin<&mut R>) -> Poll<io::Result<T>>,
        ) -> Poll<io::Result<T>> {
            if record::is_off() {
                self.pending[direction] = None;
                return transfer(Pin::new(&mut self.inner));
            }
            let watch = self.pending[direction].take().unwrap_or_else(Stopwatch::start);
            let polled = transfer(Pin::new(&mut self.inner));
            match &polled {
                Poll::Pending => self.pending[direction] = Some(watch),
                Poll::Ready(result) => self.note(direction, watch, result.as_ref().map(bytes)),
            }
            polled
        }
    }

    impl<R: AsyncRead + Unpin> AsyncRead for Counted<R> {
        fn poll_read(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
            into: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            let read = self.poll(
                READ,
                |bytes| *bytes,
                |inner| {
                    let before = into.filled().len();
                    inner.poll_read(context, into).map_ok(|()| into.filled().len().saturating_sub(before))
                },
            );
            read.map_ok(drop)
        }
    }

    impl<R: AsyncWrite + Unpin> AsyncWrite for Counted<R> {
        fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            self.poll(WRITE, |bytes| *bytes, |inner| inner.poll_write(context, bytes))
        }

        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
            bytes: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            self.poll(WRITE, |bytes| *bytes, |inner| inner.poll_write_vectored(context, bytes))
        }

        fn is_write_vectored(&self) -> bool {
            self.inner.is_write_vectored()
        }

        fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.poll(WRITE, |()| 0, |inner| inner.poll_flush(context))
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.inner).poll_shutdown(context)
        }
    }
}

/// Everything that a reader or writer may have.
pub(super) fn descriptions() -> impl Iterator<Item = &'static Description> {
    [&BYTES, &OPERATIONS, &ERRORS, &SECONDS].into_iter()
}

/// The name and the help of the histogram.
pub(super) const DISTRIBUTION: (&str, &str) = DURATION;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect;
    use crate::instrument::testing::{all_of, used, value_of};
    use crate::record::measure;

    fn of(io: &str, direction: &str, name: &str) -> Option<f64> {
        value_of(&collect::take(), name, &[("io", io), ("direction", direction)])
    }

    #[test]
    fn bytes_operations_and_errors_are_counted_by_direction() {
        let mut file = Counted::new("file", io::Cursor::new(Vec::new()));
        measure("transfers", || {
            file.write_all(b"0123456789").unwrap();
            file.flush().unwrap();
            file.seek(SeekFrom::Start(2)).unwrap();
            let mut four = [0; 4];
            file.read_exact(&mut four).unwrap();
            assert_eq!(&four, b"2345");
        });
        let figures =
            |direction| ["io_bytes_total", "io_operations_total", "io_errors_total"].map(|n| of("file", direction, n));
        assert_eq!(figures("write"), [10.0, 2.0, 0.0].map(Some));
        assert_eq!(figures("read"), [4.0, 1.0, 0.0].map(Some));
        let seen = collect::take();
        let used = used(&seen, "transfers", "file").unwrap();
        assert_eq!((used.kind.as_str(), used.operations, used.bytes), ("io", 3, 14));
        assert_eq!(all_of(&seen, DURATION.0, "io", "file").len(), 2);
        assert_eq!(file.into_inner().into_inner(), b"0123456789");
    }

    #[test]
    fn a_failure_is_an_error_unless_it_would_have_blocked() {
        struct Fails(io::ErrorKind);
        impl Read for Fails {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(self.0.into())
            }
        }
        let mut fails = Counted::new("fails", Fails(io::ErrorKind::WouldBlock));
        assert!(fails.read(&mut [0]).is_err());
        fails.get_mut().0 = io::ErrorKind::BrokenPipe;
        assert!(fails.read(&mut [0]).is_err());
        assert_eq!(
            (of("fails", "read", "io_operations_total"), of("fails", "read", "io_errors_total")),
            (Some(2.0), Some(1.0))
        );
        assert_eq!(of("fails", "write", "io_operations_total"), None);
    }

    #[cfg(feature = "tokio")]
    #[test]
    fn an_operation_that_is_pending_is_one_operation() {
        use std::pin::Pin;
        use std::task::{Context, Poll, Waker};

        use tokio::io::{AsyncRead, ReadBuf};

        /// Ready at the third poll.
        struct Slow(u8);
        impl AsyncRead for Slow {
            fn poll_read(
                mut self: Pin<&mut Self>,
                _: &mut Context<'_>,
                into: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                self.0 += 1;
                if self.0 < 3 {
                    return Poll::Pending;
                }
                into.put_slice(b"abc");
                Poll::Ready(Ok(()))
            }
        }
        let mut slow = Counted::new("slow", Slow(0));
        let mut bytes = [0; 8];
        let mut into = ReadBuf::new(&mut bytes);
        let mut context = Context::from_waker(Waker::noop());
        let mut polls = 0;
        while Pin::new(&mut slow).poll_read(&mut context, &mut into).is_pending() {
            polls += 1;
        }
        assert_eq!((polls, into.filled()), (2, &b"abc"[..]));
        assert_eq!(of("slow", "read", "io_operations_total"), Some(1.0));
        assert_eq!(of("slow", "read", "io_bytes_total"), Some(3.0));
    }
}
