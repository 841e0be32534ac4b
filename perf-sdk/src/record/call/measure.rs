//! Functions for code on which an attribute does not fit.

use std::any::type_name;
use std::future::Future;
use std::panic::Location;
use std::time::Duration;

use super::future::{Profiled, Returned};
use super::guard::{self, Guard};
use super::labelled::Labelled;
use super::slow::{self, leave_for_good};
use crate::memory;
use crate::outcome::Outcome;
use crate::record::registry;
use crate::record::store::dropped::{self, Reason};
use crate::record::store::measured::Measured;
use crate::record::store::ring::{Ended, Finished};
use crate::record::store::shared::SharedSite;
use crate::record::store::thread::ThreadRecord;
use crate::record::switch;
use crate::scope::{Options, Site, Slot, intern};

/// Runs `f` as one call of `name`.
///
/// ```
/// let sum = perf_sdk::measure("sum", || (1..10).sum::<u64>());
/// assert_eq!(sum, 45);
/// ```
///
/// **Label.** `module` is the path of the calling function. **Outcome.** Ok, or panic if `f`
/// unwinds. **Cost.** That of a profiled call, and a cache look-up of a few nanoseconds. The first
/// call of a name takes a lock. **Limits.** 10,000 names. Calls of further ones are recorded as
/// `(other)` and counted in `perf_dropped_total{reason="names"}`.
#[track_caller]
pub fn measure<F: FnOnce() -> R, R>(name: &'static str, f: F) -> R {
    let _guard = match named(name, caller::<F>(), Options::DEFAULT) {
        Some(site) => guard::enter(site),
        None => Guard::nothing(),
    };
    f()
}

/// Records one call of `name` that was timed elsewhere and has just ended.
///
/// It is at the top of the call tree, because its time was not necessarily spent on this thread. It
/// has no CPU and allocation figures.
///
/// ```
/// use std::time::Duration;
/// perf_sdk::record("disk_flush", Duration::from_micros(250), perf_sdk::Outcome::Ok);
/// ```
#[track_caller]
pub fn record(name: &'static str, duration: Duration, outcome: Outcome) {
    if switch::is_off() {
        return;
    }
    let options = Options { cpu: false, alloc: false, ..Options::DEFAULT };
    let Some(site) = named(name, "", options) else { return };
    let slot = Slot::get();
    let record = ThreadRecord::of(slot).or_else(|| registry::arrive(slot, guard::empty_call));
    let Some(record) = record else {
        if let Some((_, place)) = slow::begin_without_record(site)
            && let Some(shared) = place.in_shared()
        {
            shared.count(outcome);
        }
        return;
    };
    Slot::BUSY.set();
    let root = record.root();
    let node = match root.last_child() {
        child if child.is(site) => Some(child),
        _ => record.child(root, site),
    };
    match node.and_then(|node| Some((node, node.shard()?))) {
        Some((node, shard)) => {
            let wall = record.wall.ticks_of_ns(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX >> 8)) as i64;
            node.count(outcome);
            node.count_sample();
            node.sums.wall.add_signed(wall, 1);
            // Its CPU time is unknown.
            node.absent.add_signed(wall, 1);
            let ended = Ended { node, at: record.wall.ticks(), outcome };
            record.finish(ended, &Finished { shard, wall, cpu: 0, bytes: 0, weight: 1, cpu_weight: 0 });
        }
        None => match SharedSite::of(site) {
            Some(shared) => {
                let wall = record.wall.ticks_of_ns(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX >> 8)) as i64;
                shared.begin();
                shared.count(outcome);
                let (end, below) = (0, root);
                let measured = Measured { wall, cpu: 0, weight: 1, cpu_weight: 0, tallies: None, end, below };
                shared.add(&measured, record.wall, false);
            }
            None => dropped::count(Reason::Memory),
        },
    }
    if record.stack.depth() == 0 { leave_for_good(record) } else { record.leave_busy() }
}

/// Measures any future.
pub trait FutureExt: Future + Sized {
    /// This future as one call of `name`, from its first poll to its completion. If it is dropped
    /// before, it counts as cancelled.
    ///
    /// ```
    /// use perf_sdk::FutureExt as _;
    /// let lookup = async { 7 }.profiled("lookup");
    /// # drop(lookup);
    /// ```
    #[track_caller]
    fn profiled(self, name: &'static str) -> Profiled<Self, Returned> {
        Profiled::new(named(name, caller::<Self>(), Options::DEFAULT), self, Returned)
    }

    /// This future with labels for stack samples while it is polled, in addition to the labels in
    /// effect where it is made: see [`with_labels`](crate::with_labels).
    ///
    /// ```
    /// use perf_sdk::FutureExt as _;
    /// let answer = async { 7 }.labelled([("tenant", "acme")]);
    /// # drop(answer);
    /// ```
    fn labelled<const N: usize, V: AsRef<str>>(self, labels: [(&'static str, V); N]) -> Labelled<Self> {
        Labelled::extend(&labels, self)
    }
}

impl<F: Future> FutureExt for F {}

/// The path of the function that contains a closure or an async block. Empty for other types.
pub(in crate::record) fn caller<F>() -> &'static str {
    let mut path = type_name::<F>();
    let mut found = "";
    while let Some(outer) = path.strip_suffix("::{{closure}}") {
        path = outer;
        found = outer;
    }
    found
}

/// The path of the function whose `async` code a future is, also below wrappers that measure or
/// label it. For any other future, its type.
pub(in crate::record) fn running<F>() -> &'static str {
    let mut path = type_name::<F>();
    loop {
        if let Some(mut function) = path.strip_suffix("::{{closure}}") {
            while let Some(outer) = function.strip_suffix("::{{closure}}") {
                function = outer;
            }
            return function;
        }
        let Some((name, arguments)) = path.split_once('<') else { return path };
        let first = first_argument(arguments);
        if !first.ends_with("::{{closure}}") && !first.contains("{{closure}}") {
            return name;
        }
        path = first;
    }
}

/// The text before the comma or bracket that ends a first type argument.
fn first_argument(arguments: &str) -> &str {
    let (mut depth, mut before) = (0, ' ');
    for (at, c) in arguments.char_indices() {
        match c {
            '<' | '(' | '[' => depth += 1,
            ',' | '>' if depth == 0 && before != '-' => return &arguments[..at],
            '>' if before == '-' => {}
            '>' | ')' | ']' => depth -= 1,
            _ => {}
        }
        before = c;
    }
    arguments
}

#[track_caller]
pub(in crate::record) fn named(name: &'static str, module: &'static str, options: Options) -> Option<&'static Site> {
    let location = Location::caller();
    let site = memory::uncounted(|| intern(name, module, location.file(), location.line(), options));
    if site.is_none() {
        dropped::count(Reason::Names);
    }
    site.or(Some(Site::other()))
}

#[cfg(test)]
mod tests {
    use super::running;

    async fn fetch() {}

    struct Wrapped<F, A>(F, A);

    fn path<F>(_: &F) -> &'static str {
        running::<F>()
    }

    #[test]
    fn tasks_are_named_after_what_they_run() {
        let here = concat!(module_path!(), "::tasks_are_named_after_what_they_run");
        let fetches = concat!(module_path!(), "::fetch");
        assert_eq!(path(&fetch()), fetches);
        assert_eq!(path(&async { fetch().await }), here);
        assert_eq!(path(&Wrapped(1, fetch())), concat!(module_path!(), "::Wrapped"));
        assert_eq!(path(&Wrapped(fetch(), (1, 2))), fetches);
        assert_eq!(path(&Wrapped(Wrapped(Box::pin(fetch()), |_: u8| -> u8 { 1 }), 1)), fetches);
        assert_eq!(path(&std::future::ready(1)), "core::future::ready::Ready");
    }
}
