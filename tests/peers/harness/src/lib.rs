//! One process for each row: makes the number of calls, on the number of threads, that the driver
//! asks for, and reports their cost.

use std::collections::HashMap;
use std::io::{BufRead as _, Write as _};
use std::sync::{Arc, Barrier, atomic::AtomicU64, atomic::Ordering::Relaxed};
use std::thread;
use std::time::Instant;

/// Makes this many calls.
pub type Work = fn(u64);

/// Named workloads.
pub type Rows = &'static [(&'static str, Work)];

/// Threads that wait for the next round.
struct Team {
    begin: Arc<Barrier>,
    end: Arc<Barrier>,
    calls: Arc<AtomicU64>,
}

impl Team {
    fn new(threads: usize, work: Work) -> Self {
        let team = Self {
            begin: Arc::new(Barrier::new(threads + 1)),
            end: Arc::new(Barrier::new(threads + 1)),
            calls: Arc::new(AtomicU64::new(0)),
        };
        for _ in 0..threads {
            let (begin, end, calls) = (Arc::clone(&team.begin), Arc::clone(&team.end), Arc::clone(&team.calls));
            thread::spawn(move || {
                loop {
                    begin.wait();
                    work(calls.load(Relaxed));
                    end.wait();
                }
            });
        }
        team
    }

    fn round(&self, calls: u64) {
        self.calls.store(calls, Relaxed);
        self.begin.wait();
        self.end.wait();
    }
}

/// Serves the driver until it closes its end of the pipe.
///
/// The command `round THREADS CALLS` (calls on each thread) is answered with `@ CPU_NS WALL_NS`.
/// CPU time is that of the process since the last answer, so it includes later work on a peer's own
/// threads. `rss` is answered with resident bytes.
pub fn serve(rows: Rows) -> ! {
    let name = std::env::args().nth(1).unwrap_or_default();
    let Some((_, work)) = rows.iter().find(|(known, _)| *known == name) else { panic!("no row {name:?}") };
    let mut teams: HashMap<usize, Team> = HashMap::new();
    let mut last_cpu_ns = process_cpu_ns();
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let words: Vec<&str> = line.split(' ').collect();
        let answer = match words.as_slice() {
            ["round", threads, calls] => {
                let (threads, calls) = (threads.parse().expect("threads"), calls.parse().expect("calls"));
                let team = teams.entry(threads).or_insert_with(|| Team::new(threads, *work));
                let start = Instant::now();
                team.round(calls);
                let wall_ns = start.elapsed().as_nanos();
                let cpu_ns = process_cpu_ns();
                let spent = cpu_ns - last_cpu_ns;
                last_cpu_ns = cpu_ns;
                format!("{spent} {wall_ns}")
            }
            ["rss"] => resident_bytes().to_string(),
            _ => panic!("unknown order {line:?}"),
        };
        let mut out = std::io::stdout().lock();
        writeln!(out, "@ {answer}").and_then(|()| out.flush()).expect("the driver reads");
    }
    // Some peers would print a report in their destructors.
    std::process::exit(0);
}

fn process_cpu_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place for the result.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/statm").expect("procfs");
    let pages: u64 = status.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("resident pages");
    pages * 4096
}
