//! One thread for the profiler's jobs.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crate::base::background::Background;
use crate::base::headroom;
use crate::base::notice::say;
use crate::record::{OwnThread, Part};

/// Turns after longer pauses are at multiples of this time since the start, so that jobs share
/// wake-ups.
const GRID: Duration = Duration::from_secs(1);

/// One turn of a job. Returns the pause until the next.
pub(super) type Turn = Box<dyn FnMut() -> Duration>;

/// Work that is done at intervals.
pub(super) struct Job {
    /// The part to which its CPU time is charged.
    part: Part,
    /// The pause before the first turn.
    pause: Duration,
    make: Box<dyn FnOnce() -> Turn + Send>,
}

impl Job {
    /// `make` is called on the thread on which the turns are taken.
    pub(super) fn new(part: Part, pause: Duration, make: impl FnOnce() -> Turn + Send + 'static) -> Self {
        Self { part, pause, make: Box::new(make) }
    }
}

/// Runs the jobs until the result is dropped. If several are due, they run in the order of the
/// list. A job must not block: work that does belongs to the [worker](super::worker).
pub(super) fn start(jobs: Vec<Job>) -> io::Result<Background> {
    Background::start("perf-sdk-jobs", move |pauses| {
        let own = OwnThread::enter(Part::Scheduling);
        let mut schedule = Schedule::new(Instant::now());
        for Job { part, pause, make } in jobs {
            own.turn_to(part);
            if let Some(turn) = unless_panics(part, make) {
                schedule.add(Instant::now(), part, pause, turn);
            }
        }
        own.turn_to(Part::Scheduling);
        while pauses.wait(schedule.pause(Instant::now())) {
            headroom::once(|| schedule.take_turns(Instant::now, |part| own.turn_to(part)));
            own.turn_to(Part::Scheduling);
        }
    })
}

/// A panic ends one job only.
fn unless_panics<T>(part: Part, run: impl FnOnce() -> T) -> Option<T> {
    let result = catch_unwind(AssertUnwindSafe(run));
    result
        .inspect_err(|_| say(&format!("the profiler's job \"{}\" panicked, and is not continued", part.name())))
        // Dropping the payload could panic once more.
        .map_err(std::mem::forget)
        .ok()
}

/// The jobs and when they are due.
struct Schedule {
    start: Instant,
    jobs: Vec<Scheduled>,
}

struct Scheduled {
    part: Part,
    due: Instant,
    turn: Turn,
}

impl Schedule {
    fn new(start: Instant) -> Self {
        Self { start, jobs: Vec::new() }
    }

    fn add(&mut self, now: Instant, part: Part, pause: Duration, turn: Turn) {
        self.jobs.push(Scheduled { part, due: due(self.start, now, pause), turn });
    }

    /// The time until a job is due.
    fn pause(&self, now: Instant) -> Duration {
        self.jobs.iter().map(|job| job.due.saturating_duration_since(now)).min().unwrap_or(Duration::MAX)
    }

    /// Runs each job that is due. `begins` is called before each.
    fn take_turns(&mut self, now: impl Fn() -> Instant, begins: impl Fn(Part)) {
        let start = self.start;
        self.jobs.retain_mut(|job| {
            if job.due > now() {
                return true;
            }
            begins(job.part);
            let Some(pause) = unless_panics(job.part, &mut job.turn) else {
                let turn = std::mem::replace(&mut job.turn, Box::new(|| Duration::MAX));
                let _ = unless_panics(job.part, move || drop(turn));
                return false;
            };
            job.due = due(start, now(), pause);
            true
        });
    }
}

/// The time after a pause, or the nearest one on the grid if the pause is long enough for that.
fn due(start: Instant, now: Instant, pause: Duration) -> Instant {
    /// No pause is so long that the time after it could not be represented.
    const MOST: Duration = Duration::from_secs(365 * 24 * 3_600);
    let due = now + pause.min(MOST);
    if pause < GRID {
        return due;
    }
    let since_start = due.saturating_duration_since(start) + GRID / 2;
    start + GRID * (since_start.as_nanos() / GRID.as_nanos()) as u32
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::rc::Rc;

    use super::*;

    /// A clock that stands until it is set.
    struct Mock(Instant, Cell<Duration>);

    impl Mock {
        fn now(&self) -> Instant {
            self.0 + self.1.get()
        }
    }

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn long_pauses_end_together_and_short_ones_as_they_are() {
        let clock = Mock(Instant::now(), Cell::default());
        let turns = Rc::new(RefCell::new(Vec::new()));
        let job = |part: Part, pause: u64| -> Turn {
            let turns = Rc::clone(&turns);
            Box::new(move || {
                turns.borrow_mut().push(part);
                ms(pause)
            })
        };
        let mut schedule = Schedule::new(clock.now());
        schedule.add(clock.now() + ms(300), Part::Budget, ms(1_000), job(Part::Budget, 1_000));
        schedule.add(clock.now() + ms(700), Part::Pressure, ms(2_000), job(Part::Pressure, 2_000));
        schedule.add(clock.now(), Part::Leaks, ms(1_990), job(Part::Leaks, 600));
        let charged = RefCell::new(Vec::new());
        let mut wake_ups = Vec::new();
        for _ in 0..4 {
            clock.1.set(clock.1.get() + schedule.pause(clock.now()));
            schedule.take_turns(|| clock.now(), |part| charged.borrow_mut().push(part));
            wake_ups.push((clock.1.get().as_millis(), turns.take()));
        }
        let (budget, pressure, leaks) = (Part::Budget, Part::Pressure, Part::Leaks);
        let expected = [
            (1_000, vec![budget]),
            (2_000, vec![budget, leaks]),
            (2_600, vec![leaks]),
            (3_000, vec![budget, pressure]),
        ];
        assert_eq!(wake_ups, expected);
        assert_eq!(charged.take(), expected.map(|(_, parts)| parts).concat());
    }

    #[test]
    fn a_turn_that_was_late_or_took_long_is_not_made_up_for() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        assert_eq!(due(start, at(5_400), ms(1_000)), at(6_000));
        assert_eq!(due(start, at(5_600), ms(1_000)), at(7_000));
        assert_eq!(due(start, at(5_600), ms(999)), at(6_599));
        assert!(due(start, at(0), Duration::MAX) > at(300 * 24 * 3_600 * 1_000));
    }

    #[test]
    fn a_job_that_panics_ends_alone() {
        let now = Instant::now();
        let turns = Rc::new(Cell::new(0));
        let mut schedule = Schedule::new(now);
        schedule.add(now, Part::Leaks, ms(0), Box::new(|| panic!("a job that panics, on purpose")));
        let counted = Rc::clone(&turns);
        let counts = move || {
            counted.set(counted.get() + 1);
            ms(0)
        };
        schedule.add(now, Part::Budget, ms(0), Box::new(counts));
        (0..3).for_each(|_| schedule.take_turns(|| now, |_| ()));
        assert_eq!((turns.get(), schedule.jobs.len()), (3, 1));
    }

    #[test]
    fn without_jobs_nothing_is_due() {
        assert_eq!(Schedule::new(Instant::now()).pause(Instant::now()), Duration::MAX);
    }
}
