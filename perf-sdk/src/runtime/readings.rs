//! The jobs that take readings, one for each producer.

use std::time::{Duration, Instant};

use super::scheduler::Job;
use crate::base::headroom;
use crate::clock::ThreadCpu;
use crate::memory;
use crate::reading::{self, Producer, Sheet};
use crate::record::Part;

/// Memory that a turn may need at most. Most turns allocate nothing.
const TURN_BYTES: usize = 1 << 20;

/// A turn may take this part of the time until the next: of CPU time, and of time. Some files make
/// their reader wait, and the other jobs with it.
const CPU_SHARE: u32 = 1_000;
const TIME_SHARE: u32 = 100;

/// Takes the first readings at once, and further ones at the interval, or less often if they take
/// long.
pub(super) fn job(part: Part, interval: Duration, producer: Box<dyn Producer>) -> Job {
    Job::new(part, Duration::ZERO, move || {
        let mut shown = Shown { producer, next: Sheet::default() };
        Box::new(move || {
            let (start, cpu_ns) = (Instant::now(), ThreadCpu::cpu_now_ns());
            if headroom::is_there(TURN_BYTES) {
                memory::uncounted(|| shown.turn());
            }
            let cpu = Duration::from_nanos(ThreadCpu::cpu_now_ns().saturating_sub(cpu_ns));
            pause(interval, cpu, start.elapsed())
        })
    })
}

fn pause(interval: Duration, cpu: Duration, time: Duration) -> Duration {
    interval.max(cpu * CPU_SHARE).max(time * TIME_SHARE)
}

/// While it exists, the latest readings of the producer are on the board.
struct Shown {
    producer: Box<dyn Producer>,
    /// The sheet that is filled next.
    next: Sheet,
}

impl Shown {
    fn turn(&mut self) {
        let mut sheet = std::mem::take(&mut self.next);
        self.producer.read(&mut sheet);
        self.next = reading::publish(self.producer.name(), sheet);
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        reading::withdraw(self.producer.name());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::{Description, Unit};

    static TURNS: Description = Description::counter("test_turns_total", Unit::Count, "Turns.");

    struct Counts(f64);

    impl Producer for Counts {
        fn name(&self) -> &'static str {
            "test turns"
        }

        fn read(&mut self, into: &mut Sheet) {
            assert!(into.readings().is_empty());
            self.0 += 1.0;
            into.push(&TURNS, self.0);
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
        let find = || reading::latest().0.into_iter().find(|reading| reading.description.name == TURNS.name);
        let mut shown = Shown { producer: Box::new(Counts(0.0)), next: Sheet::default() };
        for turn in [1.0, 2.0, 3.0] {
            shown.turn();
            assert_eq!(find().map(|reading| reading.value), Some(turn));
        }
        drop(shown);
        assert!(find().is_none());
    }
}
