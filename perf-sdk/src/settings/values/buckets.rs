//! `PERF_BUCKETS`: bounds of the user's own histograms.

use std::fmt;
use std::str::FromStr;

use crate::settings::value::Value;

/// The maximum number of bounds of one histogram, because each is a series.
const MOST: usize = 100;

/// Units, and their factors to seconds or bytes. If one unit is the end of another, the longer one
/// comes first.
const UNITS: [(&str, f64); 10] = [
    ("ns", 1e-9),
    ("us", 1e-6),
    ("µs", 1e-6),
    ("ms", 1e-3),
    ("min", 60.0),
    ("s", 1.0),
    ("h", 3_600.0),
    ("KiB", 1_024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
];

/// Upper bounds for the histograms whose names match a pattern, in which `*` stands for any text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct BucketRule {
    pub(crate) pattern: String,
    /// Ascending from 0 on, finite, at least one.
    pub(crate) bounds: Vec<f64>,
}

impl FromStr for BucketRule {
    type Err = ();

    /// Parses `pattern=bound,bound,…`.
    fn from_str(text: &str) -> Result<Self, ()> {
        let (pattern, bounds) = text.rsplit_once('=').ok_or(())?;
        let pattern = pattern.trim();
        let bounds: Vec<f64> = bounds.split(',').map(bound).collect::<Option<_>>().ok_or(())?;
        let is_ascending = bounds.windows(2).all(|pair| pair[0] < pair[1]);
        if pattern.is_empty() || !is_ascending || bounds.len() > MOST {
            return Err(());
        }
        Ok(Self { pattern: pattern.to_owned(), bounds })
    }
}

impl fmt::Display for BucketRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bounds: Vec<String> = self.bounds.iter().map(f64::to_string).collect();
        write!(f, "{}={}", self.pattern, bounds.join(","))
    }
}

/// A finite number, with or without a unit. It must not be negative, because OpenMetrics has no sum
/// beside such a bound.
fn bound(text: &str) -> Option<f64> {
    let text = text.trim();
    let with_unit = UNITS.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)));
    let value = match with_unit {
        // Divided if the unit is smaller than the base unit, so that 5ms is exactly the number
        // 0.005.
        Some((number, factor)) if *factor < 1.0 => number.trim().parse::<f64>().ok()? / (1.0 / factor).round(),
        Some((number, factor)) => number.trim().parse::<f64>().ok()? * factor,
        None => text.parse().ok()?,
    };
    // Makes -0 equal to 0.
    (value.is_finite() && value >= 0.0).then_some(value + 0.0)
}

/// Rules, separated by semicolons. If several match, the last one applies.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct BucketRules(Vec<BucketRule>);

impl BucketRules {
    #[cfg_attr(not(feature = "metrics"), allow(dead_code))]
    pub(crate) fn rules(&self) -> &[BucketRule] {
        &self.0
    }
}

impl Value for BucketRules {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_end_matches(';');
        let rules = text.split(';').map(|rule| rule.trim().parse().ok()).collect::<Option<Vec<BucketRule>>>();
        rules.filter(|_| cfg!(feature = "metrics")).map(Self)
    }

    fn show(&self) -> String {
        self.0.iter().map(BucketRule::to_string).collect::<Vec<_>>().join(";")
    }
}

#[cfg(all(test, feature = "metrics"))]
mod tests {
    use super::*;

    fn rules(text: &str) -> Option<Vec<BucketRule>> {
        BucketRules::parse(text).map(|rules| rules.0)
    }

    #[test]
    fn bounds_are_numbers_with_or_without_a_unit() {
        let read = |text: &str| rules(text).unwrap().iter().map(|rule| rule.bounds.clone()).collect::<Vec<_>>();
        assert_eq!(read("a=1"), [[1.0]]);
        assert_eq!(
            read("a_*=0, 2.5e3 ;b.c=1ms,5 ms,1s,1min,2h;"),
            [vec![0.0, 2_500.0], vec![0.001, 0.005, 1.0, 60.0, 7_200.0]]
        );
        assert_eq!(read("*=100ns,7us,9µs"), [[1e-7, 7e-6, 9e-6]]);
        assert_eq!(read("*=1KiB,1.5MiB,2GiB"), [[1_024.0, 1_572_864.0, 2_147_483_648.0]]);
        assert_eq!(rules("a=b=1").unwrap()[0].pattern, "a=b");
        let shown = rules("a_*=1ms,2").unwrap()[0].to_string();
        assert_eq!((shown.as_str(), rules(&shown).unwrap()[0].bounds.as_slice()), ("a_*=0.001,2", &[0.001, 2.0][..]));
    }

    #[test]
    fn invalid_bounds_are_rejected() {
        let many: Vec<String> = (0..=MOST).map(|n| n.to_string()).collect();
        for wrong in [
            "",
            ";",
            "a",
            "a=",
            "=1",
            "a=1,",
            "a=2,1",
            "a=1,1",
            "a=0,-0",
            "a=-1,1",
            "a=1;;b=2",
            "a=x",
            "a=1d",
            "a=inf",
            "a=NaN",
            "a=1,+Inf",
            "a=ms",
            "a=1 2",
            &format!("a={}", many.join(",")),
        ] {
            assert!(rules(wrong).is_none(), "{wrong}");
        }
    }
}
