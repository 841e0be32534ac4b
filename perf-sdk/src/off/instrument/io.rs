//! Readers and writers that are not counted.

use std::io::{self, IoSlice, IoSliceMut, Read, Seek, SeekFrom, Write};

/// The reader or writer itself.
#[derive(Debug)]
pub struct Counted<R> {
    inner: R,
}

impl<R> Counted<R> {
    /// `inner`.
    #[inline(always)]
    pub fn new(_name: &str, inner: R) -> Self {
        Self { inner }
    }

    /// The reader or writer.
    #[inline(always)]
    pub fn get_ref(&self) -> &R {
        &self.inner
    }

    /// The reader or writer.
    #[inline(always)]
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.inner
    }

    /// The reader or writer.
    #[inline(always)]
    pub fn into_inner(self) -> R {
        self.inner
    }
}

impl<R: Read> Read for Counted<R> {
    #[inline(always)]
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.inner.read(into)
    }

    #[inline(always)]
    fn read_vectored(&mut self, into: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.inner.read_vectored(into)
    }

    #[inline(always)]
    fn read_to_end(&mut self, into: &mut Vec<u8>) -> io::Result<usize> {
        self.inner.read_to_end(into)
    }
}

impl<R: Write> Write for Counted<R> {
    #[inline(always)]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.inner.write(bytes)
    }

    #[inline(always)]
    fn write_vectored(&mut self, bytes: &[IoSlice<'_>]) -> io::Result<usize> {
        self.inner.write_vectored(bytes)
    }

    #[inline(always)]
    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<R: Seek> Seek for Counted<R> {
    #[inline(always)]
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}
