//! The hot path: what a profiled call records, and where.
//!
//! | folder or file | job |
//! |---|---|
//! | `store/` | what one thread records, and where; depends on nothing else of the recorder |
//! | `calibration/` | the cost of recording on this machine |
//! | `slowest/` | which calls of roots are kept |
//! | `locks/` | waits for locks: who waited, and who held the lock |
//! | `own`, `account` | the profiler's own threads, and their cost |
//! | `operations` | the cost of what instruments record |
//! | `registry` | all thread records, and how a thread gets one |
//! | `call/` | the begin and the end of calls: `fast` for most calls, `slow` for all cases |
//! | `running` | which call runs on this thread |
//! | `entry`, `switch`, `sampling` | the interface for other modules; on and off; rates by name |
//! | `budget/` | keeps recording within its budget |

mod account;
mod budget;
mod calibration;
mod call;
mod entry;
mod locks;
mod operations;
mod own;
mod registry;
mod running;
mod sampling;
mod slowest;
mod store;
mod switch;

pub(crate) use call::error_text::note_error;
pub use call::future::{Judge, Judged, Profiled, Returned};
pub use call::guard::{Guard, enter};
pub use call::inherit::Scope;
#[cfg(feature = "tokio")]
pub use call::inherit::spawn;
#[cfg(feature = "tracing")]
pub(crate) use call::labelled::set_span;
pub use call::labelled::{Labelled, with_labels};
pub use call::measure::{FutureExt, measure, record};
#[cfg(feature = "tracing")]
pub(crate) use store::exemplar::hook as trace_hook;
pub use store::exemplar::set_trace_hook;

pub(crate) use account::{Part, account};
pub(crate) use budget::allowance::Allowance;
pub(crate) use budget::estimate::estimated_calls;
pub(crate) use budget::governor::{Governor, reading as budget_reading};
#[cfg(feature = "tracing")]
pub(crate) use call::future::{Call, OpenPoll};
pub(crate) use call::root::note_query;
pub(crate) use entry::{cost, current_or_new, refresh_cost};
pub(crate) use locks::holding::{Holding, lock_suspensions};
pub(crate) use locks::table::{Contended, Lock, LockKind};
pub(crate) use locks::wait::{Holder, lock_contentions, lock_waits, wait_for};
pub(crate) use operations::operation;
pub(crate) use own::OwnThread;
#[cfg(feature = "serve")]
pub(crate) use own::own_work;
#[cfg(feature = "stacks")]
pub(crate) use own::{add_signals_ns, own_threads};
pub(crate) use registry::{began, records};
pub(crate) use running::running_call;
#[cfg(feature = "serve")]
pub(crate) use sampling::rules;
pub(crate) use sampling::{add as add_rules, set_rates_of_alerts};
pub(crate) use slowest::admission::{set_window_length, window, window_length};
pub(crate) use slowest::bank::KEPT as KEPT_CALLS;
pub(crate) use slowest::table::roots;
pub(crate) use store::cost::Cost;
pub(crate) use store::counter::Counter;
pub(crate) use store::dropped::{counts as dropped_counts, no_room_for_instrument, refused_thread, torn_read};
#[cfg(any(feature = "otlp", feature = "serve"))]
pub(crate) use store::exemplar::Exemplars;
pub(crate) use store::node::{Node, Sums};
pub(crate) use store::ring::Finished;
pub(crate) use store::rules::Rule;
pub(crate) use store::shard::{Parts, SiteShard};
pub(crate) use store::shared::{SharedSite, shared_calls, shared_sites};
pub(crate) use store::spread::{Real, Spread};
pub(crate) use store::thread::ThreadRecord;
pub(crate) use store::trail::{Read as ReadTrail, Step, What, held_bytes as trail_bytes};
pub(crate) use switch::{is_off, set_recording};

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::{enter, measure};
    use crate::collect;
    use crate::outcome::Outcome;
    use crate::scope::{Options, Sample, Site, Source};
    use crate::snapshot::{Function, Snapshot};

    const fn site(name: &'static str, sample: Sample) -> Site {
        let source =
            Source { name: Some(name), path: || "", ident: name, module: "record::tests", file: file!(), line: 0 };
        Site::new(source, Options { sample, ..Options::DEFAULT })
    }

    fn function<'a>(seen: &'a Snapshot, name: &str) -> &'a Function {
        seen.functions.iter().find(|function| function.name == name).unwrap()
    }

    /// Everything that one thread does with its record, for Miri.
    #[test]
    fn one_threads_calls() {
        static OUTER: Site = site("miri outer", Sample::Always);
        static INNER: Site = site("miri inner", Sample::Always);
        static SAMPLED: Site = site("miri sampled", Sample::OneIn(3));
        static NEVER: Site = site("miri never", Sample::Never);
        const CALLS: u64 = if cfg!(miri) { 4 } else { 2_000 };
        for call in 0..CALLS {
            let outer = enter(&OUTER);
            enter(&NEVER).finish(Outcome::Error);
            for _ in 0..3 {
                let _sampled = enter(&SAMPLED);
                let _inner = enter(&INNER);
                // Direct recursion.
                let _again = enter(&INNER);
            }
            let inner = enter(&INNER);
            if call.is_multiple_of(2) {
                // Dropped out of order.
                drop(outer);
            }
            drop(inner);
        }
        // Deeper than the frames that every record has.
        const DEEP: u64 = if cfg!(miri) { 66 } else { 100 };
        let open: Vec<_> = (0..DEEP).map(|at| enter(if at % 2 == 0 { &OUTER } else { &INNER })).collect();
        if !cfg!(miri) {
            assert_eq!(function(&collect::take(), "miri outer").running, DEEP / 2);
        }
        open.into_iter().rev().for_each(drop);
        let panicked = catch_unwind(AssertUnwindSafe(|| measure("miri panics", || -> u8 { panic!("on purpose") })));
        assert!(panicked.is_err());

        let seen = collect::take();
        let calls = |name| function(&seen, name).calls;
        assert_eq!((calls("miri outer").ok, calls("miri never").error), (CALLS + DEEP / 2, CALLS));
        assert_eq!((calls("miri sampled").ok, calls("miri inner").ok), (3 * CALLS, 7 * CALLS + DEEP / 2));
        assert_eq!(function(&seen, "miri sampled").wall.count(), 3 * function(&seen, "miri sampled").samples);
        assert_eq!(calls("miri panics").panic, 1);
        assert_eq!(function(&seen, "miri outer").wall.count(), CALLS + DEEP / 2);
    }
}
