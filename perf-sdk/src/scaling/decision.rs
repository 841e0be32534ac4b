//! Out, in or neither.

use super::forecast::Forecast;
use super::load::{Absent, Load};
use crate::snapshot::{Scaling, ScalingDirection, ScalingRule};

/// At most so many times as many processes, and at least so many times as few, at a time.
const MOST_CHANGE: f64 = 2.0;
/// For so long there must be room for fewer processes, and none too few, before they are fewer.
const COOLDOWN_SECONDS: u64 = 300;
/// What was before a longer time without a decision does not count.
const MOST_GAP_SECONDS: u64 = 120;

/// Decides from one moment to the next.
#[derive(Debug, Default)]
pub(crate) struct Decider {
    /// Since when all rules leave room, and none has asked for more since.
    low_since: Option<u64>,
    latest: u64,
}

impl Decider {
    /// What the rules at this second need: out if one of them is too high, in if all of them have
    /// been low for five minutes, and none is unknown.
    ///
    /// Out is what the highest load needs to come to its aim, in is what all of them allow; both
    /// are at most twofold. Loads are those of one process, and shrink as others take their part.
    pub(crate) fn decide(&mut self, second: u64, at_unix_ns: u64, rules: &[Result<Load, Absent>]) -> Scaling {
        let loads: Vec<&Load> = rules.iter().flatten().collect();
        let by_ratio = |a: &&&Load, b: &&&Load| a.ratio().total_cmp(&b.ratio());
        let highest = loads.iter().max_by(by_ratio);
        let too_high = loads.iter().filter(|load| load.is_too_high()).max_by(by_ratio);
        let is_known = rules.iter().all(|rule| !matches!(rule, Err(absent) if absent.is_unknown));
        let are_low = loads.iter().all(|load| load.is_low()) && loads.iter().any(|load| load.of.low.is_some());
        if !are_low || !is_known || second.saturating_sub(self.latest) > MOST_GAP_SECONDS {
            self.low_since = None;
        }
        self.latest = second;
        let has_room = are_low && is_known && {
            let since = *self.low_since.get_or_insert(second);
            second - since >= COOLDOWN_SECONDS
        };
        let (direction, load) = match (too_high, highest) {
            (Some(load), _) => (ScalingDirection::Out, Some(load)),
            (None, Some(load)) if has_room => (ScalingDirection::In, Some(load)),
            _ => (ScalingDirection::Hold, None),
        };
        let desired = match (direction, load) {
            (ScalingDirection::Out, Some(load)) => load.ratio().clamp(1.0, MOST_CHANGE),
            (ScalingDirection::In, Some(load)) => load.ratio().clamp(1.0 / MOST_CHANGE, 1.0),
            _ => 1.0,
        };
        Scaling {
            at_unix_ns,
            desired_replicas: desired,
            direction,
            rule: load.map(|load| load.of.name.clone()).unwrap_or_default(),
            reason: load.map(|load| reason(direction, load)).unwrap_or_default(),
            rules: rules.iter().map(row).collect(),
        }
    }
}

fn row(rule: &Result<Load, Absent>) -> ScalingRule {
    match rule {
        Ok(load) => ScalingRule {
            rule: load.of.name.clone(),
            value: Some(load.value),
            absent: String::new(),
            low: load.of.low,
            high: load.of.high,
            aim: Some(load.aim()),
            forecast: load.forecast.filter(Forecast::is_believed).map(|forecast| forecast.value),
            forecast_error: load.forecast.map(|forecast| forecast.error),
            forecast_confidence: load.forecast.map(|forecast| forecast.confidence),
        },
        Err(absent) => {
            ScalingRule { rule: absent.rule.clone(), absent: absent.reason.clone(), ..ScalingRule::default() }
        }
    }
}

fn reason(direction: ScalingDirection, load: &Load) -> String {
    let (metric, value) = (&load.of.metric, load.shown(load.value));
    let (low, high) = (load.of.low.map(|low| load.shown(low)), load.of.high.map(|high| load.shown(high)));
    match (direction, low, high) {
        (ScalingDirection::Out, _, Some(high)) if load.peak() > load.value => {
            format!(
                "{metric} is {value}, and is expected to be {} in half an hour, above {high}",
                load.shown(load.peak())
            )
        }
        (ScalingDirection::Out, _, Some(high)) => format!("{metric} is {value}, above {high}"),
        (ScalingDirection::In, Some(low), _) => {
            format!("{metric} is {value}, and all have been low for five minutes: it below {low}")
        }
        (ScalingDirection::In, ..) => format!("{metric} is {value}, and all have left room for five minutes"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expression::Dimension;
    use crate::target::{Ranged, Ranging};

    fn load(rule: &str, value: f64, low: Option<f64>, high: Option<f64>) -> Load {
        let (name, metric) = (rule.to_owned(), rule.to_owned());
        let of = Ranged { name, metric, dimension: Dimension::Ratio, low, high, value: Ranging::Is(value) };
        Load { of, value, forecast: None }
    }

    fn cpu(value: f64) -> Load {
        load("cpu", value, Some(0.3), Some(0.8))
    }

    fn queue(value: f64) -> Load {
        load("queue", value, None, Some(100.0))
    }

    fn absent(is_unknown: bool) -> Result<Load, Absent> {
        Err(Absent { rule: "other".to_owned(), reason: "why".to_owned(), is_unknown })
    }

    /// Every 15 seconds.
    fn directions(decider: &mut Decider, from: u64, to: u64, rules: &[Result<Load, Absent>]) -> Vec<ScalingDirection> {
        (from..to).step_by(15).map(|second| decider.decide(second, 0, rules).direction).collect()
    }

    fn all(directions: &[ScalingDirection], wanted: ScalingDirection) -> bool {
        directions.iter().all(|one| *one == wanted)
    }

    #[test]
    fn the_highest_load_says_how_many() {
        let mut decider = Decider::default();
        // The aim of 30 % to 80 % is 67.5 %.
        let said = decider.decide(0, 7, &[Ok(cpu(0.9)), Ok(load("memory", 0.5, Some(0.4), Some(0.85))), absent(true)]);
        assert_eq!((said.direction, said.rule.as_str(), said.at_unix_ns), (ScalingDirection::Out, "cpu", 7));
        assert!((said.desired_replicas - 0.9 / 0.675).abs() < 1e-9, "{said:?}");
        assert_eq!(said.reason, "cpu is 90.0%, above 80.0%");
        assert_eq!((said.rules[2].absent.as_str(), said.rules[2].value), ("why", None));
        let said = decider.decide(15, 0, &[Ok(cpu(0.9)), Ok(queue(900.0))]);
        assert_eq!((said.rule.as_str(), said.desired_replicas), ("queue", 2.0), "at most twofold");
        let said = decider.decide(30, 0, &[Ok(cpu(0.5)), Ok(queue(99.0))]);
        assert_eq!((said.direction, said.desired_replicas), (ScalingDirection::Hold, 1.0));
        assert_eq!(decider.decide(45, 0, &[]).desired_replicas, 1.0, "nothing is known");
    }

    #[test]
    fn fewer_only_if_all_have_room_for_five_minutes() {
        let mut decider = Decider::default();
        let low = [Ok(cpu(0.1)), Ok(queue(3.0)), absent(false)];
        assert!(all(&directions(&mut decider, 0, 300, &low), ScalingDirection::Hold));
        let said = decider.decide(300, 0, &low);
        assert_eq!((said.direction, said.desired_replicas), (ScalingDirection::In, 0.5), "at most by half: {said:?}");
        // One that is busy for a moment begins the five minutes anew.
        assert_eq!(decider.decide(315, 0, &[Ok(cpu(0.1)), Ok(queue(90.0))]).direction, ScalingDirection::Hold);
        assert!(all(&directions(&mut decider, 330, 630, &low), ScalingDirection::Hold));
        assert_eq!(decider.decide(630, 0, &low).direction, ScalingDirection::In);
        // So does a time without decisions.
        assert_eq!(decider.decide(1_000, 0, &low).direction, ScalingDirection::Hold);
        // Nobody relies on a rule that is not known.
        let unknown = [Ok(cpu(0.1)), absent(true)];
        assert!(all(&directions(&mut decider, 1_015, 2_000, &unknown), ScalingDirection::Hold));
        let without_lower_end = [Ok(queue(1.0))];
        assert!(all(&directions(&mut decider, 2_000, 3_000, &without_lower_end), ScalingDirection::Hold));
    }

    #[test]
    fn a_forecast_asks_for_more_before_it_is_late_and_holds_what_there_is() {
        let mut decider = Decider::default();
        let ahead = |value, confidence| Some(Forecast { value, error: 0.05, confidence });
        let said = decider.decide(0, 0, &[Ok(Load { forecast: ahead(0.9, 0.9), ..cpu(0.5) })]);
        assert_eq!(said.direction, ScalingDirection::Out);
        assert_eq!(said.reason, "cpu is 50.0%, and is expected to be 90.0% in half an hour, above 80.0%");
        let said = decider.decide(15, 0, &[Ok(Load { forecast: ahead(0.9, 0.7), ..cpu(0.5) })]);
        assert_eq!(said.direction, ScalingDirection::Hold, "not believed");
        assert_eq!(said.rules[0].forecast, None);
        let soon = [Ok(Load { forecast: ahead(0.6, 0.9), ..cpu(0.1) })];
        assert!(all(&directions(&mut decider, 30, 700, &soon), ScalingDirection::Hold), "it is needed soon");
    }
}
