//! Figures that closures of the program tell, such as the number of a cache's entries.
//!
//! They are asked on threads of their own, because a closure may block or panic.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{
    AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed,
    Ordering::Release,
};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use crate::base::background::{Background, Pauses};
use crate::base::fork::{self, Lock};
use crate::base::unpoisoned::Unpoisoned as _;
use crate::clock;
use crate::reading::{Description, Labels, Sheet};
use crate::record::{OwnThread, Part, refused_thread};

/// The interval at which closures are asked.
const INTERVAL: Duration = Duration::from_secs(1);
/// A closure that takes long is asked less often: it gets this part of a thread's time.
const TIME_SHARE: u64 = 100;
/// A thread whose closure has been running for longer is replaced by another one.
const PATIENCE: Duration = Duration::from_secs(1);
/// The maximum number of threads that are replaced and have not ended yet.
const MOST_STUCK: usize = 3;

/// The closure is asked when it is due.
const IDLE: u8 = 0;
const RUNNING: u8 = 1;
/// It is never asked again.
const PANICKED: u8 = 2;

type Ask = Box<dyn FnMut(&mut [f64]) + Send>;

/// A closure and its latest answer. It is asked as long as this exists.
pub(crate) struct Question {
    descriptions: &'static [Description],
    labels: Labels,
    ask: Mutex<Ask>,
    state: AtomicU8,
    /// The number of forks before it was last asked.
    generation: AtomicU32,
    /// When it was asked last, 0 for never, and how long it took, in nanoseconds.
    asked_ns: AtomicU64,
    took_ns: AtomicU64,
    /// As bits; not a number where the closure does not know it.
    values: Box<[AtomicU64]>,
}

impl std::fmt::Debug for Question {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Question").field("labels", &self.labels).finish_non_exhaustive()
    }
}

static QUESTIONS: Lock<Vec<Weak<Question>>> = Lock::new(Vec::new());

/// Asks `ask` for these figures from now on. It writes a value for each description; what it does
/// not write is not a number, and so no reading. An earlier question for the same is forgotten.
pub(crate) fn question(
    descriptions: &'static [Description],
    labels: Labels,
    ask: impl FnMut(&mut [f64]) + Send + 'static,
) -> Arc<Question> {
    let question = Arc::new(Question {
        descriptions,
        labels,
        ask: Mutex::new(Box::new(ask)),
        state: AtomicU8::new(IDLE),
        generation: AtomicU32::new(0),
        asked_ns: AtomicU64::new(0),
        took_ns: AtomicU64::new(0),
        values: descriptions.iter().map(|_| AtomicU64::new(f64::NAN.to_bits())).collect(),
    });
    let mut questions = QUESTIONS.lock();
    // Dropped after the lock is free: a closure of the program may be dropped with them.
    let known: Vec<Arc<Question>> = questions.iter().filter_map(Weak::upgrade).collect();
    let is_kept = |known: &Arc<Question>| !known.is_for_the_same(&question);
    questions.retain(|weak| known.iter().any(|known| std::ptr::eq(weak.as_ptr(), &**known) && is_kept(known)));
    questions.push(Arc::downgrade(&question));
    drop(questions);
    question
}

fn now_ns() -> u64 {
    clock::wall().now_ns().max(1)
}

impl Question {
    fn is_for_the_same(&self, other: &Self) -> bool {
        std::ptr::eq(self.descriptions, other.descriptions) && self.labels == other.labels
    }

    /// The pause before it is asked again.
    fn pause_ns(&self) -> u64 {
        (INTERVAL.as_nanos() as u64 / 2).max(self.took_ns.load(Relaxed).saturating_mul(TIME_SHARE))
    }

    fn is_due(&self, now_ns: u64) -> bool {
        let asked_ns = self.asked_ns.load(Relaxed);
        let answered_ns = asked_ns.saturating_add(self.took_ns.load(Relaxed));
        asked_ns == 0 || now_ns.saturating_sub(answered_ns) >= self.pause_ns()
    }

    /// Asks the closure, unless another thread is asking it.
    fn ask(&self) {
        if self.state.compare_exchange(IDLE, RUNNING, AcqRel, Relaxed).is_err() {
            return;
        }
        self.generation.store(fork::generation(), Relaxed);
        let start_ns = now_ns();
        self.asked_ns.store(start_ns, Relaxed);
        let mut answers = vec![f64::NAN; self.values.len()];
        let answer = catch_unwind(AssertUnwindSafe(|| {
            if let Some(mut ask) = self.ask.try_lock().unpoisoned() {
                ask(&mut answers);
            }
        }));
        self.took_ns.store(now_ns().saturating_sub(start_ns), Relaxed);
        // Dropping the payload could panic once more.
        let state = if answer.map_err(std::mem::forget).is_ok() { IDLE } else { PANICKED };
        for (value, answer) in self.values.iter().zip(answers) {
            value.store(answer.to_bits(), Relaxed);
        }
        self.state.store(state, Release);
    }

    /// Appends the latest answers, or why there are none.
    fn read(&self, now_ns: u64, into: &mut Sheet) {
        let (state, asked_ns) = (self.state.load(Acquire), self.asked_ns.load(Relaxed));
        let age_ns = now_ns.saturating_sub(asked_ns.saturating_add(self.took_ns.load(Relaxed)));
        let is_late = now_ns.saturating_sub(asked_ns) > PATIENCE.as_nanos() as u64;
        let why = match state {
            PANICKED => Some("its closure panicked"),
            RUNNING if self.generation.load(Relaxed) != fork::generation() => {
                Some("its closure ran when the process forked")
            }
            RUNNING if is_late => Some("its closure has been running for more than a second"),
            _ if asked_ns == 0 => {
                Some("its closure has not been asked yet: that begins with the start of the profiler")
            }
            _ if age_ns > 10 * self.pause_ns() => Some("its closure is not asked any more"),
            _ => None,
        };
        for (description, value) in self.descriptions.iter().zip(&self.values) {
            match why {
                Some(why) => into.absent(description.name, why),
                None => into.push_of(description, &self.labels, f64::from_bits(value.load(Relaxed))),
            }
        }
    }
}

/// Appends the latest answers of all closures.
pub(super) fn read(into: &mut Sheet) {
    let now_ns = now_ns();
    each(|question| {
        question.read(now_ns, into);
        true
    });
}

/// Calls `each` with every question. None is locked meanwhile.
fn each(mut each: impl FnMut(&Question) -> bool) {
    for at in 0.. {
        // One after the other, so that no list is made.
        let question = match QUESTIONS.lock().get(at) {
            Some(question) => question.upgrade(),
            None => return,
        };
        if question.is_some_and(|question| !each(&question)) {
            return;
        }
    }
}

/// What a thread is doing.
#[derive(Debug, Default)]
struct Progress {
    /// When it began to ask the closure that it is asking; 0: it is asking none.
    since_ns: AtomicU64,
    is_over: AtomicBool,
}

impl Progress {
    fn is_stuck(&self, now_ns: u64) -> bool {
        let since_ns = self.since_ns.load(Relaxed);
        since_ns != 0 && now_ns.saturating_sub(since_ns) > PATIENCE.as_nanos() as u64
    }

    fn run(&self, pauses: &Pauses) {
        let _own = OwnThread::enter(Part::Callbacks);
        loop {
            each(|question| {
                let now_ns = now_ns();
                if question.is_due(now_ns) {
                    self.since_ns.store(now_ns, Relaxed);
                    question.ask();
                    self.since_ns.store(0, Relaxed);
                }
                !pauses.is_over()
            });
            if !pauses.wait(INTERVAL) {
                break;
            }
        }
        self.is_over.store(true, Release);
    }
}

/// A thread that asks closures.
#[derive(Debug)]
struct Asking {
    progress: Arc<Progress>,
    thread: Option<Background>,
}

impl Asking {
    fn start() -> Option<Self> {
        let progress: Arc<Progress> = Arc::default();
        let own = Arc::clone(&progress);
        let thread = Background::start("perf-sdk-ask", move |pauses| own.run(pauses));
        let thread = thread.inspect_err(|_| refused_thread()).ok()?;
        Some(Self { progress, thread: Some(thread) })
    }
}

impl Drop for Asking {
    /// Does not wait for a closure that blocks.
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            thread.end_by(Instant::now());
        }
    }
}

/// The threads that ask the closures: one, and those that are stuck in closures that block.
#[derive(Debug, Default)]
pub(super) struct Asker {
    now: Option<Asking>,
    stuck: Vec<Asking>,
}

impl Asker {
    /// Starts a thread if there are closures, and replaces the one that is stuck. Called at
    /// intervals.
    pub(super) fn turn(&mut self) {
        self.stuck.retain(|stuck| !stuck.progress.is_over.load(Acquire));
        if QUESTIONS.lock().iter().all(|question| question.strong_count() == 0) {
            self.now = None;
            return;
        }
        if self.now.as_ref().is_some_and(|now| now.progress.is_stuck(now_ns())) && self.stuck.len() < MOST_STUCK {
            self.stuck.extend(self.now.take().inspect(|now| now.thread.iter().for_each(Background::stop)));
        }
        if self.now.is_none() {
            self.now = Asking::start();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::sync::mpsc;
    use std::thread;

    use super::*;
    use crate::reading::Unit;

    static DEPTH: [Description; 2] = [
        Description::gauge("test_closure_depth", Unit::Count, "A depth."),
        Description::gauge("test_closure_width", Unit::Count, "A width."),
    ];

    fn labels(of: &str) -> Labels {
        Labels::of(&[("queue", of)])
    }

    /// The first figure of a question, or why it has none.
    fn answer(question: &Question) -> Result<f64, &'static str> {
        let mut sheet = Sheet::default();
        question.read(now_ns(), &mut sheet);
        match sheet.readings() {
            [first, ..] => Ok(first.value),
            [] => Err(sheet.absences()[0].why),
        }
    }

    #[test]
    fn a_closure_that_panics_or_blocks_hurts_only_itself() {
        let (let_go, blocked) = mpsc::channel::<()>();
        let (asked, times) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&asked);
        let panics = question(&DEPTH, labels("panics"), move |_| {
            counted.fetch_add(1, Relaxed);
            panic!("on purpose");
        });
        let blocks = question(&DEPTH, labels("blocks"), move |answers| {
            let _ = blocked.recv();
            answers[0] = 2.0;
        });
        let counted = Arc::clone(&times);
        let works = question(&DEPTH, labels("works"), move |answers| {
            answers[0] = counted.fetch_add(1, Relaxed) as f64;
        });
        let mut asker = Asker::default();
        let turns_until = |asker: &mut Asker, what: &str, is: &dyn Fn() -> bool| {
            let start = Instant::now();
            while !is() {
                assert!(start.elapsed() < Duration::from_secs(60), "{what}");
                asker.turn();
                thread::sleep(Duration::from_millis(2));
            }
        };
        turns_until(&mut asker, "the last one is asked although the one before it blocks", &|| {
            times.load(Relaxed) >= 2
        });
        assert_eq!((answer(&panics), asked.load(Relaxed)), (Err("its closure panicked"), 1));
        assert_eq!(answer(&blocks), Err("its closure has been running for more than a second"));
        assert!(answer(&works).is_ok());
        let_go.send(()).unwrap();
        turns_until(&mut asker, "the one that blocked has answered", &|| answer(&blocks) == Ok(2.0));
        assert!(blocks.pause_ns() >= TIME_SHARE * PATIENCE.as_nanos() as u64, "it is asked less often");
        assert_eq!(asked.load(Relaxed), 1);
        drop((panics, blocks, works));
    }

    #[test]
    fn the_latest_closure_for_a_figure_is_asked_until_it_is_dropped() {
        let first = question(&DEPTH, labels("replaced"), |answers| answers.copy_from_slice(&[1.0, 10.0]));
        let second = question(&DEPTH, labels("replaced"), |answers| answers[0] = 2.0);
        first.ask();
        second.ask();
        let is_shown = |expected: &[(&str, f64)]| {
            let mut sheet = Sheet::default();
            read(&mut sheet);
            let of_it = sheet.readings().iter().filter(|reading| reading.labels == labels("replaced"));
            let shown: Vec<(&str, f64)> = of_it.map(|reading| (reading.description.name, reading.value)).collect();
            shown == expected
        };
        // The thread of another test may be asking it.
        let until = |what: &str, expected: &[(&str, f64)]| {
            let start = Instant::now();
            while !is_shown(expected) {
                assert!(start.elapsed() < Duration::from_secs(60), "{what}");
                thread::sleep(Duration::from_millis(2));
            }
        };
        until("what it does not know is absent", &[("test_closure_depth", 2.0)]);
        drop(first);
        assert!(is_shown(&[("test_closure_depth", 2.0)]));
        drop(second);
        until("its end", &[]);
    }
}
