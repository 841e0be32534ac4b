//! Counts open futures.

use std::collections::HashMap;

use crate::record;

/// The futures of each function, by module and name, that have begun and not ended.
///
/// **Cost.** A pass over all records, without their histograms.
pub(crate) fn open_futures() -> HashMap<(String, String), u64> {
    let mut open: HashMap<(&str, &str), u64> = HashMap::new();
    for record in record::records() {
        for shard in std::iter::successors(record.newest_shard(), |shard| shard.older()) {
            if let Some(future) = shard.future() {
                let label = shard.site.label();
                let count = open.entry((&label.module, &label.name)).or_default();
                // A future may end on another thread than it began on. Only the sum over all
                // threads is correct.
                *count = count.wrapping_add(future.started.get()).wrapping_sub(future.finished.get());
            }
        }
    }
    let is_read_whole = |count: &u64| *count <= u64::MAX / 2;
    open.into_iter()
        .filter(|(_, count)| is_read_whole(count))
        .map(|((module, name), count)| ((module.to_owned(), name.to_owned()), count))
        .collect()
}
