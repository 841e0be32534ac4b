//! Caches that find little.

use crate::base::units::count;
use crate::finding::facts::Facts;
use crate::finding::state::{Confidence, Finding, Gain};

const POOR: f64 = 0.5;
const LEAST_LOOKUPS: f64 = 1_000.0;
/// Of the insertions: then it is too small.
const EVICTED: f64 = 0.5;

pub(super) fn missing(facts: &Facts<'_>) -> Vec<Finding> {
    let of = |cache: &&str| {
        let sum = |name| facts.sum_of(name, "cache", cache);
        let (hits, misses) = (sum("cache_hits_total"), sum("cache_misses_total"));
        let lookups = hits + misses;
        if lookups < LEAST_LOOKUPS || hits >= POOR * lookups {
            return None;
        }
        let (inserted, evicted) = (sum("cache_insertions_total"), sum("cache_evictions_total"));
        let is_small = evicted > EVICTED * inserted && evicted > 0.0;
        let next_step = if is_small {
            "Make it larger, or keep smaller entries: what is inserted is evicted before it is asked for again."
        } else {
            "Look at what is asked for: keys that never repeat need no cache."
        };
        Some(Finding {
            subject: (*cache).to_owned(),
            claim: format!("The cache {cache} seldom has what is asked for"),
            evidence: format!(
                "{:.0} % of {} lookups found something; {} insertions, {} evictions",
                hits / lookups * 100.0,
                count(lookups),
                count(inserted),
                count(evicted)
            ),
            gain: Gain::wait(sum("cache_access_seconds_total")),
            confidence: if is_small { Confidence::High } else { Confidence::Medium },
            next_step: next_step.into(),
            refuted_by: "It was started a moment ago, and fills.".into(),
            ..Finding::default()
        })
    };
    facts.subjects("cache_misses_total", "cache").iter().filter_map(of).collect()
}
