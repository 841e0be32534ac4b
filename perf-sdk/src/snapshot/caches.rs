//! Figures of caches, computed from their counters.

use super::{Reading, Snapshot};

impl Snapshot {
    /// The share of a [watched](crate::watch_cache) cache's lookups that found something, of all
    /// its tiers together. `None` without lookups.
    ///
    /// Of a window, if this snapshot is the difference of two:
    ///
    /// ```
    /// let results = perf_sdk::watch_cache("sessions");
    /// results.miss();
    /// let earlier = perf_sdk::snapshot();
    /// (0..3).for_each(|_| results.hit());
    /// results.miss();
    /// let window = perf_sdk::snapshot().subtract(&earlier);
    /// assert_eq!(window.cache_hit_ratio("sessions"), Some(0.75));
    /// ```
    #[must_use]
    pub fn cache_hit_ratio(&self, cache: &str) -> Option<f64> {
        let sum = |name: &str| -> f64 {
            let is_of_it = |reading: &&Reading| reading.labels.get("cache").is_some_and(|label| label == cache);
            let all = self.readings.iter().filter(|reading| reading.name == name);
            all.filter(is_of_it).map(|reading| reading.value).sum()
        };
        let (hits, misses) = (sum("cache_hits_total"), sum("cache_misses_total"));
        (hits + misses > 0.0).then(|| hits / (hits + misses))
    }
}
