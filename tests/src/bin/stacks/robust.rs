//! All hazards at the same time.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use perf_sdk::snapshot::HeapStacks;

use super::hazards::actions;
use super::{Stops, builder, busy, eventually, in_child};

/// Pseudo-random numbers, which depend on the seed only.
struct Random(u64);

impl Random {
    fn of(seed: u64, thread: u64) -> Self {
        // Neighbouring seeds give distant states. The state is never 0.
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(thread.wrapping_mul(0xd1b5_4a32_d192_ed03)) | 1)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

fn micros(random: &mut Random, most: u64) -> Duration {
    Duration::from_micros(random.below(most))
}

fn allocate(random: &mut Random) {
    let (blocks, step) = (1 + random.below(300) as usize, 1 + random.below(80) as usize);
    let mut held: Vec<Vec<u8>> = (1..=blocks).map(|n| vec![1; n * step]).collect();
    held.sort_by_key(|block| block[block.len() / 2] as usize ^ block.len());
    black_box(held);
}

fn load(random: &mut Random) {
    let library = [c"libresolv.so.2", c"libnss_files.so.2", c"libutil.so.1"][random.below(3) as usize];
    // SAFETY: a library of the C library itself, without harmful initialisers.
    unsafe {
        let library = libc::dlopen(library.as_ptr(), libc::RTLD_NOW);
        busy(micros(random, 400));
        if !library.is_null() {
            libc::dlclose(library);
        }
    }
}

fn panic_and_catch(random: &mut Random) {
    let time = micros(random, 200);
    let caught = std::panic::catch_unwind(|| {
        busy(time);
        panic!("on purpose");
    });
    assert!(caught.is_err());
}

fn fork(random: &mut Random) {
    let blocks = random.below(100) as usize;
    in_child(|| {
        let held: Vec<Vec<u8>> = (0..blocks).map(|n| vec![0; n * 100]).collect();
        black_box(held).len() == blocks
    });
}

fn run_a_program(_: &mut Random) {
    assert!(std::process::Command::new("true").status().unwrap().success());
}

fn start_and_end(random: &mut Random) {
    let threads: Vec<_> = (0..1 + random.below(3))
        .map(|_| {
            let time = micros(random, 4_000);
            thread::spawn(move || busy(time))
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

fn little_stack(random: &mut Random) {
    // One thread at a time, because they share `LEFT`.
    static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    actions::little_stack(&mut |bound| random.below(bound));
}

fn alternate(random: &mut Random) {
    actions::alternate(&mut |bound| random.below(bound));
}

#[cfg(target_arch = "x86_64")]
fn coroutine(random: &mut Random) {
    actions::coroutine(&mut |bound| random.below(bound));
}

#[cfg(not(target_arch = "x86_64"))]
fn coroutine(random: &mut Random) {
    start_and_end(random);
}

fn crowd(random: &mut Random) {
    actions::crowd(&mut |bound| random.below(bound));
}

fn waits(random: &mut Random) {
    actions::waits(&mut |bound| random.below(bound));
}

const ACTIONS: [fn(&mut Random); 11] = [
    allocate,
    load,
    panic_and_catch,
    fork,
    run_a_program,
    start_and_end,
    little_stack,
    alternate,
    coroutine,
    crowd,
    waits,
];

/// The argument with this number, or else the variable `name`, or else `otherwise`.
fn argument(number: usize, name: &str, otherwise: u64) -> u64 {
    let text = std::env::args().nth(number).or_else(|| std::env::var(name).ok());
    text.map_or(otherwise, |text| text.parse().expect("a number"))
}

/// `robust SECONDS SEED HZ`: threads that allocate, load libraries, panic, fork, run programs,
/// start and end, at the highest possible rate of signals. The seed determines the order, the
/// duration and the number of each thread's actions.
pub(super) fn robust() {
    let (time, seed) = (Duration::from_secs(argument(2, "SECONDS", 6)), argument(3, "SEED", 1));
    println!("seed {seed}");
    let handle = builder().heap("4KiB").start().unwrap();
    std::panic::set_hook(Box::new(|_| {}));
    let goes_on = AtomicBool::new(true);
    let done = ACTIONS.map(|_| AtomicU64::new(0));
    let threads = ACTIONS.len() as u64 + Random::of(seed, 0).below(4);
    let act = |thread: u64| {
        let mut random = Random::of(seed, thread + 1);
        // Starts with a different action on each thread, then random runs of the same action.
        let mut action = thread as usize % ACTIONS.len();
        while goes_on.load(Relaxed) {
            for _ in 0..=random.below(12) {
                ACTIONS[action](&mut random);
                done[action].fetch_add(1, Relaxed);
            }
            if random.below(8) == 0 {
                thread::sleep(micros(&mut random, 3_000));
            }
            action = random.below(ACTIONS.len() as u64) as usize;
        }
    };
    let profile = thread::scope(|scope| {
        let _stops = Stops(&goes_on, false);
        for thread in 0..threads {
            let act = &act;
            scope.spawn(move || act(thread));
        }
        // On a loaded machine, it takes longer until every action has run.
        eventually(|| {
            let profile = handle.cpu_profile(time, Some(argument(4, "HZ", 4_000) as u32)).unwrap();
            let is_enough = profile.samples > 20 && done.iter().all(|count| count.load(Relaxed) > 0);
            if is_enough { Ok(profile) } else { Err(format!("{} samples, rounds {done:?}", profile.samples)) }
        })
    });
    let done: Vec<u64> = done.iter().map(|count| count.load(Relaxed)).collect();
    println!(
        "{}: {} samples, coverage {:.3}, {} dropped, {} cut, {} leaf only; {threads} threads, rounds {done:?}",
        profile.engine,
        profile.samples,
        profile.coverage(),
        profile.dropped,
        profile.cut,
        profile.leaf_only
    );
    assert!(HeapStacks::take().is_some_and(|stacks| !stacks.stacks.is_empty()));
}
