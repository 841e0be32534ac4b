//! The items that generated code names. There is no stability guarantee: `perf-macros` is pinned to
//! this version.

use std::marker::PhantomData;
use std::ops::Deref;

pub use core::future::Future;
pub use core::option::Option::{None, Some};
pub use core::{file, line, module_path};
pub use perf_macros::profiled;
pub use std::boxed::Box;

use crate::clock::{self, ThreadCpu, Wall};
pub use crate::flag::Flag;
use crate::histogram::{Located, Page, Scale, Shard};
pub use crate::outcome::Outcome;
use crate::record::{self, note_error};
pub use crate::record::{Guard, Judge, Judged, Profiled, Returned, enter};
pub use crate::scope::{Hot, Options, Sample, Site, Source};

/// The path of a type nested in an annotated function. It contains the enclosing type.
#[must_use]
pub fn type_path<T: ?Sized>() -> &'static str {
    core::any::type_name::<T>()
}

/// Checks a declared bound at compile time: 0 is not allowed.
#[must_use]
pub const fn bytes(bytes: usize) -> u64 {
    assert!(bytes > 0, "`bounded` takes at least 1 byte");
    bytes as u64
}

/// Calls a closure. One that returns a borrow of its captures must be passed to such a function.
///
/// Always inlined, so that the body of a `#[target_feature]` function keeps its features.
#[inline(always)]
pub fn call<R, F: FnOnce() -> R>(f: F) -> R {
    f()
}

/// Determines the outcome of a value. The inherent method exists only for core's `Result`. Any
/// other type, even one named `Result`, reaches [`Unjudged`] through `Deref`, so no trait needs to
/// be in scope in the user's crate.
#[derive(Debug)]
pub struct Probe<'a, R: ?Sized>(pub &'a R);

impl<T, E> Probe<'_, Result<T, E>> {
    /// Error for an `Err`.
    #[inline(always)]
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        if self.0.is_err() { Outcome::Error } else { Outcome::Ok }
    }
}

impl<R: ?Sized> Deref for Probe<'_, R> {
    type Target = Unjudged;

    #[inline(always)]
    fn deref(&self) -> &Unjudged {
        &Unjudged
    }
}

/// The outcome of a value that does not tell success from failure.
#[derive(Debug)]
pub struct Unjudged;

impl Unjudged {
    /// Always ok.
    #[inline(always)]
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        Outcome::Ok
    }
}

/// [`Probe`] that also stores the text of an error that implements `Display`. Anything else falls
/// back to `Probe`.
#[derive(Debug)]
pub struct Noted<'a, R: ?Sized>(pub Probe<'a, R>, pub &'static Site);

impl<T, E: core::fmt::Display> Noted<'_, Result<T, E>> {
    /// Error for an `Err`, whose text becomes the site's last error.
    #[inline]
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self.0.0 {
            Ok(_) => Outcome::Ok,
            Err(error) => {
                note_error(self.1, error);
                Outcome::Error
            }
        }
    }
}

impl<'a, R: ?Sized> Deref for Noted<'a, R> {
    type Target = Probe<'a, R>;

    #[inline(always)]
    fn deref(&self) -> &Probe<'a, R> {
        &self.0
    }
}

/// A measured future whose output is always ok.
#[inline]
pub fn future<F: Future>(site: &'static Site, future: F) -> Profiled<F, Returned> {
    Profiled::new(Some(site), future, Returned)
}

/// A measured future whose output determines the outcome. The bound gives the generated closure its
/// higher-ranked signature.
#[inline]
pub fn future_with<F: Future, O: Fn(&F::Output) -> Outcome>(
    site: &'static Site,
    future: F,
    outcome: O,
) -> Profiled<F, Judged<O>> {
    Profiled::new(Some(site), future, Judged::new(outcome))
}

/// A histogram like that of a function on one thread, for benchmarks against others. Its memory is
/// never freed.
#[derive(Debug)]
pub struct Cells {
    shard: Shard,
    not_sync: PhantomData<*mut ()>,
}

impl Default for Cells {
    fn default() -> Self {
        Self { shard: Shard::new(), not_sync: PhantomData }
    }
}

impl Cells {
    /// Records a time in nanoseconds.
    #[inline]
    pub fn record(&self, ns: u64) {
        let at = Located::new(Scale::Seconds, ns);
        if !self.shard.record_near(at, 1) {
            self.shard.record_at(at, 1, &|| Option::Some(&*Box::leak(Box::new(Page::new()))));
        }
    }
}

/// The two clocks of the calling thread, for the cost benchmark. Not for other threads.
#[derive(Debug)]
pub struct Clocks {
    wall: &'static Wall,
    cpu: ThreadCpu,
    not_send: PhantomData<*mut ()>,
}

impl Clocks {
    /// Uses the same engine as calls on this thread.
    #[must_use]
    pub fn attach() -> Self {
        Self { wall: clock::wall(), cpu: clock::attach(), not_send: PhantomData }
    }

    /// Wall ticks.
    #[inline]
    #[must_use]
    pub fn wall(&self) -> u64 {
        self.wall.ticks()
    }

    /// Thread CPU time in ticks.
    #[inline]
    #[must_use]
    pub fn cpu(&mut self) -> u64 {
        let (ticks, offset) = self.cpu.enter(self.wall);
        ticks.wrapping_add(offset)
    }

    /// The number of the window of the slowest calls that goes on.
    #[must_use]
    pub fn slow_window(&self) -> u64 {
        record::window(self.wall, self.wall.ticks())
    }
}

impl Drop for Clocks {
    fn drop(&mut self) {
        self.cpu.detach();
    }
}
