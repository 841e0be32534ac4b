//! Reusable buffers.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use bytes::Bytes;

use super::error::PoolError;
use super::is_name;
use super::object::{OwnedPooled, Pool, Pooled};
use crate::accounts::PoolAccount;

/// The default sizes, in bytes.
const SIZES: [usize; 4] = [1 << 10, 4 << 10, 16 << 10, 64 << 10];
/// By default, idle buffers of each size are kept up to this many bytes, and up to this many
/// buffers in any case.
const IDLE_BYTES: usize = 1 << 20;
const LEAST_IDLE: usize = 16;

/// Reusable buffers of some sizes: one [`Pool`] for each size, named after the size.
///
/// ```
/// # fn main() -> Result<(), perf_sdk::pool::PoolError> {
/// use perf_sdk::pool::BufferPool;
///
/// let buffers = BufferPool::new("bodies")?;
/// let mut body = buffers.get_owned(3_000);
/// assert_eq!((body.len(), body.capacity()), (0, 4096));
/// body.extend_from_slice(b"hello");
/// // Passed on without a copy. When its last part drops, the buffer returns to the pool.
/// let bytes = body.into_bytes();
/// assert_eq!(&bytes[..], b"hello");
/// # Ok(())
/// # }
/// ```
///
/// **Blind spots.** A buffer larger than the largest size is an ordinary vector, which is not
/// counted here. A buffer that grew is dropped when it returns.
#[derive(Clone, Debug)]
pub struct BufferPool {
    /// The pools by size.
    sizes: Arc<[(usize, Pool<Vec<u8>>)]>,
}

/// Builds a [`BufferPool`].
#[derive(Debug)]
#[must_use = "call build() to create the pool"]
pub struct BufferPoolBuilder {
    name: String,
    sizes: Vec<usize>,
    max_idle: Option<usize>,
    zeroing: bool,
}

impl BufferPoolBuilder {
    /// The sizes in bytes. The default is 1, 4, 16 and 64 KiB.
    pub fn sizes(mut self, bytes: impl Into<Vec<usize>>) -> Self {
        self.sizes = bytes.into();
        self
    }

    /// The maximum number of idle buffers of each size, besides those that threads keep. The
    /// default is as many as fill a mebibyte, and at least 16.
    pub fn max_idle(mut self, buffers: usize) -> Self {
        self.max_idle = Some(buffers);
        self
    }

    /// Whether a buffer is overwritten with zeros when it returns, so that the next borrower cannot
    /// read the previous one's data. The default is `false`.
    pub fn zeroing(mut self, zeroing: bool) -> Self {
        self.zeroing = zeroing;
        self
    }

    /// Creates the pool.
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
                        // Beyond its length too, because it may have been longer before.
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
    /// A pool with the default sizes.
    ///
    /// # Errors
    /// As [`BufferPoolBuilder::build`].
    pub fn new(name: impl Into<String>) -> Result<Self, PoolError> {
        Self::builder(name).build()
    }

    /// A builder, to set the sizes.
    pub fn builder(name: impl Into<String>) -> BufferPoolBuilder {
        BufferPoolBuilder { name: name.into(), sizes: SIZES.to_vec(), max_idle: None, zeroing: false }
    }

    /// An empty buffer with a capacity of at least `bytes`.
    #[inline]
    pub fn get(&self, bytes: usize) -> Buffer<'_> {
        Buffer(match self.fitting(bytes) {
            Some(pool) => Source::Pooled(pool.get()),
            None => Source::Plain(Vec::with_capacity(bytes)),
        })
    }

    /// As [`get`](Self::get), but the buffer holds a handle of the pool, so it is not bound to a
    /// lifetime.
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

    /// Drops idle buffers. Returns how many were dropped at once.
    pub fn trim(&self) -> usize {
        self.sizes.iter().map(|(_, pool)| pool.trim()).sum()
    }

    /// The size in bytes and the account of each pool.
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
    /// A buffer of a pool: a vector that returns to the pool when this drops.
    Buffer ['a] Pooled<'a, Vec<u8>>
}

buffer! {
    /// A buffer of a pool: a vector that returns to the pool when this drops. It holds a handle of
    /// the pool.
    OwnedBuffer [] OwnedPooled<Vec<u8>>
}

impl OwnedBuffer {
    /// The written bytes, to be shared and sliced without copying, for example as a response body.
    /// The buffer returns to the pool when the last part drops. Costs one small allocation.
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
        // The memory in which the next borrower could see data of the previous one.
        assert!(again.spare_capacity_mut().iter().all(|byte| {
            // SAFETY: the pool has overwritten the whole capacity.
            unsafe { byte.assume_init() == 0 }
        }));
        drop(again);
        buffers.get(101).resize(5_000, 1);
        assert_eq!(buffers.get(3_000).capacity(), 3_000, "an ordinary vector");
        let accounts = buffers.accounts();
        assert_eq!((accounts[0].1.taken, accounts[0].1.made), (2, 1));
        assert_eq!((accounts[1].1.taken, accounts[1].1.unfit), (1, 1), "it grew");
        assert_eq!(accounts[1].1.name, "sizes/1000");
    }

    #[test]
    fn the_buffer_returns_when_its_bytes_are_dropped() {
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
