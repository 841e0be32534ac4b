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
    let mut names: Vec<&str> = sites().map(|site| site.label().name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Modules and names of all functions that ran, each once.
///
/// **Cost.** The same.
#[cfg(feature = "serve")]
pub(crate) fn function_labels() -> Vec<(&'static str, &'static str)> {
    let mut labels: Vec<(&str, &str)> =
        sites().map(|site| (site.label().module.as_str(), site.label().name.as_str())).collect();
    labels.sort_unstable();
    labels.dedup();
    labels
}

/// Each once.
fn sites() -> impl Iterator<Item = &'static Site> {
    let shards = record::records().flat_map(|record| successors(record.newest_shard(), |shard| shard.older()));
    let sites = shards.map(|shard| shard.site).chain(record::shared_sites().filter_map(SharedSite::site));
    let mut seen: FastMap<*const Site, ()> = FastMap::default();
    sites.filter(move |site| seen.insert(ptr::from_ref(*site), ()).is_none())
}
