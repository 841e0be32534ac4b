//! Which calls of which roots are kept: of each the slowest, and the slowest of those that failed,
//! of this window and of the one before.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed};

use crate::record::store::trail::{BLOCK_BITS, Read, Trail};
use crate::scope::Site;

/// The number of calls of each kind.
pub(crate) const KEPT: usize = 8;
/// The maximum number of roots.
const ROOTS: usize = 256;
/// Attempts to read a call that is replaced meanwhile.
const TRIES: usize = 8;

/// A call as one word: its duration, a part of its window's number, and the number of its trail. 0
/// if there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Word(u64);

const TAG_BITS: u32 = 11;
/// The number of tags, of which 0 is none.
const TAGS: u64 = (1 << TAG_BITS) - 1;
const LOW_BITS: u32 = TAG_BITS + BLOCK_BITS;
/// Durations of up to nine minutes are exact, and longer ones to the microsecond.
const EXACT_NS: u64 = 1 << 39;

impl Word {
    const NONE: Self = Self(0);

    fn new(ns: u64, window: u64, trail: u32) -> Self {
        let rank = if ns < EXACT_NS { ns } else { EXACT_NS + ((ns - EXACT_NS) >> 10).min(EXACT_NS - 1) };
        // The window's tag is never 0, so that the word is not.
        Self(rank << LOW_BITS | tag(window) << BLOCK_BITS | u64::from(trail))
    }

    /// Its rank among the calls of this window: its duration and 1. 0 if it is an earlier one's, or
    /// none at all. One of a later window is above all.
    fn rank(self, window: u64) -> u64 {
        let of = (self.0 >> BLOCK_BITS) & ((1 << TAG_BITS) - 1);
        match (of + TAGS - tag(window)) % TAGS {
            _ if self == Self::NONE => 0,
            0 => (self.0 >> LOW_BITS) + 1,
            later if later < TAGS / 2 => u64::MAX,
            _ => 0,
        }
    }

    fn trail(self) -> u32 {
        (self.0 & ((1 << BLOCK_BITS) - 1)) as u32
    }
}

fn tag(window: u64) -> u64 {
    window % TAGS + 1
}

/// The calls of one kind. They are replaced one by one, always the least one, by a greater one: so
/// the greatest remain, whatever threads do at the same time.
#[derive(Debug)]
#[repr(align(64))]
struct Places([AtomicU64; KEPT]);

impl Places {
    const fn new() -> Self {
        Self([const { AtomicU64::new(0) }; KEPT])
    }

    /// The place of the least one.
    fn least(&self, window: u64) -> (&AtomicU64, Word) {
        let mut least = (&self.0[0], Word(self.0[0].load(Acquire)));
        for place in &self.0[1..] {
            let word = Word(place.load(Acquire));
            if word.rank(window) < least.1.rank(window) {
                least = (place, word);
            }
        }
        least
    }

    fn takes(&self, word: Word, window: u64) -> bool {
        self.least(window).1.rank(window) < word.rank(window)
    }

    /// Keeps it, or releases it.
    fn offer(&self, word: Word, window: u64) {
        loop {
            let (place, least) = self.least(window);
            if least.rank(window) >= word.rank(window) {
                return Trail::release(word.trail());
            }
            if place.compare_exchange(least.0, word.0, AcqRel, Acquire).is_ok() {
                return release(least);
            }
        }
    }

    /// Removes what is there while `is_so`, which is asked after each look.
    fn clear(&self, is_so: impl Fn() -> bool) {
        for place in &self.0 {
            let word = Word(place.load(Acquire));
            if word != Word::NONE && is_so() && place.compare_exchange(word.0, 0, AcqRel, Acquire).is_ok() {
                release(word);
            }
        }
    }

    fn read(&self, window: u64, into: &mut Vec<Read>) {
        for place in &self.0 {
            let read = (0..TRIES).find_map(|_| {
                let word = Word(place.load(Acquire));
                if matches!(word.rank(window), 0 | u64::MAX) {
                    return Some(None);
                }
                Trail::read(word.trail(), || place.load(Relaxed) == word.0).map(Some)
            });
            into.extend(read.flatten());
        }
    }
}

fn release(word: Word) {
    if word != Word::NONE {
        Trail::release(word.trail());
    }
}

/// The calls of one window.
#[derive(Debug)]
struct Bank {
    /// The number of the window.
    window: AtomicU64,
    slowest: Places,
    failed: Places,
}

impl Bank {
    const fn new() -> Self {
        Self { window: AtomicU64::new(0), slowest: Places::new(), failed: Places::new() }
    }

    /// Makes it that of this window, if it is not a later one's already.
    #[cold]
    fn turn_to(&self, window: u64) {
        let before = self.window.load(Acquire);
        if before < window {
            // Whoever comes later finds the window's number, or no longer finds what was read.
            let is_so = || self.window.load(Acquire) == before;
            self.slowest.clear(is_so);
            self.failed.clear(is_so);
            let _ = self.window.compare_exchange(before, window, AcqRel, Acquire);
        }
    }
}

/// The calls of one root.
#[derive(Debug)]
pub(crate) struct Root {
    site: OnceLock<&'static Site>,
    /// Of even windows, and of odd ones.
    banks: [Bank; 2],
}

/// Which lists would take a call.
#[derive(Clone, Copy, Debug)]
pub(in crate::record) struct Wanted {
    slowest: bool,
    failed: bool,
}

impl Wanted {
    pub(in crate::record) fn keepers(self) -> u32 {
        u32::from(self.slowest) + u32::from(self.failed)
    }
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
        let bank = self.bank(window);
        if bank.window.load(Acquire) < window {
            return Wanted { slowest: true, failed: is_failed };
        }
        let word = Word::new(ns, window, 0);
        Wanted { slowest: bank.slowest.takes(word, window), failed: is_failed && bank.failed.takes(word, window) }
    }

    /// Keeps a call where it is wanted. Its trail has a keeper for each list.
    pub(in crate::record) fn keep(&self, ns: u64, wanted: Wanted, window: u64, trail: Trail) {
        let bank = self.bank(window);
        if bank.window.load(Acquire) < window {
            bank.turn_to(window);
        }
        let word = Word::new(ns, window, trail.number());
        if wanted.slowest {
            bank.slowest.offer(word, window);
        }
        if wanted.failed {
            bank.failed.offer(word, window);
        }
    }

    /// `None` if nobody was it yet.
    pub(crate) fn site(&self) -> Option<&'static Site> {
        self.site.get().copied()
    }

    /// What is kept of this window and of the one before.
    pub(crate) fn read(&self, window: u64) -> Kept {
        let mut kept = Kept::default();
        for window in [window, window.saturating_sub(1)] {
            let bank = self.bank(window);
            if bank.window.load(Acquire) == window {
                bank.slowest.read(window, &mut kept.slowest);
                bank.failed.read(window, &mut kept.failed);
            }
        }
        kept
    }

    /// Removes what is older than the window before this one.
    fn forget_before(&self, window: u64) {
        for bank in &self.banks {
            let of = bank.window.load(Acquire);
            if of + 1 < window {
                let is_so = || bank.window.load(Acquire) == of;
                bank.slowest.clear(is_so);
                bank.failed.clear(is_so);
            }
        }
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
    for bank in roots().flat_map(|root| &root.banks) {
        bank.slowest.clear(|| true);
        bank.failed.clear(|| true);
    }
}

/// Called in a forked child, which has no trails.
pub(in crate::record) fn after_fork() {
    for bank in roots().flat_map(|root| &root.banks) {
        let places = bank.slowest.0.iter().chain(&bank.failed.0);
        places.for_each(|place| place.store(0, Relaxed));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;

    use super::*;
    use crate::outcome::Outcome;
    use crate::record::entry::current_or_new;
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
                        let bank = ROOT.bank(window);
                        let (mut slowest, mut failed) = (Vec::new(), Vec::new());
                        bank.slowest.read(window, &mut slowest);
                        bank.failed.read(window, &mut failed);
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
        assert!(ROOT.banks.iter().all(|bank| bank.slowest.0.iter().all(|place| place.load(Relaxed) == 0)));
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

    #[test]
    fn words_are_in_the_order_of_durations_and_windows() {
        let rank = |ns, window| Word::new(ns, window, 7).rank(5);
        assert!(rank(EXACT_NS - 1, 5) < rank(EXACT_NS, 5) && rank(EXACT_NS, 5) < rank(EXACT_NS + 1_024, 5));
        assert!(rank(0, 5) > 0 && rank(u64::MAX, 5) < u64::MAX);
        assert_eq!((rank(9, 3), rank(9, 7), Word::NONE.rank(5)), (0, u64::MAX, 0));
        assert_eq!(Word::new(u64::MAX, 5, 8_191).trail(), 8_191);
    }
}
