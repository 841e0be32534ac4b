//! The memory use of the sampler.

use std::sync::Barrier;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

use super::{STOP, builder, busy, seconds, spin};

/// Resident bytes, and the part of them that is file-backed or shared.
pub(super) fn resident() -> [u64; 2] {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: Vec<u64> = text.split_whitespace().filter_map(|pages| pages.parse().ok()).collect();
    // SAFETY: it only reads a number.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as u64;
    [pages[1] * page, pages[2] * page]
}

/// Prints the resident memory, and its file-backed part, beside `THREADS` threads, which are busy
/// unless `IDLE` is set. No profile is taken, so no names are looked up.
pub(super) fn resident_memory() {
    let threads = std::env::var("THREADS").ok().and_then(|text| text.parse().ok()).unwrap_or(1_usize);
    let is_idle = std::env::var("IDLE").is_ok_and(|text| !text.is_empty());
    let handle = builder().stacks_hz(1_000).start().unwrap();
    let begun = Barrier::new(threads + 1);
    let read = thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                busy(Duration::from_millis(1));
                begun.wait();
                while !STOP.load(Relaxed) {
                    if is_idle {
                        thread::sleep(Duration::from_millis(20));
                    } else {
                        spin(Duration::from_millis(20));
                    }
                }
            });
        }
        begun.wait();
        thread::sleep(seconds("SECONDS", 3));
        let read = resident();
        STOP.store(true, Relaxed);
        read
    });
    let sampled = handle.snapshot().stacks.map_or([0, 0], |stacks| [stacks.threads, stacks.samples]);
    println!("{} {} {} {}", read[0], read[1], sampled[0], sampled[1]);
}
