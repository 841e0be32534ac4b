//! The service's own memory: an arena for the index, so that its size is known, and reusable
//! buffers for response bodies.
//!
//! Built without the feature `on`, as `tests/cost` does for comparison, both are ordinary vectors.

use serde::Serialize;

pub(crate) use inside::{List, body, list};

#[cfg(feature = "on")]
mod inside {
    use axum::body::Body;
    use perf_sdk::lazy::Watched;
    use perf_sdk::pool::{Arena, BufferPool};

    use super::Serialize;

    /// Most bodies are smaller than this.
    const BODY_BYTES: usize = 16 << 10;

    /// `None` if the arena cannot be created. Then the default one is used.
    static INDEX: Watched<Option<Arena>> = Watched::new("index", || Arena::new("index").ok());
    static BODIES: Watched<Option<BufferPool>> = Watched::new("bodies", || BufferPool::new("bodies").ok());

    /// A list of fixed length.
    #[derive(Debug)]
    pub(crate) enum List<T: 'static> {
        Own(allocator_api2::vec::Vec<T, &'static Arena>),
        Usual(Vec<T>),
    }

    impl<T> Default for List<T> {
        fn default() -> Self {
            Self::Usual(Vec::new())
        }
    }

    impl<T> std::ops::Deref for List<T> {
        type Target = [T];

        fn deref(&self) -> &[T] {
            match self {
                Self::Own(list) => list,
                Self::Usual(list) => list,
            }
        }
    }

    impl<T> std::ops::DerefMut for List<T> {
        fn deref_mut(&mut self) -> &mut [T] {
            match self {
                Self::Own(list) => list,
                Self::Usual(list) => list,
            }
        }
    }

    /// A list of the index, with `length` times `value`.
    pub(crate) fn list<T: Clone>(value: T, length: usize) -> List<T> {
        match &*INDEX {
            Some(arena) => {
                let mut list = allocator_api2::vec::Vec::new_in(arena);
                list.resize(length, value);
                List::Own(list)
            }
            None => List::Usual(vec![value; length]),
        }
    }

    /// `value` as JSON.
    pub(crate) fn body(value: &impl Serialize) -> serde_json::Result<Body> {
        match &*BODIES {
            Some(bodies) => {
                let mut body = bodies.get_owned(BODY_BYTES);
                serde_json::to_writer(&mut *body, value)?;
                Ok(Body::from(body.into_bytes()))
            }
            None => serde_json::to_vec(value).map(Body::from),
        }
    }
}

#[cfg(not(feature = "on"))]
mod inside {
    use axum::body::Body;

    use super::Serialize;

    pub(crate) type List<T> = Vec<T>;

    pub(crate) fn list<T: Clone>(value: T, length: usize) -> List<T> {
        vec![value; length]
    }

    pub(crate) fn body(value: &impl Serialize) -> serde_json::Result<Body> {
        serde_json::to_vec(value).map(Body::from)
    }
}
