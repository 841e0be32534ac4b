//! The user's histograms in this crate's own recorder.

use super::family::{Family, Head, Kind, Metric, UserNative, Value};
use super::user::{is_name, usable};

/// One of the user's histograms in this crate's own recorder.
#[cfg_attr(not(feature = "metrics"), allow(dead_code))]
#[derive(Debug)]
pub(crate) struct UserHistogram {
    pub(crate) name: String,
    pub(crate) help: String,
    pub(crate) series: Vec<UserSeries>,
}

/// The series of one set of labels.
#[cfg_attr(not(feature = "metrics"), allow(dead_code))]
#[derive(Debug)]
pub(crate) struct UserSeries {
    pub(crate) labels: Vec<(String, String)>,
    /// (upper bound, cumulative count), without `+Inf`.
    pub(crate) buckets: Vec<(f64, u64)>,
    pub(crate) sum: f64,
    pub(crate) count: u64,
    pub(crate) native: UserNative,
}

impl UserHistogram {
    /// The family. `None` if its name is invalid.
    pub(super) fn family(&self) -> Option<Family<'_>> {
        let head = Head {
            name: self.name.as_str().into(),
            help: self.help.as_str().into(),
            unit: "",
            kind: Kind::Histogram,
            has_stem: true,
        };
        let metrics = self.series.iter().map(|series| {
            let labels = series.labels.iter().map(|(name, value)| (name.as_str(), value.as_str().into())).collect();
            let UserSeries { buckets, sum, count, native, .. } = series;
            let value = Value::Measured { buckets, sum: *sum, count: *count, native };
            Metric { function: None, labels: usable(labels, Kind::Histogram), value }
        });
        is_name(&self.name, true).then(|| Family { head, metrics: metrics.collect() })
    }
}
