//! Checks that the fast and the slow path of a call record the same: random sequences run through
//! both, as calls and as polls of futures, and all figures are compared.

use super::future::{Call, OpenPoll};
use super::guard;
use super::slow;
use crate::clock::mock::{Time, ignore_real_switches};
use crate::outcome::Outcome;
use crate::record::store::cost::OwnPart;
use crate::record::store::counter::Counter;
use crate::record::store::node::Node;
use crate::record::store::place::Place;
use crate::record::store::shard::Parts;
use crate::record::store::thread::ThreadRecord;
use crate::scope::{Options, Sample, Site, Slot, Source};

/// Each sequence takes four records, which are never freed.
const SEQUENCES: u64 = if cfg!(miri) { 1 } else { 12 };
const STEPS: usize = if cfg!(miri) { 60 } else { 5_000 };

static SITES: [Site; 5] = [
    site("one", Sample::Always, true),
    site("two", Sample::Always, true),
    site("three", Sample::Always, true),
    site("skipped", Sample::Never, true),
    site("without CPU", Sample::Always, false),
];

const fn site(name: &'static str, sample: Sample, cpu: bool) -> Site {
    let source = Source { name: Some(name), path: || "", ident: name, module: "both_paths", file: file!(), line: 0 };
    Site::new(source, Options { sample, cpu, ..Options::DEFAULT })
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Enter(usize),
    /// Ends an open call, counted from the innermost one.
    Leave(usize, Outcome),
    /// An open call, counted in the same way, stops for a moment, if it can.
    Pause(usize),
    /// A block of memory is allocated and freed.
    Allocate,
    /// Time on the CPU, in nanoseconds.
    Run(u64),
    /// Time off the CPU that the witness shows.
    Sleep(u64),
    /// Time off the CPU that no witness shows, as with a hypervisor.
    Steal(u64),
}

/// A random sequence, the same for each seed.
fn sequence(seed: u64) -> Vec<Step> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut draw = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) % below
    };
    // Some sequences are deep enough for frames beyond the first ones.
    let leaves = if seed.is_multiple_of(4) { 30 } else { 42 };
    let outcomes = [Outcome::Ok, Outcome::Error, Outcome::Panic, Outcome::Cancelled];
    let step = |_| match draw(100) {
        at if at < 40 => Step::Enter(draw(SITES.len() as u64) as usize),
        at if at < 40 + leaves => {
            // Rarely a call that is not the innermost one.
            let back = if draw(50) == 0 { draw(3) as usize } else { 0 };
            Step::Leave(back, outcomes[draw(outcomes.len() as u64) as usize])
        }
        at if at < 90 => Step::Run([20, 300, 5_000, 200_000][draw(4) as usize]),
        90 | 91 => Step::Pause(draw(2) as usize),
        92..95 => Step::Allocate,
        95 | 96 => Step::Sleep([1_000, 3_000_000, 2_000_000_000][draw(3) as usize]),
        97 => Step::Steal(1_000 * draw(50)),
        // Longer than an anchor of the CPU clock is valid.
        _ => Step::Run(25_000_000),
    };
    (0..STEPS).map(step).collect()
}

/// Begins and ends calls by one of the paths.
trait Calls {
    type Open;
    fn enter(site: &'static Site) -> Option<Self::Open>;
    fn leave(open: Self::Open, outcome: Outcome, record: &'static ThreadRecord);
    /// Only polls do anything.
    fn pause(_: &mut Self::Open, _: &'static ThreadRecord) {}
}

/// As guards do: by the fast path wherever it applies.
struct Guards;

impl Calls for Guards {
    type Open = guard::Guard;

    fn enter(site: &'static Site) -> Option<guard::Guard> {
        Some(guard::enter(site))
    }

    fn leave(open: guard::Guard, outcome: Outcome, _: &'static ThreadRecord) {
        open.finish(outcome);
    }
}

struct Slow;

impl Calls for Slow {
    type Open = Place;

    fn enter(site: &'static Site) -> Option<Place> {
        slow::begin(site, guard::empty_call).map(|(_, place)| place)
    }

    fn leave(place: Place, outcome: Outcome, record: &'static ThreadRecord) {
        slow::end(record, place, Some(outcome), record.wall.ticks());
    }
}

/// Futures, each in a box: its address tells its polls from those of others.
struct Polls;

impl Calls for Polls {
    type Open = (Box<Call>, Option<OpenPoll>);

    fn enter(site: &'static Site) -> Option<Self::Open> {
        let mut call = Box::new(Call::new(Some(site)));
        let open = call.enter();
        Some((call, open))
    }

    fn leave((mut call, open): Self::Open, outcome: Outcome, _: &'static ThreadRecord) {
        match open {
            Some(open) => call.leave(open, Some(outcome)),
            None => call.finish(outcome),
        }
    }

    fn pause((call, open): &mut Self::Open, _: &'static ThreadRecord) {
        if let Some(open) = open.take() {
            call.leave(open, None);
        }
        *open = call.enter();
    }
}

struct SlowPolls;

impl Calls for SlowPolls {
    type Open = (Box<Call>, Option<OpenPoll>);

    fn enter(site: &'static Site) -> Option<Self::Open> {
        let mut call = Box::new(Call::new(Some(site)));
        let open = call.enter_any();
        Some((call, open))
    }

    fn leave((mut call, open): Self::Open, outcome: Outcome, _: &'static ThreadRecord) {
        match open {
            Some(open) => call.leave_by_any_clock(open, Some(outcome)),
            None => call.finish(outcome),
        }
    }

    fn pause((call, open): &mut Self::Open, _: &'static ThreadRecord) {
        if let Some(open) = open.take() {
            call.leave_by_any_clock(open, None);
        }
        *open = call.enter_any();
    }
}

/// The path and all figures of a node.
type Figures = (Vec<&'static str>, Vec<u64>);

/// All figures after a sequence, on a separate record.
fn play<C: Calls>(steps: &[Step]) -> (Vec<Figures>, Vec<String>) {
    let (time, wall, cpu) = Time::world();
    let record = ThreadRecord::allocate(1, wall, OwnPart::default(), cpu, true).expect("memory");
    let slot = Slot::get();
    record.leave_busy();
    let mut open: Vec<C::Open> = Vec::new();
    for step in steps {
        match *step {
            Step::Enter(at) => open.extend(C::enter(&SITES[at])),
            Step::Leave(back, outcome) => {
                if let Some(at) = open.len().checked_sub(1 + back) {
                    C::leave(open.remove(at), outcome, record);
                }
            }
            Step::Pause(back) => {
                if let Some(at) = open.len().checked_sub(1 + back) {
                    C::pause(&mut open[at], record);
                }
            }
            Step::Allocate => drop(std::hint::black_box(Box::new(0_u64))),
            Step::Run(ns) => time.run(ns),
            Step::Sleep(ns) => time.sleep(ns),
            Step::Steal(ns) => time.steal(ns),
        }
    }
    while let Some(last) = open.pop() {
        C::leave(last, Outcome::Ok, record);
    }
    Slot::BUSY.set();
    record.flush();
    let mut nodes: Vec<Figures> =
        std::iter::successors(record.newest_node(), |node| node.older()).map(figures).collect();
    nodes.sort();
    let mut histograms: Vec<String> = std::iter::successors(record.newest_shard(), |shard| shard.older())
        .map(|shard| {
            let mut parts = Parts::new();
            shard.fold_into(&mut parts);
            let future = shard.future().map(|future| {
                [&future.started, &future.finished, &future.polls, &future.busy, &future.idle, &future.longest_poll]
                    .map(Counter::get)
            });
            format!("{}: {parts:?} {future:?}", shard.site.label().name)
        })
        .collect();
    histograms.sort();
    record.cpu_detach();
    slot.set();
    (nodes, histograms)
}

fn figures(node: &'static Node) -> Figures {
    let path = std::iter::successors(Some(node), |node| node.parent()).filter_map(Node::site);
    let sums = &node.sums;
    let figures = node.outcomes().into_iter().chain([
        node.samples(),
        node.recursions(),
        node.absent.get(),
        sums.wall.get(),
        sums.cpu.get(),
        sums.allocated_bytes.get(),
        sums.allocations.get(),
        sums.freed_bytes.get(),
        sums.frees.get(),
        sums.reallocations.get(),
    ]);
    (path.map(|site| site.label().name.as_str()).collect(), figures.collect())
}

#[test]
fn the_fast_and_the_slow_path_are_one_account() {
    // On a thread without a record of its own, so that nothing else uses its slot.
    let played = std::thread::spawn(|| {
        ignore_real_switches();
        let mut calls = 0;
        for seed in 1..=SEQUENCES {
            let steps = sequence(seed);
            let (fast, slow) = (play::<Guards>(&steps), play::<Slow>(&steps));
            assert_eq!(fast, slow, "sequence {seed}: {steps:?}");
            let (fast_polls, slow_polls) = (play::<Polls>(&steps), play::<SlowPolls>(&steps));
            assert_eq!(fast_polls, slow_polls, "polls of sequence {seed}: {steps:?}");
            calls += fast.0.iter().chain(&fast_polls.0).map(|(_, figures)| figures[0]).sum::<u64>();
        }
        calls
    });
    assert!(played.join().expect("both are one") > 2 * SEQUENCES);
}
