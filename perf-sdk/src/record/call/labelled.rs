//! The program's own labels, for a scope or a task.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::guard;
use crate::memory;
use crate::record::registry;
use crate::record::store::dropped::{self, Reason};
use crate::record::store::thread::ThreadRecord;
use crate::scope::{self, LabelSet, MAX_LABELS, Slot};
#[cfg(feature = "tracing")]
use crate::trace::TraceContext;

/// Runs `f` with labels for stack samples of this thread. Besides the profiled scope, they say for
/// whom the work is done.
///
/// ```
/// let tenant = String::from("acme");
/// let answer = perf_sdk::with_labels([("tenant", tenant.as_str()), ("route", "/search")], || 42);
/// # assert_eq!(answer, 42);
/// ```
///
/// Nested labels are combined. If two have the same name, the inner one is used. For futures there
/// is [`FutureExt::labelled`](crate::FutureExt::labelled). Tasks made with [`spawn`](crate::spawn)
/// or [`Scope::inherit`](crate::Scope::inherit) keep the labels of their creator.
///
/// **Limits.** At most 8 labels at once, which is checked at compile time; 32 names of up to 64
/// bytes; 256 values of a name, cut at 128 bytes; 4,096 combinations. Values beyond the limit count
/// as `(other)`. Labels that cannot be kept at all are omitted, such as those named `scope`,
/// `thread`, `trace_id`, `span_id`, or with an empty name. Both are counted in
/// `perf_dropped_total{reason="labels"}`. Names, values and combinations are never freed. **Cost.**
/// Some 40 ns for two labels that were used before. The first use of a combination allocates.
pub fn with_labels<const N: usize, V: AsRef<str>, R>(labels: [(&'static str, V); N], f: impl FnOnce() -> R) -> R {
    let _until_then = InForce::extend(&labels);
    f()
}

pin_project! {
    /// A future whose polls have labels: see [`with_labels`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Labelled<F> {
        #[pin]
        future: F,
        labels: Option<&'static LabelSet>,
    }
}

impl<F> Labelled<F> {
    /// The labels in effect here, extended by `labels`.
    pub(in crate::record) fn extend<const N: usize, V: AsRef<str>>(labels: &[(&'static str, V); N], future: F) -> Self {
        Self { future, labels: extended(current(), labels) }
    }

    pub(in crate::record) fn new(labels: Option<&'static LabelSet>, future: F) -> Self {
        Self { future, labels }
    }
}

impl<F: Future> Future for Labelled<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _until_then = InForce::set(*this.labels);
        this.future.poll(context)
    }
}

/// The labels of this thread.
pub(in crate::record) fn current() -> Option<&'static LabelSet> {
    registry::current()?.labels()
}

/// Sets the span of this thread.
#[cfg(feature = "tracing")]
pub(crate) fn set_span(trace: Option<TraceContext>) {
    let thread = if trace.is_some() { thread() } else { registry::current() };
    if let Some(thread) = thread {
        thread.set_span(trace.map(TraceContext::words));
    }
}

fn extended<const N: usize, V: AsRef<str>>(
    base: Option<&'static LabelSet>,
    labels: &[(&'static str, V); N],
) -> Option<&'static LabelSet> {
    const { assert!(N <= MAX_LABELS, "at most 8 labels at once") };
    let labels = labels.iter().map(|(name, value)| (*name, value.as_ref()));
    let (set, lost) = memory::uncounted(|| scope::extend(base, labels));
    (0..lost).for_each(|_| dropped::count(Reason::Labels));
    set
}

/// Keeps labels in effect on this thread until it drops.
struct InForce {
    /// The record of the thread whose labels were set; `None` if it has none.
    thread: Option<&'static ThreadRecord>,
    before: Option<&'static LabelSet>,
}

impl InForce {
    fn extend<const N: usize, V: AsRef<str>>(labels: &[(&'static str, V); N]) -> Self {
        let thread = thread();
        let before = thread.and_then(ThreadRecord::labels);
        if let Some(thread) = thread {
            thread.set_labels(extended(before, labels));
        }
        Self { thread, before }
    }

    fn set(labels: Option<&'static LabelSet>) -> Self {
        // A thread without a record has no labels, so it needs no record to clear them.
        let thread = if labels.is_some() { thread() } else { registry::current() };
        let before = thread.and_then(ThreadRecord::labels);
        if let Some(thread) = thread {
            thread.set_labels(labels);
        }
        Self { thread, before }
    }
}

impl Drop for InForce {
    fn drop(&mut self) {
        // Not after a fork, or when the thread's record has passed to another thread.
        if let Some(thread) = self.thread
            && Slot::get() == thread.slot()
        {
            thread.set_labels(self.before);
        }
    }
}

/// This thread's record, for as long as the thread lives.
#[inline]
fn thread() -> Option<&'static ThreadRecord> {
    let slot = Slot::get();
    if slot == Slot::NEW { registry::arrive(slot, guard::empty_call) } else { ThreadRecord::of(slot) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{FutureExt as _, Scope};

    fn now() -> Vec<(&'static str, &'static str)> {
        current().map(|set| set.all().to_vec()).unwrap_or_default()
    }

    fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(std::task::Waker::noop()))
    }

    #[test]
    fn they_hold_within_and_not_beyond_even_of_a_panic() {
        with_labels([("l_tenant", "a"), ("l_route", "/x")], || {
            assert_eq!(now(), [("l_route", "/x"), ("l_tenant", "a")]);
            let panicked = std::panic::catch_unwind(|| with_labels([("l_tenant", "b")], || panic!("{:?}", now())));
            let text = panicked.unwrap_err().downcast::<String>().unwrap();
            assert_eq!(*text, r#"[("l_route", "/x"), ("l_tenant", "b")]"#);
            assert_eq!(now(), [("l_route", "/x"), ("l_tenant", "a")]);
        });
        assert_eq!(now(), []);
    }

    #[test]
    fn a_future_has_those_of_where_it_was_made_and_its_own() {
        let made = || async { now() }.labelled([("l_task", "7")]);
        let within = with_labels([("l_tenant", "a")], made);
        let polled = with_labels([("l_tenant", "elsewhere")], || poll_once(std::pin::pin!(within)));
        assert_eq!(polled, Poll::Ready(vec![("l_task", "7"), ("l_tenant", "a")]));
        let inherited = with_labels([("l_tenant", "c")], || Scope::current().inherit(async { now() }));
        let there = std::thread::spawn(|| poll_once(Box::pin(inherited).as_mut())).join().unwrap();
        assert_eq!(there, Poll::Ready(vec![("l_tenant", "c")]));
        assert_eq!(now(), []);
    }
}
