//! One file a rule, or for several that ask for the same.

mod allocations;
mod blocking;
mod blocks;
mod caches;
mod descriptors;
mod fragmentation;
mod hot;
mod leaks;
mod locks;
mod measurement;
mod outcomes;
mod pools;
mod slower;
mod startup;
mod statements;
mod suspended;
#[cfg(test)]
mod tests;
mod throttling;
mod workers;

use super::facts::Facts;
use super::state::Finding;

type Rule = fn(&Facts<'_>) -> Vec<Finding>;

/// The rule of doubts about the measurement, which come first.
pub(super) const MEASUREMENT: &str = "measurement";

/// Each with its name.
pub(super) const ALL: &[(&str, Rule)] = &[
    (MEASUREMENT, measurement::doubts),
    ("hot_function", hot::functions),
    ("allocations", allocations::many),
    ("reallocations", allocations::growing),
    ("large_blocks", blocks::worth_a_pool),
    ("blocking_poll", blocking::in_polls),
    ("long_poll", blocking::long_polls),
    ("lock_contention", locks::held),
    ("lock_across_await", suspended::with_a_lock),
    ("n_plus_one", statements::repeated),
    ("slow_statement", statements::slow),
    ("full_scan", statements::scanning),
    ("cache_misses", caches::missing),
    ("pool_waits", pools::waited_for),
    ("pool_full", pools::full),
    ("pool_oversized", pools::oversized),
    ("slower", slower::than_before),
    ("leak", leaks::verdicts),
    ("retention", leaks::retained),
    ("fragmentation", fragmentation::of_jemalloc),
    ("throttling", throttling::by_quota),
    ("descriptors", descriptors::nearly_used_up),
    ("uneven_workers", workers::uneven),
    ("cancellations", outcomes::cancelled),
    ("panics", outcomes::panicking),
    ("startup", startup::slow),
];
