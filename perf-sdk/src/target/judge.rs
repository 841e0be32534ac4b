//! The status of targets.

use std::time::Duration;

use super::budget::{Good, budget, shortest_window};
use super::current::current;
use super::definition::{PERIOD, Target};
use super::figures::{Figure, Figures, Missing, Moment, Window};
use super::judgement::{BurnState, ErrorBudget, Judgement, Status, TargetState};
use super::list::Targets;
use super::shown;
use crate::expression::{Bound, CallFigure, Dimension, Formula, Limit, Parameters, nearest};

/// A name that did not appear in so much traffic is unknown.
const SETTLED: Duration = Duration::from_secs(300);

impl Targets {
    /// Judges all targets. Error budgets are those that are kept, while they are younger than a
    /// tenth of their shortest window.
    ///
    /// **Cost.** One question to `figures` for each target, and ten for each new error budget.
    pub(crate) fn judge(&self, figures: &dyn Figures, moment: Moment, kept: &mut KeptBudgets) -> Judgement {
        kept.0.resize_with(self.all.len(), || None);
        let each = self.all.iter().zip(&mut kept.0);
        let targets = each.map(|(target, kept)| target.judge(figures, moment, kept)).collect();
        Judgement { at_unix_ns: moment.at_unix_ns, targets }
    }
}

/// The latest error budget of each target.
#[derive(Debug, Default)]
pub(crate) struct KeptBudgets(Vec<Option<Kept>>);

#[derive(Debug)]
struct Kept {
    at_unix_ns: u64,
    /// The limit from which calls are bad.
    upper: f64,
    budget: ErrorBudget,
}

impl Kept {
    fn is_of(&self, upper: f64, period: Duration, at_unix_ns: u64) -> bool {
        let age = at_unix_ns.checked_sub(self.at_unix_ns).map(Duration::from_nanos);
        self.upper == upper && age.is_some_and(|age| age < shortest_window(period) / 10)
    }
}

impl Target {
    fn judge(&self, figures: &dyn Figures, moment: Moment, kept: &mut Option<Kept>) -> TargetState {
        let window = Window { at_unix_ns: moment.at_unix_ns, length: self.length() };
        let mut state = TargetState {
            name: self.title(),
            is_named: self.name.is_some(),
            metric: self.that.metric.to_string(),
            target: self.that.limits(),
            min_events: self.least_events(),
            window_seconds: window.length.as_secs_f64(),
            ..TargetState::default()
        };
        (state.status, state.reason) = match current(&self.that.metric, figures, window) {
            Ok(figure) => self.judge_figure(figure, figures, window, &mut state),
            Err(missing) => self.missing(missing, figures, moment, window),
        };
        if let Some(upper) = state.upper.or(fixed(self.that.below)) {
            state.upper = Some(upper);
            self.judge_budget(upper, figures, window, &mut state, kept);
        }
        state.lower = state.lower.or(fixed(self.that.above));
        state
    }

    fn judge_figure(
        &self,
        figure: Figure,
        figures: &dyn Figures,
        window: Window,
        state: &mut TargetState,
    ) -> (Status, String) {
        let dimension = self.that.metric.dimension();
        state.current = Some(figure.value);
        state.shown = shown::value(figure.value, dimension, &state.target);
        state.events = figure.events;
        state.covered_seconds = figure.covered.as_secs_f64();
        if figure.events < state.min_events {
            let what = self.events_name();
            let (events, least, length) = (figure.events, state.min_events, shown::duration(window.length));
            return (Status::NoData, format!("{events} of {least} {what} in {length}"));
        }
        for (bound, limit) in [(self.that.above, &mut state.lower), (self.that.below, &mut state.upper)] {
            match bound.map(|bound| self.limit(bound.limit, figures, window)).transpose() {
                Ok(value) => *limit = value,
                Err(reason) => return (Status::NotEvaluable, reason),
            }
        }
        let value = figure.value;
        let is_inclusive = |bound: Option<Bound>| bound.is_some_and(|bound| bound.is_inclusive);
        let is_above = state.lower.is_none_or(|low| value > low || (is_inclusive(self.that.above) && value >= low));
        let is_below = state.upper.is_none_or(|high| value < high || (is_inclusive(self.that.below) && value <= high));
        if !is_above || !is_below {
            return (Status::Missed, String::new());
        }
        let risk = match self.slow_share(figures, window, state.upper) {
            // The share of slow calls says more than the distance of a quantile to its limit.
            Some((slow, allowed)) => (slow > allowed * self.margin_share())
                .then(|| format!("{} of calls are slower, {} may be", shown::percent(slow), shown::percent(allowed))),
            None => self
                .is_near(value, state.lower, state.upper)
                .then(|| format!("beyond {} of the limit", shown::percent(self.margin_share()))),
        };
        risk.map_or((Status::Met, String::new()), |reason| (Status::AtRisk, reason))
    }

    /// Of a latency target: the share of calls that are slower than the limit, and that may be.
    fn slow_share(&self, figures: &dyn Figures, window: Window, upper: Option<f64>) -> Option<(f64, f64)> {
        match self.that.metric.calls()? {
            (function, CallFigure::Quantile(share)) => {
                let slower = figures.calls(function, CallFigure::SlowerThan(upper?), window).ok()?;
                Some((slower.value, 1.0 - share))
            }
            _ => None,
        }
    }

    /// Whether a value that is within the limits is near one of them.
    fn is_near(&self, value: f64, lower: Option<f64>, upper: Option<f64>) -> bool {
        let margin = self.margin_share();
        let is_ratio = self.that.metric.dimension() == Dimension::Ratio;
        match (lower, upper) {
            (Some(low), Some(high)) => {
                let near = (high - low) * (1.0 - margin);
                value < low + near || value > high - near
            }
            (None, Some(high)) => high > 0.0 && value > high * margin,
            // What may be lacking to all of it is the budget of a share.
            (Some(low), None) if is_ratio && low < 1.0 => 1.0 - value > (1.0 - low) * margin,
            (Some(low), None) => low > 0.0 && value < low / margin,
            (None, None) => false,
        }
    }

    /// A limit in base units.
    pub(super) fn limit(&self, limit: Limit, figures: &dyn Figures, window: Window) -> Result<f64, String> {
        let share = match limit {
            Limit::Fixed(quantity) => return Ok(quantity.value()),
            Limit::OfBaseline(share) => share.value(),
        };
        let Some(baseline) = figures.baseline() else { return Err("there is no baseline".to_owned()) };
        match current(&self.that.metric, baseline, window) {
            Ok(figure) => Ok(figure.value * share),
            Err(_) => Err(format!("the baseline has no {}", self.that.metric)),
        }
    }

    fn judge_budget(
        &self,
        upper: f64,
        figures: &dyn Figures,
        window: Window,
        state: &mut TargetState,
        kept: &mut Option<Kept>,
    ) {
        let Some((function, figure)) = self.that.metric.calls() else { return };
        let (bad, objective) = match figure {
            CallFigure::Quantile(share) => (CallFigure::SlowerThan(upper), share),
            CallFigure::ErrorRatio => (CallFigure::ErrorRatio, 1.0 - upper),
            _ => return,
        };
        let objective = self.objective.unwrap_or(objective);
        if self.that.above.is_some() || !(objective > 0.0 && objective < 1.0) {
            return;
        }
        let good =
            Good { bad, objective, period: self.period.unwrap_or(PERIOD), min_events: self.least_events().max(1) };
        let at_unix_ns = window.at_unix_ns;
        if !kept.as_ref().is_some_and(|kept| kept.is_of(upper, good.period, at_unix_ns)) {
            *kept = Some(Kept { at_unix_ns, upper, budget: budget(function, good, figures, at_unix_ns) });
        }
        let Some(Kept { budget, .. }) = kept else { return };
        if matches!(state.status, Status::Met | Status::AtRisk)
            && let Some((status, reason)) = self.of_budget(budget)
        {
            (state.status, state.reason) = (status, reason);
        }
        state.budget = Some(budget.clone());
    }

    /// What the error budget changes about the status.
    fn of_budget(&self, budget: &ErrorBudget) -> Option<(Status, String)> {
        let period = shown::duration(Duration::from_secs_f64(budget.period_seconds));
        if budget.remaining.is_some_and(|remaining| remaining <= 0.0) {
            let status = if self.objective.is_some() { Status::Missed } else { Status::AtRisk };
            return Some((status, format!("the error budget of {period} is used up")));
        }
        let burning = budget.burn_rates.iter().find(|rate| rate.state == BurnState::Burning)?;
        let [long, short] = [burning.long_seconds, burning.short_seconds].map(Duration::from_secs_f64);
        let rate = burning.long_rate.unwrap_or(burning.factor).min(burning.short_rate.unwrap_or(burning.factor));
        let (long, short) = (shown::duration(long), shown::duration(short));
        Some((
            Status::AtRisk,
            format!("its error budget burns {rate:.1} times as fast as it may, over {long} and over {short}"),
        ))
    }

    fn missing(&self, missing: Missing, figures: &dyn Figures, moment: Moment, window: Window) -> (Status, String) {
        let length = shown::duration(window.length);
        match missing {
            Missing::NoData => (Status::NoData, format!("no {} in {length}", self.events_name())),
            Missing::Unknown if moment.traffic < SETTLED => {
                (Status::NoData, format!("nothing of this name in {} of traffic", shown::duration(moment.traffic)))
            }
            Missing::Unknown => (Status::NotEvaluable, self.unknown(figures, moment.traffic)),
            Missing::NotCovered { longest } => (
                Status::NotEvaluable,
                format!("history covers at most {}, the window is {length}", shown::duration(longest)),
            ),
            Missing::Ambiguous { labels } => {
                (Status::NotEvaluable, format!("several readings have this name; add one of the labels {labels}"))
            }
            Missing::Unavailable { reason } => (Status::NotEvaluable, reason),
        }
    }

    /// The message about a name that nothing has.
    fn unknown(&self, figures: &dyn Figures, traffic: Duration) -> String {
        let metric = &self.that.metric;
        let named = metric.argument(0).map_or(metric.name.as_str(), |argument| argument.name.as_str());
        let name = metric.subject().unwrap_or(named);
        let kind = match metric.function.map(|function| function.parameters) {
            Some(Parameters::Function) => "function",
            Some(Parameters::FunctionOrCounter) => "function or counter",
            Some(Parameters::Thing(label) | Parameters::ThingOrAll(label)) => label,
            _ => "reading",
        };
        let names = figures.names();
        let meant = nearest(name, names.iter().map(String::as_str).filter(|known| *known != name));
        let hint = meant.map(|meant| format!("; did you mean {meant:?}?")).unwrap_or_default();
        format!("no {kind} {name:?} in {} of traffic{hint}", shown::duration(traffic))
    }

    /// What its events are.
    fn events_name(&self) -> &'static str {
        match self.that.metric.function.map(|function| function.formula) {
            Some(Formula::Calls(_) | Formula::Rate) => "calls",
            Some(Formula::Quotient { .. } | Formula::Saved { .. } | Formula::OfCounters) => "events",
            _ => "values",
        }
    }
}

/// A limit that does not depend on a baseline.
fn fixed(bound: Option<Bound>) -> Option<f64> {
    match bound?.limit {
        Limit::Fixed(quantity) => Some(quantity.value()),
        Limit::OfBaseline(_) => None,
    }
}
