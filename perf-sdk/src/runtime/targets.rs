//! The job that judges targets.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::idleness::Idleness;
use super::scheduler::Job;
use crate::base::headroom;
use crate::base::unpoisoned::Unpoisoned as _;
use crate::clock::ThreadCpu;
use crate::collect;
use crate::error::Error;
use crate::figures::{Live, Now, Whole, YOUNG};
use crate::history::{self, History};
use crate::memory;
use crate::reading::{self, Reading};
use crate::record::Part;
use crate::settings::Settings;
use crate::snapshot::Snapshot;
use crate::target::{Judgement, KeptBudgets, Moment, Targets};

/// The time between two judgements.
const INTERVAL: Duration = Duration::from_secs(5);
/// The time from the start to the second judgement, the first one that has figures.
const FIRST: Duration = Duration::from_secs(2);
/// The time between two judgements of a process that takes little is longer by this factor.
const IDLE_FACTOR: u32 = 2;
/// Memory that a turn may need at most.
const TURN_BYTES: usize = 4 << 20;
/// A turn may take this part of the time until the next: of CPU time, and of time.
const CPU_SHARE: u32 = 1_000;
const TIME_SHARE: u32 = 100;

/// The targets of the running profiler.
#[derive(Debug)]
pub(super) struct Judge {
    targets: Targets,
    baseline: Option<Arc<Whole>>,
    seen: Mutex<Seen>,
}

/// The snapshot to which targets and alerts refer, if there is one.
///
/// # Errors
/// The file cannot be read.
pub(super) fn baseline(settings: &Settings) -> Result<Option<Arc<Whole>>, Error> {
    let Some(path) = &settings.targets_baseline else { return Ok(None) };
    let read = Snapshot::read_from(path).map_err(|error| Error::Setting {
        place: settings.place_of("targets_baseline").to_owned(),
        value: path.display().to_string(),
        allowed: format!("a file that Snapshot::write_to or /snapshot wrote; {error}"),
    });
    Ok(Some(Arc::new(Whole(read?))))
}

/// What was seen since the start.
#[derive(Debug)]
struct Seen {
    /// The first readings, which tell by how much counters grew since.
    first: Option<(Vec<Reading>, Instant)>,
    /// The time in which calls ended.
    traffic: Duration,
    /// Up to when traffic is known: as a second of the history too.
    until: Instant,
    second: u32,
    budgets: KeptBudgets,
}

impl Judge {
    /// `None` without targets.
    ///
    /// # Errors
    /// A mistake in the targets, a file that cannot be read.
    pub(super) fn load(settings: &Settings, baseline: Option<Arc<Whole>>) -> Result<Option<Arc<Self>>, Error> {
        let Some(from) = &settings.targets else { return Ok(None) };
        let targets = from.load()?;
        if targets.is_empty() {
            return Ok(None);
        }
        let seen = Seen {
            first: None,
            traffic: Duration::ZERO,
            until: Instant::now(),
            second: 0,
            budgets: KeptBudgets::default(),
        };
        Ok(Some(Arc::new(Self { targets, baseline, seen: Mutex::new(seen) })))
    }

    /// The functions that the targets are about, which the history should have.
    pub(super) fn functions(&self) -> Vec<String> {
        self.targets.functions().map(str::to_owned).collect()
    }

    /// Judges all of it now, and shows the result in snapshots.
    pub(super) fn judge(&self) -> Judgement {
        self.seen.lock().unpoisoned().budgets = KeptBudgets::default();
        self.judge_again()
    }

    /// As [`judge`](Self::judge), with error budgets that are some seconds old.
    fn judge_again(&self) -> Judgement {
        let judgement = self.judged();
        collect::set_targets(Some(judgement.clone()));
        judgement
    }

    fn judged(&self) -> Judgement {
        let mut seen = self.seen.lock().unpoisoned();
        let mut budgets = std::mem::take(&mut seen.budgets);
        let readings = reading::latest();
        if seen.first.is_none() && !readings.0.is_empty() {
            seen.first = Some((readings.0.clone(), Instant::now()));
        }
        // It is taken while the history is not asked, since it may need its lock.
        let is_young = seen.first.as_ref().is_none_or(|(_, at)| at.elapsed() < YOUNG);
        let whole = is_young.then(|| Whole(collect::take()));
        let mut judge = |history: Option<&History>| {
            let now = Now {
                readings: &readings,
                first: seen.first.as_ref().map(|(first, at)| (first.as_slice(), at.elapsed())),
                whole: whole.as_ref(),
                functions: collect::function_names,
                is_young,
                baseline: self.baseline.as_deref(),
            };
            let live = Live::new(history, now);
            let (second, calls) = live.calls_after(seen.second).unwrap_or((seen.second, None));
            // A program without functions is taken to be at work all the time.
            let new = if calls.is_none_or(|calls| calls > 0.0) { seen.until.elapsed() } else { Duration::ZERO };
            let at_unix_ns = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64);
            let traffic = seen.traffic + new;
            let moment = Moment { at_unix_ns, traffic };
            (self.targets.judge(&live, moment, &mut budgets), second, traffic)
        };
        let judged = history::ask(|history| judge(Some(history)));
        let (judgement, second, traffic) = judged.unwrap_or_else(|| judge(None));
        seen.budgets = budgets;
        if second > seen.second || second == 0 {
            (seen.second, seen.traffic, seen.until) = (second, traffic, Instant::now());
        }
        judgement
    }
}

pub(super) fn job(judge: Arc<Judge>) -> Job {
    // At once, for the first readings.
    Job::new(Part::Targets, Duration::ZERO, move || {
        let shown = Shown(judge);
        let (mut pause, mut idleness) = (FIRST, Idleness::new(IDLE_FACTOR));
        Box::new(move || {
            let (start, cpu_ns) = (Instant::now(), ThreadCpu::cpu_now_ns());
            if headroom::is_there(TURN_BYTES) {
                memory::uncounted(|| drop(shown.0.judge_again()));
            }
            let cpu = Duration::from_nanos(ThreadCpu::cpu_now_ns().saturating_sub(cpu_ns));
            let pause = idleness.pause_now(std::mem::replace(&mut pause, INTERVAL));
            pause.max(cpu * CPU_SHARE).max(start.elapsed() * TIME_SHARE)
        })
    })
}

/// While it exists, judgements are in snapshots.
struct Shown(Arc<Judge>);

impl Drop for Shown {
    fn drop(&mut self) {
        collect::set_targets(None);
    }
}
