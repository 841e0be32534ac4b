//! Out, in or neither.

use super::load::Load;
use crate::snapshot::{Scaling, ScalingDirection, ScalingRule};

/// At most so many times as many processes, and at least so many times as few, at a time.
const MOST_CHANGE: f64 = 2.0;
/// For so long there must be room for fewer processes, and none too few, before they are fewer.
const COOLDOWN_SECONDS: u64 = 300;

/// Decides from one moment to the next.
#[derive(Debug, Default)]
pub(crate) struct Decider {
    /// Since when all rules leave room, and none has asked for more since.
    low_since: Option<u64>,
}

impl Decider {
    /// What the loads at this second need: out if one of them is too high, in if all of them have
    /// been low for five minutes.
    ///
    /// Out is what the highest load needs to come to its aim, in is what all of them allow; both
    /// are at most twofold. Loads are those of one process, and shrink as others take their part.
    /// So the sum over all processes is how many there ought to be.
    pub(crate) fn decide(&mut self, second: u64, loads: &[Load]) -> Scaling {
        let highest = loads.iter().max_by(|a, b| a.ratio().total_cmp(&b.ratio()));
        let too_high = loads.iter().filter(|load| load.is_too_high());
        let too_high = too_high.max_by(|a, b| a.ratio().total_cmp(&b.ratio()));
        let is_low = !loads.is_empty() && loads.iter().all(Load::is_low) && loads.iter().any(|load| load.low.is_some());
        let since = if is_low && too_high.is_none() { *self.low_since.get_or_insert(second) } else { second };
        if !is_low || too_high.is_some() {
            self.low_since = None;
        }
        let (direction, load) = match (too_high, highest) {
            (Some(load), _) => (ScalingDirection::Out, Some(load)),
            (None, Some(load)) if is_low && second.saturating_sub(since) >= COOLDOWN_SECONDS => {
                (ScalingDirection::In, Some(load))
            }
            _ => (ScalingDirection::Hold, None),
        };
        let desired = match (direction, load) {
            (ScalingDirection::Out, Some(load)) => load.ratio().clamp(1.0, MOST_CHANGE),
            (ScalingDirection::In, Some(load)) => load.ratio().clamp(1.0 / MOST_CHANGE, 1.0),
            _ => 1.0,
        };
        Scaling {
            desired_replicas: desired,
            direction,
            rule: load.map(|load| load.rule.clone()).unwrap_or_default(),
            reason: load.map(|load| reason(direction, load)).unwrap_or_default(),
            rules: loads.iter().map(row).collect(),
        }
    }
}

fn row(load: &Load) -> ScalingRule {
    ScalingRule {
        rule: load.rule.clone(),
        value: load.value,
        low: load.low,
        high: load.high,
        aim: load.aim(),
        forecast: load.forecast.filter(super::forecast::Forecast::is_believed).map(|forecast| forecast.value),
        forecast_error: load.forecast.map(|forecast| forecast.error),
        forecast_confidence: load.forecast.map(|forecast| forecast.confidence),
    }
}

fn reason(direction: ScalingDirection, load: &Load) -> String {
    let Load { metric, value, low, high, .. } = load;
    match direction {
        ScalingDirection::Out if *value <= high.unwrap_or(f64::INFINITY) => {
            format!("{metric} is expected to be {:.3} in half an hour, above {:.3}", load.peak(), high.unwrap_or(0.0))
        }
        ScalingDirection::Out => format!("{metric} is {value:.3}, above {:.3}", high.unwrap_or(0.0)),
        ScalingDirection::In => match low {
            Some(low) => format!("{metric} has been below {low:.3} for five minutes, and is {value:.3}"),
            None => format!("{metric} is {value:.3}, and leaves room"),
        },
        ScalingDirection::Hold => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::forecast::Forecast;
    use super::*;

    fn load(rule: &str, value: f64, low: Option<f64>, high: Option<f64>) -> Load {
        Load { rule: rule.to_owned(), metric: rule.to_owned(), value, low, high, forecast: None }
    }

    fn cpu(value: f64) -> Load {
        load("cpu", value, Some(0.3), Some(0.8))
    }

    #[test]
    fn the_highest_load_says_how_many() {
        let mut decider = Decider::default();
        // The aim of 30 % to 80 % is 67.5 %.
        let said = decider.decide(0, &[cpu(0.9), load("memory", 0.5, Some(0.4), Some(0.85))]);
        assert_eq!((said.direction, said.rule.as_str()), (ScalingDirection::Out, "cpu"));
        assert!((said.desired_replicas - 0.9 / 0.675).abs() < 1e-9, "{said:?}");
        let said = decider.decide(15, &[cpu(0.9), load("queue", 900.0, None, Some(100.0))]);
        assert_eq!((said.rule.as_str(), said.desired_replicas), ("queue", 2.0), "at most twofold");
        let said = decider.decide(30, &[cpu(0.5), load("queue", 99.0, None, Some(100.0))]);
        assert_eq!((said.direction, said.desired_replicas), (ScalingDirection::Hold, 1.0));
        assert_eq!(decider.decide(45, &[]).desired_replicas, 1.0, "nothing is known");
    }

    #[test]
    fn fewer_only_if_all_have_room_for_five_minutes() {
        let mut decider = Decider::default();
        let directions = |decider: &mut Decider, from: u64, to: u64, loads: &[Load]| {
            (from..to).step_by(15).map(|second| decider.decide(second, loads).direction).collect::<Vec<_>>()
        };
        let low = [cpu(0.1), load("queue", 3.0, None, Some(100.0))];
        assert!(directions(&mut decider, 0, 300, &low).iter().all(|one| *one == ScalingDirection::Hold));
        let said = decider.decide(300, &low);
        assert_eq!(said.direction, ScalingDirection::In);
        assert_eq!(said.desired_replicas, 0.5, "at most by half: {said:?}");
        // One that is busy, or too high for a moment, begins the five minutes anew.
        assert_eq!(
            decider.decide(315, &[cpu(0.1), load("queue", 90.0, None, Some(100.0))]).direction,
            ScalingDirection::Hold
        );
        assert!(directions(&mut decider, 330, 630, &low).iter().all(|one| *one == ScalingDirection::Hold));
        assert_eq!(decider.decide(630, &low).direction, ScalingDirection::In);
    }

    #[test]
    fn a_forecast_asks_for_more_before_it_is_late_and_holds_what_there_is() {
        let mut decider = Decider::default();
        let ahead = |confidence| Some(Forecast { value: 0.9, error: 0.05, confidence });
        let said = decider.decide(0, &[Load { forecast: ahead(0.9), ..cpu(0.5) }]);
        assert_eq!(said.direction, ScalingDirection::Out);
        assert!(said.reason.contains("expected"), "{}", said.reason);
        let said = decider.decide(15, &[Load { forecast: ahead(0.7), ..cpu(0.5) }]);
        assert_eq!(said.direction, ScalingDirection::Hold, "not believed");
        assert_eq!(said.rules[0].forecast, None);
        for second in (30..700).step_by(15) {
            let soon = Load { forecast: Some(Forecast { value: 0.6, error: 0.05, confidence: 0.9 }), ..cpu(0.1) };
            assert_eq!(decider.decide(second, &[soon]).direction, ScalingDirection::Hold, "it is needed soon");
        }
    }
}
