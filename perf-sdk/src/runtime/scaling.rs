//! The job that says how many processes the load needs.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::idleness::Idleness;
use super::scheduler::Job;
use crate::base::headroom;
use crate::clock::ThreadCpu;
use crate::collect;
use crate::error::Error;
use crate::figures::{Live, Now};
use crate::history::{self, History};
use crate::memory;
use crate::reading;
use crate::record::Part;
use crate::scaling::{Decider, Load, Past, Shown};
use crate::settings::Settings;
use crate::target::{Figures, Judgement, Moment, Target, Targets, Window};

/// The time between two decisions.
const INTERVAL: Duration = Duration::from_secs(15);
/// The time between two decisions of an idle process is longer by this factor.
const IDLE_FACTOR: u32 = 2;
/// The mean of a rule's metric is taken over this time for forecasts.
const MEAN: Duration = Duration::from_secs(600);
/// Memory that a turn may need at most.
const TURN_BYTES: usize = 4 << 20;
/// A turn may take this part of the time until the next: of CPU time, and of time.
const CPU_SHARE: u32 = 1_000;
const TIME_SHARE: u32 = 100;

/// The rules, each with what its metric was.
#[derive(Debug)]
pub(super) struct Rules(Targets);

impl Rules {
    /// `None` without rules.
    ///
    /// # Errors
    /// A mistake in the rules, a file that cannot be read.
    pub(super) fn load(settings: &Settings) -> Result<Option<Self>, Error> {
        let rules = settings.scaling.as_ref().map(|from| from.load()).transpose()?;
        Ok(rules.filter(|rules| !rules.is_empty()).map(Self))
    }

    /// The functions that the rules are about, which the history should have.
    pub(super) fn functions(&self) -> Vec<String> {
        self.0.functions().map(str::to_owned).collect()
    }
}

pub(super) fn job(rules: Rules) -> Job {
    Job::new(Part::Scaling, INTERVAL, move || {
        let mut deciding = Deciding::new(rules.0);
        let mut idleness = Idleness::new(IDLE_FACTOR);
        Box::new(move || {
            let (start, cpu_ns) = (Instant::now(), ThreadCpu::cpu_now_ns());
            if headroom::is_there(TURN_BYTES) {
                memory::uncounted(|| deciding.turn());
            }
            let cpu = Duration::from_nanos(ThreadCpu::cpu_now_ns().saturating_sub(cpu_ns));
            idleness.pause_now(INTERVAL).max(cpu * CPU_SHARE).max(start.elapsed() * TIME_SHARE)
        })
    })
}

/// While it exists, decisions are shown.
struct Deciding {
    rules: Targets,
    past: Vec<Past>,
    decider: Decider,
    begin: Instant,
    shown: Shown,
}

impl Deciding {
    fn new(rules: Targets) -> Self {
        let past = rules.iter().map(|_| Past::default()).collect();
        Self { rules, past, decider: Decider::default(), begin: Instant::now(), shown: Shown::new() }
    }

    fn turn(&mut self) {
        let readings = reading::latest();
        let now = || Now { readings: &readings, first: None, whole: None, is_young: false, baseline: None };
        let loads =
            history::ask(|history: &History| loads(&self.rules, &mut self.past, &Live::new(Some(history), now())));
        let loads = loads.unwrap_or_else(|| loads_without(&self.rules, &Live::new(None, now())));
        let scaling = self.decider.decide(self.begin.elapsed().as_secs(), &loads);
        self.shown.publish(&scaling);
        collect::set_scaling(Some(scaling));
    }
}

impl Drop for Deciding {
    fn drop(&mut self) {
        collect::set_scaling(None);
    }
}

fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn judge(rules: &Targets, figures: &dyn Figures) -> Judgement {
    let at_unix_ns = since_epoch().as_nanos() as u64;
    rules.judge(figures, Moment { at_unix_ns, traffic: Duration::ZERO })
}

fn loads(rules: &Targets, past: &mut [Past], figures: &dyn Figures) -> Vec<Load> {
    let second = since_epoch().as_secs();
    let states = judge(rules, figures).targets;
    let with_past = rules.iter().zip(past).zip(states);
    with_past
        .filter_map(|((rule, past), state)| {
            let forecast = past.look(second, &mut |end| mean(rule, figures, end));
            Load::of(&state, forecast)
        })
        .collect()
}

/// Without a history nothing can be forecast.
fn loads_without(rules: &Targets, figures: &dyn Figures) -> Vec<Load> {
    judge(rules, figures).targets.iter().filter_map(|state| Load::of(state, None)).collect()
}

/// The mean of the rule's metric in the ten minutes that end at this second.
fn mean(rule: &Target, figures: &dyn Figures, end: u64) -> Option<f64> {
    let window = Window { at_unix_ns: end.saturating_mul(1_000_000_000), length: MEAN };
    let figure = rule.value(figures, window).ok()?;
    (figure.covered * 2 >= MEAN && figure.value.is_finite()).then_some(figure.value)
}
