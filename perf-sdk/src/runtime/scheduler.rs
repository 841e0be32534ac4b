//! One thread for the profiler's jobs.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crate::base::background::Background;
use crate::base::notice::say;
use crate::record::{OwnThread, Part};

/// A job takes its turn early by up to this part of its pause, and by no more than this time, if
/// the thread is awake anyway.
const EARLY_PART: u32 = 8;
const EARLY_MOST: Duration = Duration::from_millis(100);

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
        let mut schedule = Schedule::default();
        for Job { part, pause, make } in jobs {
            own.turn_to(part);
            if let Some(turn) = unless_panics(part, make) {
                schedule.add(Instant::now(), part, pause, turn);
            }
        }
        own.turn_to(Part::Scheduling);
        while pauses.wait(schedule.pause(Instant::now())) {
            schedule.take_turns(Instant::now, |part| own.turn_to(part));
            own.turn_to(Part::Scheduling);
        }
    })
}

/// No pause is so long that the time after it cannot be told.
fn after(now: Instant, pause: Duration) -> Instant {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 3_600);
    now + pause.min(YEAR)
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
#[derive(Default)]
struct Schedule(Vec<Scheduled>);

struct Scheduled {
    part: Part,
    due: Instant,
    pause: Duration,
    turn: Turn,
}

impl Schedule {
    fn add(&mut self, now: Instant, part: Part, pause: Duration, turn: Turn) {
        self.0.push(Scheduled { part, due: after(now, pause), pause, turn });
    }

    /// The time until a job is due.
    fn pause(&self, now: Instant) -> Duration {
        self.0.iter().map(|job| job.due.saturating_duration_since(now)).min().unwrap_or(Duration::MAX)
    }

    /// Runs each job that is due, or nearly so. `begins` is called before each.
    fn take_turns(&mut self, now: impl Fn() -> Instant, begins: impl Fn(Part)) {
        self.0.retain_mut(|job| {
            let early = EARLY_MOST.min(job.pause / EARLY_PART);
            if job.due.saturating_duration_since(now()) > early {
                return true;
            }
            begins(job.part);
            let Some(pause) = unless_panics(job.part, &mut job.turn) else { return false };
            (job.pause, job.due) = (pause, after(now(), pause));
            true
        });
    }
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
    fn jobs_that_are_nearly_due_share_a_wake_up() {
        let clock = Mock(Instant::now(), Cell::default());
        let turns = Rc::new(RefCell::new(Vec::new()));
        let job = |part: Part, pause: u64| -> Turn {
            let turns = Rc::clone(&turns);
            Box::new(move || {
                turns.borrow_mut().push(part);
                ms(pause)
            })
        };
        let mut schedule = Schedule::default();
        schedule.add(clock.now(), Part::Budget, ms(1_000), job(Part::Budget, 1_000));
        schedule.add(clock.now(), Part::Pressure, ms(1_080), job(Part::Pressure, 2_000));
        schedule.add(clock.now(), Part::Leaks, ms(1_200), job(Part::Leaks, 8));
        let charged = RefCell::new(Vec::new());
        let mut wake_ups = Vec::new();
        for _ in 0..4 {
            clock.1.set(clock.1.get() + schedule.pause(clock.now()));
            schedule.take_turns(|| clock.now(), |part| charged.borrow_mut().push(part));
            wake_ups.push((clock.1.get().as_millis(), turns.take()));
        }
        let leaks = |at| (at, vec![Part::Leaks]);
        // 80 ms early is within an eighth of the pause; 200 ms is not.
        let first = (1_000, vec![Part::Budget, Part::Pressure]);
        assert_eq!(wake_ups, [first, leaks(1_200), leaks(1_208), leaks(1_216)]);
        assert_eq!(charged.take(), [Part::Budget, Part::Pressure, Part::Leaks, Part::Leaks, Part::Leaks]);
    }

    #[test]
    fn a_job_that_panics_ends_alone() {
        let now = Instant::now();
        let turns = Rc::new(Cell::new(0));
        let mut schedule = Schedule::default();
        schedule.add(now, Part::Leaks, ms(0), Box::new(|| panic!("a job that panics, on purpose")));
        let counted = Rc::clone(&turns);
        let counts = move || {
            counted.set(counted.get() + 1);
            ms(0)
        };
        schedule.add(now, Part::Budget, ms(0), Box::new(counts));
        (0..3).for_each(|_| schedule.take_turns(|| now, |_| ()));
        assert_eq!((turns.get(), schedule.0.len()), (3, 1));
    }

    #[test]
    fn without_jobs_nothing_is_due() {
        assert_eq!(Schedule::default().pause(Instant::now()), Duration::MAX);
    }
}
