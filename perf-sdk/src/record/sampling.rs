//! Sampling rules that are added at run time, for all sites that have run, and for later ones.

use std::sync::Arc;

use super::registry::records;
use crate::base::fork::Lock;
use crate::record::store::block::rates_changed;
use crate::record::store::rules::{self, Rule};
use crate::record::store::shared::{SharedSite, shared_sites};
use crate::scope::Site;

static ADDING: Lock<()> = Lock::new(());

/// Those that hold, the latest last.
#[cfg(feature = "serve")]
pub(crate) fn rules() -> Vec<Rule> {
    rules::current().iter().flat_map(|rules| rules.iter()).cloned().collect()
}

/// Adds rules for all sites, those included that have not run yet. How many call sites on how many
/// threads changed.
pub(crate) fn add(new: &[Rule]) -> usize {
    if new.is_empty() {
        return 0;
    }
    let _one_at_a_time = ADDING.lock();
    let before = rules::current();
    let replaced = |old: &Rule| new.iter().any(|new| new.pattern == old.pattern);
    let kept = before.iter().flat_map(|rules| rules.iter()).filter(|old| !replaced(old));
    rules::replace(Some(Arc::new(kept.chain(new).cloned().collect())));
    let now = rules::current();
    let shards = records().flat_map(|record| std::iter::successors(record.newest_shard(), |shard| shard.older()));
    let sites = shards.map(|shard| shard.site).chain(shared_sites().filter_map(SharedSite::site));
    let changed: Vec<&'static Site> = sites.filter(|site| rules::apply(&now, site)).collect();
    rates_changed();
    for record in records() {
        for node in std::iter::successors(record.newest_node(), |node| node.older()) {
            // A thread that ran the site for the first time meanwhile may have applied the rule.
            let may_have_changed =
                |site: &'static Site| site.is_pinned() || changed.iter().any(|changed| std::ptr::eq(*changed, site));
            if node.site().is_some_and(may_have_changed) {
                node.blocks.abandon();
            }
        }
    }
    changed.len()
}
