//! Histograms that instruments record.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;

#[cfg(feature = "enabled")]
use serde::{Deserialize, Serialize};

use crate::base::sort;
use crate::histogram::Histogram;

/// A histogram of an instrument, such as the access times of a cache.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct Distribution {
    /// The name in scrapes, with its unit.
    pub name: Cow<'static, str>,
    /// What it is, in a sentence.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub help: Cow<'static, str>,
    /// Which of several of this name it is.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub labels: BTreeMap<String, String>,
    /// The values: nanoseconds or bytes, as its scale says.
    pub histogram: Histogram,
}

impl Distribution {
    /// The order in a snapshot.
    fn order(&self, other: &Self) -> Ordering {
        (&self.name, &self.labels).cmp(&(&other.name, &other.labels))
    }
}

/// Sorts them by name and labels, and merges those with the same.
pub(crate) fn sort_distributions(all: &mut Vec<Distribution>) {
    sort::sort_by(all, Distribution::order);
    all.dedup_by(|next, first| {
        let is_same = next.order(first) == Ordering::Equal && next.histogram.scale() == first.histogram.scale();
        if is_same {
            first.histogram.merge(&next.histogram);
        }
        is_same
    });
}

/// What was recorded since `earlier`.
pub(in crate::snapshot) fn since(now: &[Distribution], earlier: &[Distribution]) -> Vec<Distribution> {
    let was = |now: &Distribution| {
        let mut same = earlier.iter().filter(|was| was.order(now) == Ordering::Equal);
        same.find(|was| was.histogram.scale() == now.histogram.scale())
    };
    let of = |now: &Distribution| match was(now) {
        Some(was) => Distribution { histogram: now.histogram.since(&was.histogram), ..now.clone() },
        None => now.clone(),
    };
    now.iter().map(of).collect()
}

/// Adds those of another snapshot.
pub(in crate::snapshot) fn add(ours: &mut Vec<Distribution>, theirs: &[Distribution]) {
    ours.extend_from_slice(theirs);
    sort_distributions(ours);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::Scale;

    fn one(name: &'static str, values: &[u64]) -> Distribution {
        let mut histogram = Histogram::new(Scale::Seconds);
        values.iter().for_each(|value| histogram.record(*value, 1));
        Distribution { name: name.into(), histogram, ..Distribution::default() }
    }

    #[test]
    fn a_window_plus_the_time_before_is_the_whole() {
        let early = vec![one("a", &[1, 2])];
        let late = vec![one("a", &[1, 2, 2, 9]), one("b", &[4])];
        let window = since(&late, &early);
        assert_eq!(window, [one("a", &[2, 9]), one("b", &[4])]);
        let mut sum = early;
        add(&mut sum, &window);
        assert_eq!(sum, late);
    }
}
