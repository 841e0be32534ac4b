//! The jobs that take readings, one for each producer.

use std::time::Duration;

use super::scheduler::Job;
use crate::base::headroom;
use crate::memory;
use crate::reading::{self, Producer, Sheet};
use crate::record::Part;

/// Memory that a turn may need at most. Most turns allocate nothing.
const TURN_BYTES: usize = 1 << 20;

/// Takes the first readings at once, and further ones at the interval.
pub(super) fn job(part: Part, interval: Duration, producer: Box<dyn Producer>) -> Job {
    Job::new(part, Duration::ZERO, move || {
        let mut shown = Shown { producer, next: Sheet::default() };
        Box::new(move || {
            if headroom::is_there(TURN_BYTES) {
                memory::uncounted(|| shown.turn());
            }
            interval
        })
    })
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
