//! The names of functions.

use std::iter::successors;
use std::ptr;

use crate::base::hash::FastMap;
use crate::record::{self, SharedSite};
use crate::scope::Site;

/// The names of all functions that ran, each once.
///
/// **Cost.** A pass over all records, without their calls.
pub(crate) fn function_names() -> Vec<&'static str> {
    let shards = record::records().flat_map(|record| successors(record.newest_shard(), |shard| shard.older()));
    let sites = shards.map(|shard| shard.site).chain(record::shared_sites().filter_map(SharedSite::site));
    let mut seen: FastMap<*const Site, ()> = FastMap::default();
    let mut names: Vec<&str> = sites
        .filter(|site| seen.insert(ptr::from_ref(*site), ()).is_none())
        .map(|site| site.label().name.as_str())
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}
