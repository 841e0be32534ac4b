//! The jobs that take readings, one for each producer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use super::scheduler::Job;
use crate::base::headroom;
use crate::base::unpoisoned::Unpoisoned as _;
use crate::clock::{self, ThreadCpu};
use crate::memory;
use crate::reading::{Place, Producer, Renew, Sheet};
use crate::record::Part;

/// Memory that a turn may need at most. Most turns allocate nothing.
const TURN_BYTES: usize = 1 << 20;

/// A turn may take this part of the time until the next: of CPU time, and of time. Some files make
/// their reader wait, and the other jobs with it.
const CPU_SHARE: u32 = 1_000;
const TIME_SHARE: u32 = 100;

/// A process is idle while it takes less than this part of a core.
const IDLE_SHARE: u64 = 200;
/// Pauses of an idle process are longer by this factor at most.
const IDLE_FACTOR: u32 = 4;

/// Takes the first readings at once, and further ones at the interval, or less often if they take
/// long.
///
/// Those that may run anywhere are also taken less often while the process is idle. Who asks
/// meanwhile gets readings that are no older than otherwise: see
/// [`reading::renew`](crate::reading::renew).
pub(super) fn job(part: Part, interval: Duration, producer: Box<dyn Producer>) -> Job {
    Job::new(part, Duration::ZERO, move || {
        let mut idleness = producer.runs_anywhere().then(Idleness::default);
        let shown = Shown::shared(interval, producer);
        Box::new(move || {
            let pause = shown.lock().unpoisoned().turn();
            match &mut idleness {
                Some(idleness) => idleness.pause(pause, Instant::now(), clock::process_cpu_ns()),
                None => pause,
            }
        })
    })
}

fn pause(interval: Duration, cpu: Duration, time: Duration) -> Duration {
    interval.max(cpu * CPU_SHARE).max(time * TIME_SHARE)
}

/// Whether the process does anything.
#[derive(Debug, Default)]
struct Idleness {
    /// The time and the process's CPU time at the turn before.
    before: Option<(Instant, u64)>,
    factor: u32,
}

impl Idleness {
    /// The pause after a turn: twice that after the turn before while the process is idle, and the
    /// given one once it is not.
    fn pause(&mut self, pause: Duration, now: Instant, cpu_ns: Option<u64>) -> Duration {
        let before = std::mem::replace(&mut self.before, cpu_ns.map(|cpu_ns| (now, cpu_ns)));
        let is_idle = before.zip(cpu_ns).is_some_and(|((at, was_ns), now_ns)| {
            let time_ns = now.duration_since(at).as_nanos() as u64;
            now_ns.saturating_sub(was_ns) < time_ns / IDLE_SHARE
        });
        self.factor = if is_idle { (self.factor * 2).clamp(2, IDLE_FACTOR) } else { 1 };
        pause.saturating_mul(self.factor)
    }
}

/// While it exists, the latest readings of the producer are on the board.
struct Shown {
    interval: Duration,
    producer: Box<dyn Producer>,
    place: Place,
    /// The sheet that is filled next.
    next: Sheet,
    /// The pause that the latest turn asked for, and when it was.
    pause: Duration,
    read: Option<Instant>,
}

impl Shown {
    fn shared(interval: Duration, producer: Box<dyn Producer>) -> Arc<Mutex<Self>> {
        Arc::new_cyclic(|shown: &Weak<Mutex<Self>>| {
            let shown = Weak::clone(shown);
            let place = Place::new(producer.name(), Renew(Arc::new(move || renew(&shown))));
            Mutex::new(Self { interval, producer, place, next: Sheet::default(), pause: interval, read: None })
        })
    }

    /// Reads, and returns the pause that this asks for.
    fn turn(&mut self) -> Duration {
        let (start, cpu_ns) = (Instant::now(), ThreadCpu::cpu_now_ns());
        if headroom::is_there(TURN_BYTES) {
            memory::uncounted(|| {
                let mut sheet = std::mem::take(&mut self.next);
                self.producer.read(&mut sheet);
                self.next = self.place.publish(sheet, self.old());
            });
        }
        let cpu = Duration::from_nanos(ThreadCpu::cpu_now_ns().saturating_sub(cpu_ns));
        self.pause = pause(self.interval, cpu, start.elapsed());
        self.read = Some(start);
        self.pause
    }

    /// The age from which readings are old. What takes long is not read more often than it may.
    fn old(&self) -> Duration {
        if !self.producer.runs_anywhere() {
            return Duration::MAX;
        }
        // Turns are not that punctual.
        self.pause.saturating_add(self.pause / 4)
    }
}

/// Reads anew, unless the scheduler or someone else who asks just does.
fn renew(shown: &Weak<Mutex<Shown>>) {
    let Some(shown) = shown.upgrade() else { return };
    let Some(mut shown) = shown.try_lock().unpoisoned() else { return };
    if shown.read.is_none_or(|read| read.elapsed() >= shown.old()) {
        // The caller may be the program.
        let _ = catch_unwind(AssertUnwindSafe(|| shown.turn())).map_err(std::mem::forget);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::{self, Description, Unit};

    static TURNS: Description = Description::counter("test_turns_total", Unit::Count, "Turns.");

    static RENEWED: Description = Description::counter("test_renewed_total", Unit::Count, "Turns.");

    struct Counts(&'static str, &'static Description, f64, bool);

    fn value_of(description: &Description) -> Option<f64> {
        let is_it = |reading: &reading::Reading| reading.description.name == description.name;
        reading::latest().0.into_iter().find(is_it).map(|reading| reading.value)
    }

    impl Producer for Counts {
        fn name(&self) -> &'static str {
            self.0
        }

        fn runs_anywhere(&self) -> bool {
            self.3
        }

        fn read(&mut self, into: &mut Sheet) {
            assert!(into.readings().is_empty());
            self.2 += 1.0;
            into.push(self.1, self.2);
        }
    }

    #[test]
    fn readings_that_take_long_are_taken_less_often() {
        let ms = Duration::from_millis;
        assert_eq!(pause(ms(1_000), ms(1), ms(5)), ms(1_000));
        assert_eq!(pause(ms(1_000), ms(100), ms(100)), ms(100_000), "a folder of 100,000 descriptors");
        assert_eq!(pause(ms(10_000), ms(1), ms(1_300)), ms(130_000), "128 files that sleep for 10 ms");
    }

    #[test]
    fn the_latest_readings_are_on_the_board_until_the_job_ends() {
        let shown = Shown::shared(Duration::from_secs(3_600), Box::new(Counts("test turns", &TURNS, 0.0, false)));
        for turn in [1.0, 2.0, 3.0] {
            shown.lock().unwrap().turn();
            assert_eq!(value_of(&TURNS), Some(turn));
        }
        drop(shown);
        assert!(value_of(&TURNS).is_none());
    }

    #[test]
    fn who_asks_gets_no_old_readings() {
        let hour = Duration::from_secs(3_600);
        let shown = Shown::shared(hour, Box::new(Counts("test renewed", &RENEWED, 0.0, true)));
        let turn = |pause| {
            let mut shown = shown.lock().unwrap();
            shown.interval = pause;
            // What is old is known from the turn before.
            shown.turn();
            shown.turn();
        };
        turn(hour);
        let before = value_of(&RENEWED);
        reading::renew();
        assert_eq!(value_of(&RENEWED), before, "they are not old");
        turn(Duration::ZERO);
        let start = Instant::now();
        let before = value_of(&RENEWED);
        while value_of(&RENEWED) == before {
            assert!(start.elapsed().as_secs() < 60, "they are old as soon as their turn's cost allows");
            reading::renew();
        }
        let _reading = shown.lock().unwrap();
        reading::renew();
    }

    #[test]
    fn what_calls_the_program_is_only_read_by_the_scheduler() {
        static CALLS: Description = Description::counter("test_calls_total", Unit::Count, "Turns.");
        let shown = Shown::shared(Duration::ZERO, Box::new(Counts("test calls", &CALLS, 0.0, false)));
        shown.lock().unwrap().turn();
        assert_eq!(shown.lock().unwrap().old(), Duration::MAX);
        reading::renew();
        assert_eq!(value_of(&CALLS), Some(1.0));
    }

    #[test]
    fn an_idle_process_is_read_less_often() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut idleness = Idleness::default();
        let mut pauses = |turns: &[(u64, u64)]| -> Vec<u64> {
            let pause = |(at_ms, cpu_ms): &(u64, u64)| {
                let now = start + Duration::from_millis(*at_ms);
                idleness.pause(second, now, Some(cpu_ms * 1_000_000)).as_secs()
            };
            turns.iter().map(pause).collect()
        };
        let idle = [(0, 900), (1_000, 904), (3_000, 905), (7_000, 906), (11_000, 920)];
        assert_eq!(pauses(&idle), [1, 2, 4, 4, 4]);
        assert_eq!(pauses(&[(15_000, 960), (16_000, 965), (17_000, 966)]), [1, 1, 2], "it works, and is idle again");
        assert_eq!(idleness.pause(second, start + second * 20, None), second, "nobody knows");
    }
}
