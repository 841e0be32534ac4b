//! The jobs that take readings, one for each producer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use super::actions;
use super::idleness::Idleness;
use super::scheduler::Job;
use crate::base::headroom;
use crate::base::unpoisoned::Unpoisoned as _;
use crate::clock::ThreadCpu;
use crate::memory;
use crate::reading::{Description, Place, Producer, Renew, Sheet};
use crate::record::Part;
use crate::{collect, flag, history, instrument, monitor, scaling};

/// Memory that a turn may need at most. Most turns allocate nothing.
const TURN_BYTES: usize = 1 << 20;

/// A turn may take this part of the time until the next: of CPU time, and of time. Some files make
/// their reader wait, and the other jobs with it. What the program asked for may take more than
/// monitors, which nobody asked for by name.
const CPU_SHARE: u32 = 1_000;
const MONITOR_CPU_SHARE: u32 = 5_000;
const TIME_SHARE: u32 = 100;

/// Pauses of an idle process are longer by this factor at most.
const IDLE_FACTOR: u32 = 4;

/// All readings that there may be on some machine.
pub(crate) fn descriptions() -> impl Iterator<Item = &'static Description> {
    let all = monitor::descriptions().chain(instrument::descriptions()).chain(history::descriptions());
    let all = all.chain(collect::lock_descriptions()).chain(flag::descriptions());
    let all = all.chain(actions::descriptions()).chain(scaling::descriptions());
    #[cfg(feature = "flight")]
    let all = all.chain(crate::flight::descriptions());
    all
}

/// Takes the first readings at once, and further ones at the interval, or less often if they take
/// long.
///
/// Those that may run anywhere are also taken less often while the process is idle. Who asks
/// meanwhile gets readings that are no older than otherwise: see
/// [`reading::renew`](crate::reading::renew).
pub(super) fn job(part: Part, interval: Duration, producer: Box<dyn Producer>) -> Job {
    Job::new(part, Duration::ZERO, move || {
        let mut idleness = producer.runs_anywhere().then(|| Idleness::new(IDLE_FACTOR));
        let share = if part == Part::Monitors { MONITOR_CPU_SHARE } else { CPU_SHARE };
        let shown = Shown::shared(interval, share, producer);
        Box::new(move || {
            let pause = shown.lock().unpoisoned().turn();
            match &mut idleness {
                Some(idleness) => idleness.pause_now(pause),
                None => pause,
            }
        })
    })
}

fn pause(interval: Duration, share: u32, cpu: Duration, time: Duration) -> Duration {
    interval.max(cpu * share).max(time * TIME_SHARE)
}

/// While it exists, the latest readings of the producer are on the board.
struct Shown {
    interval: Duration,
    /// A turn may take this part of the CPU time until the next.
    share: u32,
    producer: Box<dyn Producer>,
    place: Place,
    /// The sheet that is filled next.
    next: Sheet,
    /// The pause that the latest turn asked for, and when it was.
    pause: Duration,
    read: Option<Instant>,
}

impl Shown {
    fn shared(interval: Duration, share: u32, producer: Box<dyn Producer>) -> Arc<Mutex<Self>> {
        Arc::new_cyclic(|shown: &Weak<Mutex<Self>>| {
            let shown = Weak::clone(shown);
            let place = Place::new(producer.name(), Renew(Arc::new(move || renew(&shown))));
            Mutex::new(Self { interval, share, producer, place, next: Sheet::default(), pause: interval, read: None })
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
        self.pause = pause(self.interval, self.share, cpu, start.elapsed());
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
        reading::latest().0.iter().find(|reading| is_it(reading)).map(|reading| reading.value)
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
        assert_eq!(pause(ms(1_000), CPU_SHARE, ms(1), ms(5)), ms(1_000));
        assert_eq!(pause(ms(1_000), CPU_SHARE, ms(100), ms(100)), ms(100_000), "a folder of 100,000 descriptors");
        assert_eq!(pause(ms(10_000), CPU_SHARE, ms(1), ms(1_300)), ms(130_000), "128 files that sleep for 10 ms");
    }

    #[test]
    fn the_latest_readings_are_on_the_board_until_the_job_ends() {
        let shown =
            Shown::shared(Duration::from_secs(3_600), CPU_SHARE, Box::new(Counts("test turns", &TURNS, 0.0, false)));
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
        let shown = Shown::shared(hour, CPU_SHARE, Box::new(Counts("test renewed", &RENEWED, 0.0, true)));
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
        let shown = Shown::shared(Duration::ZERO, CPU_SHARE, Box::new(Counts("test calls", &CALLS, 0.0, false)));
        shown.lock().unwrap().turn();
        assert_eq!(shown.lock().unwrap().old(), Duration::MAX);
        reading::renew();
        assert_eq!(value_of(&CALLS), Some(1.0));
    }
}
