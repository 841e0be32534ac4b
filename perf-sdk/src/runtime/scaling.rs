//! The job that says how many processes the load needs.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::idleness::Idleness;
use super::scheduler::Job;
use crate::base::headroom;
use crate::clock::ThreadCpu;
use crate::collect;
use crate::error::Error;
use crate::figures::{Live, Now, Whole};
use crate::history::{self, History};
use crate::memory;
use crate::reading::{self, Readings};
use crate::record::Part;
use crate::scaling::{Absent, Decider, Forecast, Load, Past, Shown};
use crate::settings::Settings;
use crate::target::{Figures, Target, Targets, Window};

/// The time between two decisions.
const INTERVAL: Duration = Duration::from_secs(15);
/// The time between two decisions of a process that takes little is longer by this factor.
const IDLE_FACTOR: u32 = 2;
/// The mean of a rule's metric is taken over this time for forecasts.
const MEAN: Duration = Duration::from_secs(600);
/// The part of a rule's window of which something must be known: a program that just began is not
/// loaded, but begins.
const LEAST_COVERED: f64 = 0.5;
/// Memory that a turn may need at most.
const TURN_BYTES: usize = 4 << 20;
/// A turn may take this part of the time until the next: of CPU time, and of time.
const CPU_SHARE: u32 = 1_000;
const TIME_SHARE: u32 = 100;
/// A turn that took long delays the next one by this at most: when the machine is busy is when it
/// matters.
const MOST_PAUSE: Duration = Duration::from_secs(60);

/// The rules.
#[derive(Debug)]
pub(super) struct Rules {
    rules: Targets,
    baseline: Option<Arc<Whole>>,
}

impl Rules {
    /// `None` without rules.
    ///
    /// # Errors
    /// A mistake in the rules, a file that cannot be read, a rule that is not about a load.
    pub(super) fn load(settings: &Settings, baseline: Option<Arc<Whole>>) -> Result<Option<Self>, Error> {
        let Some(from) = &settings.scaling else { return Ok(None) };
        let rules = from.load()?;
        for rule in rules.iter() {
            if let Some(allowed) = rule.not_a_load() {
                let place = settings.place_of("scaling").to_owned();
                return Err(Error::Setting { place, value: rule.title(), allowed: allowed.to_owned() });
            }
        }
        Ok((!rules.is_empty()).then_some(Self { rules, baseline }))
    }

    /// The functions that the rules are about, which the history should have.
    pub(super) fn functions(&self) -> Vec<String> {
        self.rules.functions().map(str::to_owned).collect()
    }
}

pub(super) fn job(rules: Rules) -> Job {
    Job::new(Part::Scaling, INTERVAL, move || {
        let mut deciding = Deciding::new(rules);
        let mut idleness = Idleness::new(IDLE_FACTOR);
        Box::new(move || {
            let (start, cpu_ns) = (Instant::now(), ThreadCpu::cpu_now_ns());
            if headroom::is_there(TURN_BYTES) {
                memory::uncounted(|| deciding.turn());
            }
            let cpu = Duration::from_nanos(ThreadCpu::cpu_now_ns().saturating_sub(cpu_ns));
            idleness.pause_now(INTERVAL).max((cpu * CPU_SHARE).max(start.elapsed() * TIME_SHARE).min(MOST_PAUSE))
        })
    })
}

/// While it exists, decisions are shown.
struct Deciding {
    rules: Targets,
    baseline: Option<Arc<Whole>>,
    past: Vec<Past>,
    decider: Decider,
    begin: Instant,
    shown: Shown,
}

impl Deciding {
    fn new(Rules { rules, baseline }: Rules) -> Self {
        let past = rules.iter().map(|_| Past::default()).collect();
        Self { rules, baseline, past, decider: Decider::default(), begin: Instant::now(), shown: Shown::new() }
    }

    fn turn(&mut self) {
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let at_unix_ns = at.as_nanos() as u64;
        let readings = reading::latest();
        let mut loads = Vec::new();
        for (rule, past) in self.rules.iter().zip(&mut self.past) {
            // The history is asked once for each rule, so that others can ask it in between.
            let baseline = self.baseline.as_deref();
            let known = history::ask(|history: &History| {
                let forecast = rule.is_level().then(|| {
                    let nothing = (Vec::new(), Vec::new());
                    // What is read now says nothing of the past.
                    let before = Live::new(Some(history), now(&nothing, None));
                    past.look(at.as_secs(), &mut |end| mean(rule, &before, end))
                });
                let figures = Live::new(Some(history), now(&readings, baseline));
                load(rule, &figures, at_unix_ns, LEAST_COVERED, forecast.flatten())
            });
            loads.push(
                known.unwrap_or_else(|| load(rule, &Live::new(None, now(&readings, baseline)), at_unix_ns, 0.0, None)),
            );
        }
        let scaling = self.decider.decide(self.begin.elapsed().as_secs(), at_unix_ns, &loads);
        self.shown.publish(&scaling);
        collect::set_scaling(Some(scaling));
    }
}

impl Drop for Deciding {
    fn drop(&mut self) {
        collect::set_scaling(None);
    }
}

fn now<'a>(readings: &'a Readings, baseline: Option<&'a Whole>) -> Now<'a> {
    Now::new(readings, collect::function_names, baseline)
}

fn load(
    rule: &Target,
    figures: &dyn Figures,
    at_unix_ns: u64,
    least_covered: f64,
    forecast: Option<Forecast>,
) -> Result<Load, Absent> {
    Load::of(rule.ranged(figures, at_unix_ns, least_covered), forecast)
}

/// The mean of the rule's metric in the ten minutes that end at this second. `None` if less than
/// half of them is known, or only a longer time of which they are part.
fn mean(rule: &Target, figures: &dyn Figures, end: u64) -> Option<f64> {
    let window = Window { at_unix_ns: end.saturating_mul(1_000_000_000), length: MEAN };
    let figure = rule.value(figures, window).ok()?;
    let is_of_it = figure.covered * 2 >= MEAN && figure.covered <= MEAN * 2;
    (is_of_it && figure.value.is_finite()).then_some(figure.value.max(0.0))
}
