//! What a load will be in half an hour.

/// The time of one point.
pub(crate) const STEP_SECONDS: u64 = 600;
/// Points ahead: half an hour.
const AHEAD: usize = 3;
const DAY: usize = 86_400 / STEP_SECONDS as usize;
const DAYS: usize = 14;
/// The days a week and two weeks ago count as so many.
const SAME_WEEKDAY: usize = 3;
/// A level is the mean of so many points.
const LEVEL: usize = 3;
/// Points of which a trend is taken: three hours.
const TREND: usize = 18;
/// Points below which nothing is said.
const LEAST_POINTS: usize = 100;
/// Earlier forecasts that are compared with what came: those of a day.
const TESTS: usize = DAY;
const LEAST_TESTS: usize = 24;
/// A forecast is right if it is off by this share at most.
const RIGHT: f64 = 0.15;
/// The share of earlier forecasts that must have been right.
const BELIEVED: f64 = 0.8;
/// A trend changes a level by this factor at most.
const MOST_TREND: f64 = 2.0;

/// A forecast, and how good those before it were.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Forecast {
    pub(crate) value: f64,
    /// The median error of the last day's forecasts, as a share of what came.
    pub(crate) error: f64,
    /// The share of them that were off by 15 % at most.
    pub(crate) confidence: f64,
}

impl Forecast {
    pub(crate) fn is_believed(&self) -> bool {
        self.confidence >= BELIEVED
    }
}

/// Tells what comes after points.
type Way = fn(&[Option<f64>]) -> Option<f64>;

/// Of these the one is used that was best in the last day.
const WAYS: [Way; 3] = [as_on_other_days, by_trend, level];

/// Of points ten minutes apart, the latest last, of up to two weeks. `None` with less than 100 of
/// them, or if too few earlier forecasts can be compared with what came.
pub(crate) fn forecast(points: &[Option<f64>]) -> Option<Forecast> {
    if points.iter().flatten().count() < LEAST_POINTS {
        return None;
    }
    let of_way = |way: &Way| {
        let mut errors: Vec<f64> = (1..=TESTS).filter_map(|back| error_of(points, back, way)).collect();
        if errors.len() < LEAST_TESTS {
            return None;
        }
        let right = errors.iter().filter(|error| **error <= RIGHT).count() as f64 / errors.len() as f64;
        errors.sort_by(f64::total_cmp);
        Some(Forecast { value: way(points)?, error: errors[errors.len() / 2], confidence: right })
    };
    WAYS.iter()
        .filter_map(of_way)
        .max_by(|a, b| a.confidence.total_cmp(&b.confidence).then(b.error.total_cmp(&a.error)))
}

/// How far off the forecast was that was of the point so many before the end.
fn error_of(points: &[Option<f64>], back: usize, way: &Way) -> Option<f64> {
    let at = points.len().checked_sub(back)?;
    let came = points[at].filter(|came| *came > 0.0)?;
    let said = way(&points[..(at + 1).checked_sub(AHEAD)?])?;
    Some((said / came - 1.0).abs())
}

/// The mean of the last points up to this number of them.
fn mean_until(points: &[Option<f64>], end: usize) -> Option<f64> {
    let of = points.get(end.checked_sub(LEVEL)?..end)?;
    let known: Vec<f64> = of.iter().copied().flatten().collect();
    (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
}

fn level(points: &[Option<f64>]) -> Option<f64> {
    mean_until(points, points.len())
}

/// As it is now, times what the next half hour did on earlier days: the median of these.
fn as_on_other_days(points: &[Option<f64>]) -> Option<f64> {
    let now = level(points)?;
    let mut changes = Vec::new();
    for day in 1..=DAYS {
        let Some(then) = points.len().checked_sub(day * DAY) else { break };
        // The level of the half hour around the point that is asked for, which is known.
        let (Some(before), Some(after)) = (mean_until(points, then), mean_until(points, then + AHEAD + LEVEL / 2))
        else {
            continue;
        };
        if before > 0.0 {
            let counts = if day % 7 == 0 { SAME_WEEKDAY } else { 1 };
            changes.extend(std::iter::repeat_n(after / before, counts));
        }
    }
    if changes.is_empty() {
        return None;
    }
    changes.sort_by(f64::total_cmp);
    Some(now * changes[changes.len() / 2])
}

/// As it is now, continued as in the last three hours.
fn by_trend(points: &[Option<f64>]) -> Option<f64> {
    let now = level(points)?;
    let last = points.get(points.len().checked_sub(TREND)?..)?;
    let known: Vec<(f64, f64)> =
        last.iter().enumerate().filter_map(|(at, value)| Some((at as f64, (*value)?))).collect();
    let slope = crate::detect::trend(&known).unwrap_or(0.0);
    // The level is that of the point before the latest one.
    let ahead = AHEAD as f64 + (LEVEL / 2) as f64;
    // Points are not negative, so the lower end is not above the upper one.
    let now = now.max(0.0);
    Some((now + slope * ahead).clamp(now / MOST_TREND, now * MOST_TREND))
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::super::decision::Decider;
    use super::super::load::Load;
    use super::*;
    use crate::expression::Dimension;
    use crate::snapshot::ScalingDirection;
    use crate::target::{Ranged, Ranging};

    struct Random(u64);

    impl Random {
        fn uniform(&mut self) -> f64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 11) as f64 / (1_u64 << 53) as f64
        }

        fn normal(&mut self) -> f64 {
            (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
        }
    }

    /// CPU of a service with days and weekends, without noise.
    fn load(step: usize) -> f64 {
        let (day, of_week) = (step as f64 / DAY as f64, step / DAY % 7);
        let hour = 1.0 + 0.6 * (TAU * (day - 0.4)).sin() + 0.15 * (2.0 * TAU * (day - 0.1)).sin();
        0.55 * hour * if of_week >= 5 { 0.6 } else { 1.0 }
    }

    /// Two weeks, of which the second is judged.
    #[test]
    fn a_week_of_daily_load_is_forecast() {
        for seed in 1..=4 {
            let mut random = Random(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed));
            let points: Vec<Option<f64>> =
                (0..14 * DAY + AHEAD).map(|step| Some(load(step) * (0.05 * random.normal()).exp())).collect();
            let (mut said, mut right, mut decided, mut correct) = (0_u32, 0_u32, 0_u32, 0_u32);
            for end in 7 * DAY..14 * DAY {
                let known = &points[..end];
                let forecast = forecast(known);
                let believed = forecast.filter(Forecast::is_believed);
                if let Some(forecast) = believed {
                    said += 1;
                    let came = load(end - 1 + AHEAD);
                    right += u32::from((forecast.value / came - 1.0).abs() <= RIGHT);
                }
                // What the load of the next half hour without noise asks for.
                let highest = (end - 1..end + AHEAD).map(load).fold(0.0, f64::max);
                let wanted = match highest {
                    high if high > 0.8 => ScalingDirection::Out,
                    high if high < 0.3 => ScalingDirection::In,
                    _ => ScalingDirection::Hold,
                };
                let value = points[end - 1].unwrap_or(0.0);
                let of = Ranged {
                    name: "cpu".to_owned(),
                    metric: "cpu".to_owned(),
                    dimension: Dimension::Ratio,
                    low: Some(0.3),
                    high: Some(0.8),
                    value: Ranging::Is(value),
                };
                let now = [Ok(Load { of, value, forecast })];
                let mut decider = Decider::default();
                (0..300).step_by(60).for_each(|second| _ = decider.decide(second, 0, &now));
                decided += 1;
                correct += u32::from(decider.decide(300, 0, &now).direction == wanted);
            }
            let (of_said, of_decided) = (f64::from(right) / f64::from(said), f64::from(correct) / f64::from(decided));
            println!("seed {seed}: {said} forecasts, {of_said:.3} within 15 %, {of_decided:.3} of decisions right");
            assert!(said > 900, "it speaks: {said} of 1008");
            assert!(of_said >= 0.85, "{of_said}");
            assert!(of_decided >= 0.9, "{of_decided}");
        }
    }

    #[test]
    fn it_is_silent_where_it_knows_nothing() {
        assert_eq!(forecast(&[Some(1.0); 99]), None);
        assert!(forecast(&[Some(1.0); 140]).is_some_and(|said| said.is_believed() && (said.value - 1.0).abs() < 1e-9));
        // Noise of any size.
        let mut random = Random(7);
        let wild: Vec<Option<f64>> = (0..2_000).map(|_| Some((1.5 * random.normal()).exp())).collect();
        assert!(forecast(&wild).is_none_or(|said| !said.is_believed()));
        // Nothing was known for the last half hour.
        let mut gap = vec![Some(1.0); 500];
        gap.extend([None; 6]);
        assert_eq!(forecast(&gap), None);
        assert_eq!(forecast(&[Some(0.0); 500]), None, "of nothing no share is known");
        let negative: Vec<Option<f64>> = (0..200).map(|step| Some(f64::from(step) - 100.0)).collect();
        assert!(forecast(&negative).is_none_or(|said| said.value.is_finite()));
    }

    #[test]
    fn a_ramp_is_continued() {
        let ramp: Vec<Option<f64>> = (0..140).map(|step| Some(100.0 + f64::from(step))).collect();
        let said = forecast(&ramp).expect("a forecast");
        assert!((said.value - 242.0).abs() < 1.5, "{said:?}");
    }
}
