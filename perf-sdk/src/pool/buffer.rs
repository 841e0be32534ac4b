//! Buffers that are used again.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use bytes::Bytes;

use super::error::PoolError;
use super::is_name;
use super::object::{OwnedPooled, Pool, Pooled};
use crate::accounts::PoolAccount;

/// Sizes when nothing else is said.
const SIZES: [usize; 4] = [1 << 10, 4 << 10, 16 << 10, 64 << 10];
/// Idle bytes of each size that are kept when nothing else is said, in so many buffers at least.
const IDLE_BYTES: usize = 1 << 20;
const LEAST_IDLE: usize = 16;

/// Buffers of some sizes, used again: a [`Pool`] of each, named after the size.
///
/// ```
/// # fn main() -> Result<(), perf_sdk::pool::PoolError> {
/// use perf_sdk::pool::BufferPool;
///
/// let buffers = BufferPool::new("bodies")?;
/// let mut body = buffers.get_owned(3_000);
/// assert_eq!((body.len(), body.capacity()), (0, 4096));
/// body.extend_from_slice(b"hello");
/// // Handed on without a copy; when the last part of it drops, the buffer comes back.
/// let bytes = body.into_bytes();
/// assert_eq!(&bytes[..], b"hello");
/// # Ok(())
/// # }
/// ```
///
/// **Blind spots.** What is larger than the largest size is an ordinary vector, which is not
/// counted here. A buffer that grew is dropped when it comes back.
#[derive(Clone, Debug)]
pub struct BufferPool {
    /// By size.
    sizes: Arc<[(usize, Pool<Vec<u8>>)]>,
}

/// How the buffers shall be.
#[derive(Debug)]
#[must_use = "call build() for the pool"]
pub struct BufferPoolBuilder {
    name: String,
    sizes: Vec<usize>,
    max_idle: Option<usize>,
    zeroing: bool,
}

impl BufferPoolBuilder {
    /// Sizes, bytes. Default 1, 4, 16 and 64 KiB.
    pub fn sizes(mut self, bytes: impl Into<Vec<usize>>) -> Self {
        self.sizes = bytes.into();
        self
    }

    /// Idle buffers of each size that are kept, besides those that threads keep. Default a mebibyte
    /// of them, and at least 16.
    pub fn max_idle(mut self, buffers: usize) -> Self {
        self.max_idle = Some(buffers);
        self
    }

    /// Whether a buffer's memory is overwritten with zeros when it comes back, so that the next
    /// borrower finds nothing of the one before. Default no.
    pub fn zeroing(mut self, zeroing: bool) -> Self {
        self.zeroing = zeroing;
        self
    }

    /// Makes it.
    ///
    /// # Errors
    /// [`PoolError::Name`], [`PoolError::Sizes`].
    pub fn build(self) -> Result<BufferPool, PoolError> {
        let mut sizes = self.sizes.clone();
        sizes.sort_unstable();
        if sizes.is_empty() || sizes[0] == 0 || sizes.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(PoolError::Sizes(self.sizes));
        }
        if !is_name(&self.name) {
            return Err(PoolError::Name(self.name));
        }
        let zeroing = self.zeroing;
        let pools = sizes.into_iter().map(|bytes| {
            let max_idle = self.max_idle.unwrap_or((IDLE_BYTES / bytes).max(LEAST_IDLE));
            let pool = Pool::builder(format!("{}/{}", self.name, shown(bytes)), move || Vec::with_capacity(bytes))
                .max_idle(max_idle)
                .reset_if(move |buffer: &mut Vec<u8>| {
                    buffer.clear();
                    if zeroing {
                        // Beyond its length, too: it may have been longer.
                        buffer.resize(buffer.capacity(), 0);
                        buffer.clear();
                    }
                    buffer.capacity() == bytes
                });
            Ok((bytes, pool.build()?))
        });
        Ok(BufferPool { sizes: pools.collect::<Result<_, PoolError>>()? })
    }
}

fn shown(bytes: usize) -> String {
    if bytes.is_multiple_of(1024) { format!("{}KiB", bytes / 1024) } else { bytes.to_string() }
}

impl BufferPool {
    /// One with the usual sizes.
    ///
    /// # Errors
    /// As [`BufferPoolBuilder::build`].
    pub fn new(name: impl Into<String>) -> Result<Self, PoolError> {
        Self::builder(name).build()
    }

    /// One of other sizes.
    pub fn builder(name: impl Into<String>) -> BufferPoolBuilder {
        BufferPoolBuilder { name: name.into(), sizes: SIZES.to_vec(), max_idle: None, zeroing: false }
    }

    /// An empty buffer with room for `bytes`, at least.
    #[inline]
    pub fn get(&self, bytes: usize) -> Buffer<'_> {
        Buffer(match self.fitting(bytes) {
            Some(pool) => Source::Pooled(pool.get()),
            None => Source::Plain(Vec::with_capacity(bytes)),
        })
    }

    /// As [`get`](Self::get); what it gives holds the pool, and may go where no borrow can.
    #[inline]
    pub fn get_owned(&self, bytes: usize) -> OwnedBuffer {
        OwnedBuffer(match self.fitting(bytes) {
            Some(pool) => Source::Pooled(pool.get_owned()),
            None => Source::Plain(Vec::with_capacity(bytes)),
        })
    }

    #[inline]
    fn fitting(&self, bytes: usize) -> Option<&Pool<Vec<u8>>> {
        self.sizes.iter().find(|(size, _)| *size >= bytes).map(|(_, pool)| pool)
    }

    /// Drops idle buffers; how many at once.
    pub fn trim(&self) -> usize {
        self.sizes.iter().map(|(_, pool)| pool.trim()).sum()
    }

    /// What is held of each size, bytes of it first.
    #[must_use]
    pub fn accounts(&self) -> Vec<(usize, PoolAccount)> {
        self.sizes.iter().map(|(bytes, pool)| (*bytes, pool.account())).collect()
    }
}

#[derive(Debug)]
enum Source<P> {
    Pooled(P),
    Plain(Vec<u8>),
}

impl<P: Deref<Target = Vec<u8>>> Source<P> {
    #[inline]
    fn get(&self) -> &Vec<u8> {
        match self {
            Self::Pooled(buffer) => buffer,
            Self::Plain(buffer) => buffer,
        }
    }
}

impl<P: DerefMut<Target = Vec<u8>>> Source<P> {
    #[inline]
    fn get_mut(&mut self) -> &mut Vec<u8> {
        match self {
            Self::Pooled(buffer) => buffer,
            Self::Plain(buffer) => buffer,
        }
    }
}

macro_rules! buffer {
    ($(#[$doc:meta])* $name:ident [$($life:lifetime)?] $pooled:ty) => {
        $(#[$doc])*
        pub struct $name$(<$life>)?(Source<$pooled>);

        impl$(<$life>)? Deref for $name$(<$life>)? {
            type Target = Vec<u8>;

            #[inline]
            fn deref(&self) -> &Vec<u8> {
                self.0.get()
            }
        }

        impl$(<$life>)? DerefMut for $name$(<$life>)? {
            #[inline]
            fn deref_mut(&mut self) -> &mut Vec<u8> {
                self.0.get_mut()
            }
        }

        impl$(<$life>)? AsRef<[u8]> for $name$(<$life>)? {
            fn as_ref(&self) -> &[u8] {
                self.0.get()
            }
        }

        impl$(<$life>)? fmt::Debug for $name$(<$life>)? {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).field("len", &self.len()).field("capacity", &self.capacity()).finish()
            }
        }
    };
}

buffer! {
    /// A buffer of a pool's, a vector; it comes back when this drops.
    Buffer ['a] Pooled<'a, Vec<u8>>
}

buffer! {
    /// A buffer of a pool's, a vector; it comes back when this drops. It holds the pool.
    OwnedBuffer [] OwnedPooled<Vec<u8>>
}

impl OwnedBuffer {
    /// What is written, to be shared and cut without copying: for bodies of responses. The buffer
    /// comes back when the last part drops. One small allocation.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(unsafe_code)]
    fn buffers_come_in_sizes_and_come_back_empty() {
        let buffers = BufferPool::builder("sizes").sizes([100, 1_000]).zeroing(true).build().unwrap();
        let mut small = buffers.get(50);
        assert_eq!(small.capacity(), 100);
        small.extend_from_slice(&[7; 100]);
        small.truncate(3);
        drop(small);
        let mut again = buffers.get(100);
        assert!(again.is_empty());
        // What the next borrower could see of the one before.
        assert!(again.spare_capacity_mut().iter().all(|byte| {
            // SAFETY: the pool has written the whole capacity.
            unsafe { byte.assume_init() == 0 }
        }));
        drop(again);
        buffers.get(101).resize(5_000, 1);
        assert_eq!(buffers.get(3_000).capacity(), 3_000, "an ordinary one");
        let accounts = buffers.accounts();
        assert_eq!((accounts[0].1.taken, accounts[0].1.made), (2, 1));
        assert_eq!((accounts[1].1.taken, accounts[1].1.unfit), (1, 1), "it grew");
        assert_eq!(accounts[1].1.name, "sizes/1000");
    }

    #[test]
    fn bytes_bring_the_buffer_back() {
        let buffers = BufferPool::new("handed on").unwrap();
        let mut body = buffers.get_owned(10);
        body.extend_from_slice(b"hello world");
        let bytes = body.into_bytes();
        let part = bytes.slice(6..);
        drop(bytes);
        assert_eq!((&part[..], buffers.accounts()[0].1.outstanding), (&b"world"[..], 1));
        std::thread::spawn(move || drop(part)).join().unwrap();
        assert_eq!((buffers.accounts()[0].1.outstanding, buffers.accounts()[0].1.idle), (0, 1));
    }

    #[test]
    fn wrong_sizes_are_refused() {
        for sizes in [vec![], vec![0, 5], vec![5, 5]] {
            let error = BufferPool::builder("wrong").sizes(sizes.clone()).build().unwrap_err();
            assert_eq!(error, PoolError::Sizes(sizes));
        }
        assert!(matches!(BufferPool::new(""), Err(PoolError::Name(_))));
    }
}
