//! The begin and the end of calls of roots, of which the slowest are kept. The slot is BUSY, unless
//! a function says otherwise.

use crate::clock;
use crate::outcome::Outcome;
use crate::record::slowest::{admission, table};
use crate::record::store::dropped::{self, Reason};
use crate::record::store::exemplar;
use crate::record::store::measured::Measured;
use crate::record::store::thread::ThreadRecord;
use crate::record::store::trail::{Step, Trail, What, Whole};
use crate::scope::Slot;

/// A call begins in the frame at `depth`.
#[cold]
#[inline(never)]
pub(super) fn begin(record: &'static ThreadRecord, depth: usize) {
    let Some(trail) = Trail::begin() else { return };
    if record.roots.open(&record.ring, depth, trail, false) {
        note_context(record, trail);
    } else {
        trail.forget();
    }
}

/// A poll of a call begins in the frame at `depth`. It is recorded here if it is not recorded
/// elsewhere at the same time.
#[cold]
#[inline(never)]
pub(super) fn resume(record: &'static ThreadRecord, depth: usize, trail: Option<Trail>) {
    record.roots.forget_above(depth - 1);
    // A span may be entered again before it is left. What it does is in its trail then.
    let Some(trail) = trail.filter(|trail| !record.roots.has(*trail)) else { return };
    if !trail.claim() {
        return trail.note_dropped(1);
    }
    if record.roots.open(&record.ring, depth, trail, true) {
        note_context(record, trail);
    } else {
        trail.unclaim();
        trail.note_dropped(1);
    }
}

fn note_context(record: &ThreadRecord, trail: Trail) {
    trail.note_labels(record.labels());
    trail.note_span(record.span());
}

/// A poll of a call ended, in the frame at `depth`.
#[cold]
#[inline(never)]
pub(super) fn pause(record: &'static ThreadRecord, depth: usize, measured: &Measured) {
    if let Some(trail) = record.roots.close(&record.ring, depth) {
        let thread = record.owner().unwrap_or(0);
        trail.push(&Step { what: What::Poll { thread }, end: measured.end, wall: measured.wall });
        trail.unclaim();
    }
}

/// The call ended: it is kept if it is one of the slowest.
#[cold]
#[inline(never)]
pub(super) fn end(record: &'static ThreadRecord, trail: Option<Trail>, whole: &Whole) {
    let trail = trail.and_then(Trail::over);
    let ns = record.wall.ns(whole.wall.max(0) as u64);
    let window = admission::window(record.wall, whole.end);
    let root = whole.node.site().and_then(table::of);
    let wanted = root.map(|root| (root, root.wants(ns, whole.outcome != Outcome::Ok, window)));
    let Some((root, wanted)) = wanted.filter(|(_, wanted)| wanted.keepers() > 0) else {
        if let Some(trail) = trail {
            trail.forget();
        }
        if root.is_none() {
            dropped::count(Reason::Roots);
        }
        return;
    };
    // Without a trail its own figures are kept.
    let begin = || Trail::begin().inspect(|trail| trail.note_dropped(1));
    let trail = trail.or_else(begin).or_else(|| {
        admission::clear(window);
        begin()
    });
    let Some(trail) = trail else { return dropped::count(Reason::Roots) };
    note_trace(record, trail);
    if trail.keep(whole, wanted.keepers(), || admission::clear(window)) {
        root.keep(ns, wanted, window, trail);
    } else {
        trail.forget();
        dropped::count(Reason::Roots);
    }
}

/// Asks the hook for the trace. The slot holds the record meanwhile, because the hook may call
/// profiled functions.
fn note_trace(record: &'static ThreadRecord, trail: Trail) {
    let Some(hook) = exemplar::hook().filter(|_| !trail.has_span() && !record.asking.replace(true)) else { return };
    record.leave_busy();
    let context = hook();
    Slot::BUSY.set();
    record.asking.set(false);
    trail.note_span(context.map(|context| context.words()));
}

/// If a call of a root runs on this thread, notes what just ended after so many ticks. The slot is
/// not BUSY.
pub(in crate::record) fn note(wall_ticks: u64, what: impl FnOnce() -> What) {
    if let Some(record) = ThreadRecord::of(Slot::get())
        && record.roots.any()
    {
        let step = Step { what: what(), end: record.wall.ticks(), wall: wall_ticks as i64 };
        Slot::BUSY.set();
        record.roots.note(&step);
        record.leave_busy();
    }
}

/// Notes a statement of a database that took so long: see [`note`].
pub(crate) fn note_query(text: &'static str, ns: u64, outcome: Outcome) {
    note(clock::wall().ticks_of_ns(ns), || What::Query { text, outcome });
}

#[cfg(test)]
mod tests {
    use std::sync::{Barrier, Mutex};
    use std::thread;

    use super::super::future::Call;
    use super::*;
    use crate::record;
    use crate::record::store::trail::Read;
    use crate::scope::{Options, Sample, Site, Source};

    static STEP: Site = site("step of a span", Options { sample: Sample::Always, ..Options::DEFAULT });

    const fn root(name: &'static str) -> Site {
        site(name, Options { root: true, ..Options::DEFAULT })
    }

    const fn site(name: &'static str, options: Options) -> Site {
        let source = Source { name: Some(name), path: || "", ident: name, module: "root", file: file!(), line: 0 };
        Site::new(source, options)
    }

    /// Enters the call, does so many steps, and leaves it.
    fn piece(call: &Mutex<Call>, steps: usize, meanwhile: impl FnOnce()) {
        let open = call.lock().unwrap().enter().unwrap();
        meanwhile();
        (0..steps).for_each(|_| drop(record::enter(&STEP)));
        call.lock().unwrap().leave(open, None);
    }

    /// That in which a call ended just now, or the one after it.
    fn window() -> u64 {
        let wall = clock::wall();
        admission::window(wall, wall.ticks())
    }

    /// The only call of a root that is kept, which ended in this window or in the one before.
    fn kept(site: &'static Site, window: u64) -> Read {
        let mut kept = table::of(site).unwrap().read(window).slowest;
        assert_eq!(kept.len(), 1);
        kept.remove(0)
    }

    #[test]
    fn of_a_span_that_threads_enter_at_once_one_entry_is_recorded() {
        static ROOT: Site = root("a span on two threads");
        const STEPS: usize = 200;
        let (call, both) = (Mutex::new(Call::new(Some(&ROOT))), Barrier::new(2));
        thread::scope(|threads| {
            piece(&call, STEPS, || {
                threads.spawn(|| {
                    piece(&call, STEPS, || {
                        both.wait();
                    });
                    both.wait();
                    // Nobody else has entered it any more.
                    both.wait();
                    piece(&call, 3, || ());
                });
                both.wait();
                // Entered again on the thread that records.
                piece(&call, 2, || ());
                both.wait();
            });
            both.wait();
        });
        call.lock().unwrap().finish(Outcome::Ok);
        let Read { steps, dropped, .. } = kept(&ROOT, window());
        let is_step = |step: &&Step| matches!(step.what, What::Call { node, .. } if node.is(&STEP));
        let polls = steps.iter().filter(|step| matches!(step.what, What::Poll { .. })).count();
        assert_eq!((steps.iter().filter(is_step).count(), polls, steps.len()), (STEPS + 5, 2, STEPS + 7));
        assert_eq!(dropped, 1, "the entry beside");
    }

    #[test]
    fn an_entry_that_never_ends_does_not_write_to_what_is_kept() {
        static ROOT: Site = root("a span that is never left");
        let (call, both) = (Mutex::new(Call::new(Some(&ROOT))), Barrier::new(2));
        let ended = thread::scope(|threads| {
            threads.spawn(|| {
                let open = call.lock().unwrap().enter();
                assert!(open.is_some());
                both.wait();
                both.wait();
                (0..200).for_each(|_| drop(record::enter(&STEP)));
            });
            both.wait();
            call.lock().unwrap().finish(Outcome::Ok);
            // An interpreter takes minutes for what comes.
            let ended = window();
            both.wait();
            ended
        });
        let Read { steps, dropped, .. } = kept(&ROOT, ended);
        assert_eq!((steps.len(), dropped), (0, 1), "only its own figures");
    }
}
