//! Futures that run elsewhere, and belong to the scope that made them.

use std::future::Future;

use super::future::{Profiled, Returned};
use super::labelled::{self, Labelled};
use super::measure::{named, running};
use crate::record::registry;
use crate::record::store::node::Node;
use crate::scope::{LabelSet, Options};

/// What tasks are called.
const NAME: &str = "task";

/// The scope that a thread is in: a profiled function as reached by its callers, and the labels in
/// force. It may be kept, and sent to other threads.
#[derive(Clone, Copy, Debug)]
pub struct Scope {
    /// `None` outside of all.
    node: Option<&'static Node>,
    labels: Option<&'static LabelSet>,
}

impl Scope {
    /// This thread's, now. Outside of all scopes, what [inherits](Self::inherit) from it stands at
    /// the top of the call tree.
    ///
    /// **Cost.** A load or two.
    #[must_use]
    pub fn current() -> Self {
        let node = registry::current().map(|record| record.top()).filter(|node| node.site().is_some());
        Self { node, labels: labelled::current() }
    }

    /// `future` as a callee of this scope, named `task` in the module of what it runs
    /// (`shop::fetch::task`), wherever and whenever it is polled: in the call tree, in flamegraphs
    /// and in the live heap it stands beneath the function that spawned it, and so does all that it
    /// calls. Samples of its stacks bear this scope's [labels](crate::with_labels).
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
    /// **Blind spots.** The spawning function's own figures are those of its calls, as of any
    /// function that has its work done elsewhere.
    #[track_caller]
    pub fn inherit<F: Future>(self, future: F) -> Profiled<Labelled<F>, Returned> {
        let site = named(NAME, running::<F>(), Options::DEFAULT);
        Profiled::new_under(site, self.node, Labelled::new(self.labels, future), Returned)
    }
}

/// [`tokio::spawn`], with the task as a callee of the current scope: see [`Scope::inherit`].
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
