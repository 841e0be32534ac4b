//! The job that fills the history.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::idleness::Idleness;
use super::scheduler::Job;
use crate::base::headroom;
use crate::base::notice::say;
use crate::clock::ThreadCpu;
use crate::collect::FunctionFold;
use crate::error::Error;
use crate::history::{self, DEFAULT_BYTES, FileCounts, FunctionId, FunctionReading, History, OwnReadings, Pace};
use crate::memory;
use crate::reading::{self, Place, Renew, Sheet};
use crate::record::Part;
use crate::settings::{HistoryStore, Settings};

/// The time between two rounds.
const INTERVAL: Duration = Duration::from_secs(1);
/// Memory that a turn may need at most. Most turns allocate nothing.
const TURN_BYTES: usize = 4 << 20;
/// Ten turns may take this part of ten seconds of CPU time; beyond, fewer functions are read every
/// second.
const CPU_SHARE: u32 = 2_500;
/// One turn may take this part of the time until the next: of CPU time, and of time. A turn that
/// reads all functions is one of ten.
const TURN_CPU_SHARE: u32 = 100;
const TURN_TIME_SHARE: u32 = 100;
/// By how many functions more may be read every second, once there is room.
const MORE: usize = 5;
/// A reading that was not taken anew is repeated after this many seconds, since three seconds
/// without one are a gap.
const REPEATED_AFTER: u64 = 2;
/// Pauses of a process that takes little are longer by this factor: rounds that are two seconds
/// apart leave no gap.
const IDLE_FACTOR: u32 = 2;

/// The history of a profiler that starts. It is closed again if the start fails.
#[derive(Debug)]
pub(super) struct Opened {
    is_there: bool,
    stays: bool,
}

impl Opened {
    pub(super) fn is_there(&self) -> bool {
        self.is_there
    }

    /// The profiler has started.
    pub(super) fn stay(mut self) {
        self.stays = true;
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        if !self.stays {
            history::close();
        }
    }
}

const NO_MEMORY: &str = "it takes an eighth of PERF_MEMORY, at least 2 MiB, which is not there";

/// Whose readings those of the history are.
const PRODUCER: &str = "history";

/// Opens the history that the settings ask for.
///
/// # Errors
/// The file cannot be used.
pub(super) fn open(settings: &Settings) -> Result<Opened, Error> {
    // A former one may have the file open, and has the memory: also in a forked child.
    history::close();
    let new = memory::uncounted(|| match &settings.history {
        HistoryStore::Off => Ok(None),
        HistoryStore::Memory => Ok(History::new(DEFAULT_BYTES)),
        HistoryStore::File(path) => {
            let error = |source: io::Error| Error::History { path: path.clone(), source };
            match History::open(DEFAULT_BYTES, path) {
                Ok(Some(history)) => Ok(Some(history)),
                Ok(None) => Err(error(io::Error::new(io::ErrorKind::OutOfMemory, NO_MEMORY))),
                Err(why) => Err(error(why.into())),
            }
        }
    })?;
    if new.is_none() && settings.history != HistoryStore::Off {
        say(&format!("without a history: {NO_MEMORY}"));
    }
    if let Some(path) = settings.history.file()
        && let Some(damage) = new.as_ref().and_then(History::file_counts).and_then(damage)
    {
        say(&format!("the history in {}: {damage}", path.display()));
    }
    let is_there = new.is_some();
    history::keep(new);
    Ok(Opened { is_there, stays: false })
}

/// What was found damaged in the file at the start.
fn damage(counts: FileCounts) -> Option<String> {
    let FileCounts { damaged, damaged_bytes, dropped_tail_bytes, senseless_records, .. } = counts;
    let parts = [
        (dropped_tail_bytes, format!("{dropped_tail_bytes} bytes at its end were incomplete, and are cut off")),
        (damaged, format!("{damaged_bytes} damaged bytes in {damaged} places are left out")),
        (senseless_records, format!("{senseless_records} records make no sense, and are left out")),
    ];
    let parts: Vec<String> = parts.into_iter().filter(|(number, _)| *number > 0).map(|(_, text)| text).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// Takes the readings and the functions of each second, those with these names before all others.
pub(super) fn job(wanted: Vec<String>) -> Job {
    Job::new(Part::History, INTERVAL, || {
        let fold = FunctionFold::preferring(wanted);
        let (mut filling, mut idleness) = (Filling { fold, ..Filling::default() }, Idleness::new(IDLE_FACTOR));
        Box::new(move || {
            let (start, cpu_ns) = (Instant::now(), ThreadCpu::cpu_now_ns());
            let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
            if headroom::is_there(TURN_BYTES) {
                memory::uncounted(|| history::fill(|history| filling.turn(history, now)));
            }
            let cpu = Duration::from_nanos(ThreadCpu::cpu_now_ns().saturating_sub(cpu_ns));
            filling.spend(cpu);
            idleness.pause_now(INTERVAL).max(cpu * TURN_CPU_SHARE).max(start.elapsed() * TURN_TIME_SHARE)
        })
    })
}

/// The state between two turns.
#[derive(Default)]
struct Filling {
    fold: FunctionFold,
    /// Of each sheet of readings, its version and when it was read.
    sheets: Vec<(&'static str, u64, u64)>,
    own: OwnReadings,
    /// Where the readings of the history are shown, from the first ones on.
    place: Option<Place>,
    /// The sheet with readings of the history that is filled next.
    sheet: Sheet,
    /// It was said that the file cannot be written.
    has_said: bool,
    /// The CPU time of some turns.
    spent: Duration,
    turns: u32,
}

impl Filling {
    fn turn(&mut self, history: &mut History, now: u64) {
        let Some(mut round) = history.round(now) else { return };
        reading::visit(|producer, version, readings| {
            let known = self.sheets.iter().position(|sheet| sheet.0 == producer);
            let at = known.unwrap_or_else(|| {
                self.sheets.push((producer, u64::MAX, now));
                self.sheets.len() - 1
            });
            let (_, seen, read) = &mut self.sheets[at];
            if *seen != version || now.abs_diff(*read) >= REPEATED_AFTER {
                (*seen, *read) = (version, now);
                readings.iter().for_each(|reading| round.reading(reading));
            }
        });
        let are_all = round.is_of_ten();
        self.fold.read(are_all, |sums| {
            let reading = FunctionReading {
                function: FunctionId { name: sums.name, module: sums.module },
                calls: sums.calls,
                errors: sums.errors,
                self_ns: sums.self_ns,
                cpu_ns: sums.cpu_ns,
                allocated_bytes: sums.allocated_bytes,
                live_bytes: sums.live_bytes,
                times: sums.times,
                is_new: sums.is_new,
            };
            round.function(&reading, if sums.is_often { Pace::Second } else { Pace::Ten });
        });
        drop(round);
        if are_all {
            if let Some(kind) = history.file_counts().and_then(|counts| counts.last_failure)
                && !std::mem::replace(&mut self.has_said, true)
            {
                say(&format!(
                    "the history cannot be written to its file: {kind}; it goes on in memory, and tries again"
                ));
            }
            let mut sheet = std::mem::take(&mut self.sheet);
            self.own.read(history, &mut sheet);
            // They are as new as the history itself.
            let place = self.place.get_or_insert_with(|| Place::new(PRODUCER, Renew(Arc::new(|| ()))));
            self.sheet = place.publish(sheet, Duration::MAX);
        }
    }

    /// Reads fewer functions every second if ten turns took too long, and more of them again if
    /// they took little.
    fn spend(&mut self, cpu: Duration) {
        const TURNS: u32 = 10;
        self.spent += cpu;
        self.turns += 1;
        if self.turns < TURNS {
            return;
        }
        let (spent, allowed) = (std::mem::take(&mut self.spent), INTERVAL * TURNS / CPU_SHARE);
        self.turns = 0;
        let before = self.fold.most_often();
        if spent > allowed {
            let share = allowed.as_secs_f64() / spent.as_secs_f64();
            self.fold.set_most_often((before as f64 * share) as usize);
        } else if spent < allowed / 2 {
            self.fold.set_most_often(before + MORE);
        }
    }
}

#[cfg(all(test, not(miri)))]
mod tests {
    use super::*;
    use crate::record::enter;
    use crate::scope::{Options, Sample, Site, Source};

    #[test]
    fn what_was_damaged_is_said_in_a_line() {
        let counts = FileCounts::default();
        assert_eq!(damage(counts), None);
        let counts = FileCounts { damaged: 2, damaged_bytes: 30, dropped_tail_bytes: 7, ..counts };
        let said = damage(counts).unwrap();
        assert!(said.contains("7 bytes at its end") && said.contains("30 damaged bytes in 2 places"), "{said}");
    }

    #[test]
    fn turns_that_are_dear_read_fewer_functions_every_second() {
        let mut filling = Filling::default();
        let most = filling.fold.most_often();
        let ten = |filling: &mut Filling, us: u64| {
            (0..10).for_each(|_| filling.spend(Duration::from_micros(us)));
            filling.fold.most_often()
        };
        assert_eq!(ten(&mut filling, 300), most);
        let fewer = ten(&mut filling, 1_600);
        assert_eq!(fewer, most / 4);
        assert_eq!(ten(&mut filling, 350), fewer, "neither too much nor little");
        assert_eq!(ten(&mut filling, 100), fewer + MORE);
        assert_eq!(ten(&mut filling, 10_000_000), 0);
        assert_eq!(ten(&mut filling, 0), MORE);
    }

    fn sites(of: &str, number: usize) -> Vec<&'static Site> {
        let site = |number: usize| {
            let name: &'static str = format!("{of}: function {number}").leak();
            let source = Source { name: Some(name), path: || "", ident: name, module: "history", file: "", line: 0 };
            &*Box::leak(Box::new(Site::new(source, Options { sample: Sample::Always, ..Options::DEFAULT })))
        };
        (0..number).map(site).collect()
    }

    /// Calls each once, for some 0.1 to 6.4 µs.
    fn call(sites: &[&'static Site], random: &mut u64) {
        for site in sites {
            *random ^= *random << 13;
            *random ^= *random >> 7;
            *random ^= *random << 17;
            let _guard = enter(site);
            let end = Instant::now() + Duration::from_nanos(100 << (*random % 7));
            while Instant::now() < end {}
        }
    }

    /// `cargo test --release -p perf-sdk --lib --no-default-features --features enabled
    /// runtime::history::tests::share -- --ignored --nocapture`
    #[test]
    #[ignore = "it prints what monitors and the history take on this machine"]
    fn share_of_a_core() {
        let seconds: u64 = std::env::var("PERF_TEST_SECONDS").map_or(120, |text| text.parse().unwrap());
        let perf = crate::builder().listen("off").report(false).stacks("off").start().unwrap();
        let over = std::sync::atomic::AtomicBool::new(false);
        let sites = sites("share", 200);
        let spent = || -> std::collections::BTreeMap<&'static str, u64> { crate::record::account().collect() };
        std::thread::scope(|scope| {
            for thread in 0..4_u64 {
                let (over, sites) = (&over, &sites);
                scope.spawn(move || {
                    let mut random = thread + 7;
                    // Some 20 ms of work a second on each thread.
                    while !over.load(std::sync::atomic::Ordering::Relaxed) {
                        (0..5).for_each(|_| call(sites, &mut random));
                        std::thread::sleep(Duration::from_millis(100));
                    }
                });
            }
            std::thread::sleep(Duration::from_secs(15));
            let (before, start) = (spent(), Instant::now());
            std::thread::sleep(Duration::from_secs(seconds));
            let (after, wall) = (spent(), start.elapsed());
            over.store(true, std::sync::atomic::Ordering::Relaxed);
            for (part, ns) in after {
                let share = (ns - before[part]) as f64 / wall.as_nanos() as f64 * 100.0;
                println!("{part}: {share:.4} % of a core");
            }
        });
        println!("{} series", perf.history_series().len());
    }

    /// `cargo test --release -p perf-sdk --lib --no-default-features --features enabled
    /// runtime::history::tests::cost -- --ignored --nocapture`
    #[test]
    #[ignore = "it prints what a round costs on this machine"]
    fn cost_of_a_round() {
        for (functions, threads) in [(200, 1), (200, 4), (1_000, 4), (20, 1)] {
            let sites = sites(&format!("of {functions} on {threads}"), functions);
            let (done, over) = (std::sync::Barrier::new(threads), std::sync::Barrier::new(threads));
            std::thread::scope(|scope| {
                let mut random = 7;
                for _ in 1..threads {
                    scope.spawn(|| {
                        (0..20).for_each(|_| call(&sites, &mut 9));
                        done.wait();
                        over.wait();
                    });
                }
                (0..20).for_each(|_| call(&sites, &mut random));
                done.wait();
                let mut history = History::new(DEFAULT_BYTES).unwrap();
                let mut filling = Filling::default();
                let (mut single, mut ten) = ((0, 0), (0, 0));
                for now in 0..10_000 {
                    call(&sites, &mut random);
                    let start_ns = ThreadCpu::cpu_now_ns();
                    filling.turn(&mut history, 1_795_000_000 + now);
                    let spent = ThreadCpu::cpu_now_ns() - start_ns;
                    let sum = if now % 10 == 9 { &mut ten } else { &mut single };
                    *sum = (sum.0 + 1, sum.1 + spent);
                }
                over.wait();
                let mean = |(number, ns): (u64, u64)| ns as f64 / number as f64 / 1e3;
                println!(
                    "{functions} functions on {threads} threads: {:.0} µs a round, {:.0} µs each tenth, {:.0} µs in the mean",
                    mean(single),
                    mean(ten),
                    mean((single.0 + ten.0, single.1 + ten.1))
                );
            });
        }
    }
}
