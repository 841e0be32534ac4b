//! Futures that run elsewhere, but belong to the scope that made them.

use std::future::Future;

use super::future::{Profiled, Returned};
use super::labelled::{self, Labelled};
use super::measure::{named, running};
use crate::record::registry;
use crate::record::store::node::Node;
use crate::scope::{LabelSet, Options};

/// The name of tasks.
const NAME: &str = "task";

/// The scope of a thread: a profiled function with its path of callers, and the labels in effect.
/// It may be stored, and sent to other threads.
#[derive(Clone, Copy, Debug)]
pub struct Scope {
    /// `None` outside of all scopes.
    node: Option<&'static Node>,
    labels: Option<&'static LabelSet>,
}

impl Scope {
    /// The current scope of this thread. Outside of all scopes, a future that
    /// [inherits](Self::inherit) from it is at the top of the call tree.
    ///
    /// **Cost.** One or two loads.
    #[must_use]
    pub fn current() -> Self {
        let node = registry::current().map(|record| record.top()).filter(|node| node.site().is_some());
        Self { node, labels: labelled::current() }
    }

    /// `future` as a callee of this scope, wherever and whenever it is polled. It is named `task`,
    /// in the module of the code that it runs (`shop::fetch::task`). In the call tree, in
    /// flamegraphs and in the live heap, it is below the function that spawned it, and so are its
    /// callees. Its stack samples have this scope's [labels](crate::with_labels).
    ///
    /// ```
    /// # fn spawn_elsewhere<F>(_: F) {}
    /// #[perf_sdk::profiled]
    /// fn handle() {
    ///     let scope = perf_sdk::Scope::current();
    ///     spawn_elsewhere(scope.inherit(async { /* … */ }));
    /// }
    /// # handle();
    /// ```
    ///
    /// **Blind spots.** The figures of the spawning function are those of its own calls, as for any
    /// function that delegates work.
    #[track_caller]
    pub fn inherit<F: Future>(self, future: F) -> Profiled<Labelled<F>, Returned> {
        let site = named(NAME, running::<F>(), Options::DEFAULT);
        Profiled::new_under(site, self.node, Labelled::new(self.labels, future), Returned)
    }
}

/// [`tokio::spawn`], with the task as a callee of the current scope: see [`Scope::inherit`].
///
/// ```
/// #[perf_sdk::profiled]
/// async fn handle() -> u32 {
///     perf_sdk::spawn(async { 7 }).await.expect("no panic") // `handle::task`, beneath `handle`
/// }
///
/// let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// assert_eq!(runtime.block_on(handle()), 7);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// **Cost.** That of a measured future, and of looking its name up: some nanoseconds.
///
/// # Panics
/// Outside of a tokio runtime.
#[cfg(feature = "tokio")]
#[track_caller]
pub fn spawn<F>(future: F) -> tokio::task::JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(Scope::current().inherit(future))
}
