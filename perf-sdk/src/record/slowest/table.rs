//! Which calls of which roots are kept: of each the slowest, and the slowest of those that failed,
//! of this window and of the one before.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::bank::{Bank, Wanted};
use crate::record::store::trail::{Read, Trail};
use crate::scope::Site;

/// The maximum number of roots.
const ROOTS: usize = 256;

/// The calls of one root.
#[derive(Debug)]
pub(crate) struct Root {
    site: OnceLock<&'static Site>,
    /// Of even windows, and of odd ones.
    banks: [Bank; 2],
}

/// The slowest calls, and the slowest of those that failed, in no order.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(crate) slowest: Vec<Read>,
    pub(crate) failed: Vec<Read>,
}

impl Root {
    const fn new() -> Self {
        Self { site: OnceLock::new(), banks: [const { Bank::new() }; 2] }
    }

    fn bank(&self, window: u64) -> &Bank {
        &self.banks[window as usize % 2]
    }

    /// Which lists of the window would take a call of this duration.
    pub(in crate::record) fn wants(&self, ns: u64, is_failed: bool, window: u64) -> Wanted {
        self.bank(window).wants(ns, is_failed, window)
    }

    /// Keeps a call where it is wanted. Its trail has a keeper for each list.
    pub(in crate::record) fn keep(&self, ns: u64, wanted: Wanted, window: u64, trail: Trail) {
        self.bank(window).keep(ns, wanted, window, trail);
    }

    /// `None` if nobody was it yet.
    pub(crate) fn site(&self) -> Option<&'static Site> {
        self.site.get().copied()
    }

    /// What is kept of this window and of the one before.
    pub(crate) fn read(&self, window: u64) -> Kept {
        let mut kept = Kept::default();
        for window in [window, window.saturating_sub(1)] {
            self.bank(window).read(window, &mut kept.slowest, &mut kept.failed);
        }
        kept
    }

    /// Removes what is older than the window before this one.
    fn forget_before(&self, window: u64) {
        self.banks.iter().for_each(|bank| bank.forget_before(window));
    }
}

static ROOTS_TABLE: [Root; ROOTS] = [const { Root::new() }; ROOTS];
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// The place of this site. `None` if there is none left.
pub(in crate::record) fn of(site: &'static Site) -> Option<&'static Root> {
    match site.root_place() {
        Some(place) => ROOTS_TABLE.get(place),
        None => add(site),
    }
}

// Without a lock: whoever waited for one, or went without, would lose a call.
#[cold]
fn add(site: &'static Site) -> Option<&'static Root> {
    let next = |number: u32| ((number as usize) < ROOTS).then_some(number + 1);
    let place = NUMBER.fetch_update(Relaxed, Relaxed, next).ok()? as usize;
    ROOTS_TABLE.get(place)?.site.set(site).ok()?;
    // If another thread was faster, there are two places for this site, and one stays empty.
    site.set_root_place(place);
    ROOTS_TABLE.get(site.root_place()?)
}

/// All roots.
pub(crate) fn roots() -> impl Iterator<Item = &'static Root> {
    // One that is being added may stand before others.
    ROOTS_TABLE.iter().take(NUMBER.load(Relaxed) as usize).filter(|root| root.site().is_some())
}

/// Removes what is older than the window before this one.
pub(in crate::record) fn forget_before(window: u64) {
    roots().for_each(|root| root.forget_before(window));
}

/// Removes everything.
pub(in crate::record) fn forget_all() {
    roots().flat_map(|root| &root.banks).for_each(Bank::forget);
}

/// Called in a forked child, which has no trails.
pub(in crate::record) fn after_fork() {
    roots().flat_map(|root| &root.banks).for_each(Bank::after_fork);
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;

    use super::*;
    use crate::outcome::Outcome;
    use crate::record::entry::current_or_new;
    use crate::record::slowest::bank::KEPT;
    use crate::record::store::trail::Whole;
    use crate::scope::{Options, Source};

    const THREADS: u64 = 4;
    const WINDOWS: u64 = if cfg!(miri) { 3 } else { 50 };
    const CALLS: u64 = if cfg!(miri) { 10 } else { 5_000 };

    struct Random(u64);

    impl Random {
        fn next(&mut self) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0
        }
    }

    /// The end of a call, as [`end`](crate::record::call::root) has it.
    fn end(root: &'static Root, ns: u64, outcome: Outcome, window: u64) {
        let node = current_or_new().unwrap().root();
        let trail = Trail::begin();
        let wanted = root.wants(ns, outcome != Outcome::Ok, window);
        let Some(trail) = trail.filter(|_| wanted.keepers() > 0) else {
            return trail.into_iter().for_each(Trail::forget);
        };
        let whole = Whole { node, end: window, wall: ns as i64, cpu: 0, bytes: 0, weight: 1, outcome, thread: 0 };
        assert!(trail.keep(&whole, wanted.keepers(), || ()), "there is room");
        root.keep(ns, wanted, window, trail);
    }

    fn durations(calls: &[Read]) -> Vec<u64> {
        let mut all: Vec<u64> = calls.iter().map(|read| read.whole.wall as u64).collect();
        all.sort_unstable_by_key(|ns| std::cmp::Reverse(*ns));
        all
    }

    /// Against a full log: whatever threads do at the same time, the true slowest are kept.
    #[test]
    fn the_true_slowest_of_every_window_are_kept() {
        static ROOT: Root = Root::new();
        static BARRIER: Barrier = Barrier::new(THREADS as usize);
        let thread = |number: u64| {
            thread::spawn(move || {
                let mut random = Random(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
                let mut logs = Vec::new();
                for window in 2..2 + WINDOWS {
                    BARRIER.wait();
                    let mut log = Vec::new();
                    for _ in 0..CALLS {
                        // Log-uniform, so that some are much slower; each is unique.
                        let ns = (random.next() >> (random.next() % 30 + 26)) * THREADS + number;
                        let outcome = if random.next().is_multiple_of(50) { Outcome::Error } else { Outcome::Ok };
                        end(&ROOT, ns, outcome, window);
                        log.push((ns, outcome));
                    }
                    BARRIER.wait();
                    let seen = (number == 0).then(|| {
                        let (mut slowest, mut failed) = (Vec::new(), Vec::new());
                        ROOT.bank(window).read(window, &mut slowest, &mut failed);
                        (durations(&slowest), durations(&failed))
                    });
                    logs.push((log, seen));
                }
                logs
            })
        };
        let threads: Vec<_> = (0..THREADS).map(thread).collect();
        let logs: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        for window in 0..WINDOWS as usize {
            let all = logs.iter().flat_map(|logs| &logs[window].0);
            let the = |is_it: fn(&Outcome) -> bool| {
                let mut all: Vec<u64> = all.clone().filter(|(_, how)| is_it(how)).map(|(ns, _)| *ns).collect();
                all.sort_unstable_by_key(|ns| std::cmp::Reverse(*ns));
                all.truncate(KEPT);
                all
            };
            let (slowest, failed) = logs[0][window].1.as_ref().unwrap();
            assert_eq!((slowest, failed), (&the(|_| true), &the(|how| *how != Outcome::Ok)), "window {window}");
        }
        // The last window and the one before.
        let last = ROOT.read(1 + WINDOWS);
        assert_eq!(last.slowest.len(), 2 * KEPT);
        ROOT.forget_before(9 + WINDOWS);
        assert!(ROOT.banks.iter().all(Bank::is_empty));
    }

    /// While calls are replaced all the time, what is read is whole.
    #[test]
    fn roots_that_are_added_at_once_all_have_a_place() {
        static SITES: [Site; 8] = [const { Site::new(SOURCE, Options { root: true, ..Options::DEFAULT }) }; 8];
        const SOURCE: Source = Source {
            name: Some("added at once"),
            path: || "",
            ident: "added at once",
            module: "table",
            file: file!(),
            line: line!(),
        };
        let begin = Barrier::new(4);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    begin.wait();
                    for site in &SITES {
                        let root = of(site).expect("a place");
                        assert!(root.site().is_some_and(|of| std::ptr::eq(of, site)));
                    }
                });
            }
        });
        let places = SITES.each_ref().map(|site| site.root_place().expect("a place"));
        assert!((1..8).all(|at| !places[..at].contains(&places[at])), "{places:?}");
    }

    #[test]
    fn a_call_is_read_whole_while_others_take_its_place() {
        static ROOT: Root = Root::new();
        const ROUNDS: u64 = if cfg!(miri) { 20 } else { 20_000 };
        let writer = thread::spawn(|| {
            let node = current_or_new().unwrap().root();
            for ns in 1..ROUNDS {
                let Some(trail) = Trail::begin() else { continue };
                // Two blocks.
                for _ in 0..30 {
                    let what = crate::record::store::trail::What::Poll { thread: ns as u32 };
                    trail.push(&crate::record::store::trail::Step { what, end: ns, wall: ns as i64 });
                }
                let outcome = Outcome::Ok;
                let whole = Whole { node, end: ns, wall: ns as i64, cpu: 0, bytes: ns, weight: 1, outcome, thread: 0 };
                let wanted = ROOT.wants(ns, false, 2);
                assert!(trail.keep(&whole, wanted.keepers(), || ()));
                ROOT.keep(ns, wanted, 2, trail);
            }
        });
        let mut seen = 0;
        while !writer.is_finished() || seen == 0 {
            for read in ROOT.read(2).slowest {
                let ns = read.whole.wall as u64;
                assert_eq!((read.whole.end, read.whole.bytes, read.steps.len()), (ns, ns, 30));
                assert!(read.steps.iter().all(|step| step.end == ns && step.wall as u64 == ns));
                seen += 1;
            }
        }
        writer.join().unwrap();
        assert_eq!(durations(&ROOT.read(2).slowest), (ROUNDS - KEPT as u64..ROUNDS).rev().collect::<Vec<_>>());
        ROOT.forget_before(9);
    }
}
