//! The hot path: what a profiled call records, and where.

mod absence;
mod account;
mod arena;
mod block;
mod budget;
mod calibration;
mod calibration_sites;
mod call;
mod cells;
mod cost;
mod counter;
mod dropped;
mod entry;
mod error_text;
mod exemplar;
mod future;
mod governor;
mod guard;
mod in_place;
mod index;
mod inherit;
mod labelled;
mod lock_table;
mod lock_wait;
mod measured;
mod node;
mod overhead;
mod own;
mod owner;
mod place;
mod registry;
mod reserve;
mod rest;
mod resting;
mod ring;
mod rules;
mod sampling;
mod sequence;
mod shard;
mod shared;
mod spread;
mod stack;
mod switch;
mod thread;
mod timing;
mod user;
mod usual;

pub(crate) use error_text::note_error;
#[cfg(feature = "tracing")]
pub(crate) use exemplar::hook as trace_hook;
pub use exemplar::set_trace_hook;
pub use future::{Judge, Judged, Profiled, Returned};
pub use guard::{Guard, enter};
pub use inherit::Scope;
#[cfg(feature = "tokio")]
pub use inherit::spawn;
#[cfg(feature = "tracing")]
pub(crate) use labelled::set_span;
pub use labelled::{Labelled, with_labels};
pub use user::{FutureExt, measure, record};

pub(crate) use account::account;
pub(crate) use budget::Allowance;
pub(crate) use cost::Cost;
pub(crate) use counter::Counter;
pub(crate) use dropped::{counts as dropped_counts, refused_thread, torn_read};
pub(crate) use entry::{cost, current_or_new, refresh_cost};
#[cfg(feature = "tracing")]
pub(crate) use future::{Call, OpenPoll};
pub(crate) use governor::{Governor, reading as budget_reading};
pub(crate) use lock_table::{Contended, Lock, LockKind};
pub(crate) use lock_wait::{Holder, lock_contentions, wait_for};
pub(crate) use node::{Node, Sums};
pub(crate) use own::OwnThread;
#[cfg(feature = "serve")]
pub(crate) use own::own_work;
#[cfg(feature = "stacks")]
pub(crate) use own::{add_signals_ns, own_threads};
pub(crate) use registry::{began, records};
pub(crate) use rest::estimated_calls;
pub(crate) use ring::Finished;
pub(crate) use rules::Rule;
pub(crate) use sampling::add as add_rules;
pub(crate) use shard::{Parts, SiteShard};
pub(crate) use shared::{SharedSite, shared_calls, shared_sites};
pub(crate) use spread::Real;
pub(crate) use switch::{is_off, set_recording};
pub(crate) use thread::ThreadRecord;

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

    /// Everything that one thread does to its record, for miri.
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
                // Directly recursive.
                let _again = enter(&INNER);
            }
            let inner = enter(&INNER);
            if call.is_multiple_of(2) {
                // Out of order.
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
