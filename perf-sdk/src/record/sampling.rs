//! Sampling rules that are added at run time, for all sites that have run, and for later ones.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::registry::records;
use crate::base::fork::Lock;
use crate::event::{self, Event, RateChange, RateChanges};
use crate::rate::Rate;
use crate::record::store::block::rates_changed;
use crate::record::store::rules::{self, Rule, Rules, Set};
use crate::record::store::shared::{SharedSite, shared_sites};
use crate::scope::Site;

static ADDING: Lock<()> = Lock::new(());

/// The user's rules, the latest last.
#[cfg(feature = "serve")]
pub(crate) fn rules() -> Vec<Rule> {
    rules::current().iter().flat_map(|rules| &rules.user).filter(|rule| !rule.is_root).cloned().collect()
}

/// The number of changes that one event names.
const MOST_NAMED: usize = 20;

fn emit(by: &str, rules: &[Rule]) {
    let rules: Vec<&Rule> = rules.iter().filter(|rule| !rule.is_root).collect();
    if rules.is_empty() {
        return;
    }
    let change = |rule: &&Rule| RateChange {
        function: rule.pattern.clone(),
        before: None,
        now: rule.rate.map(Rate::weight),
        rests: false,
    };
    event::emit(|| {
        Event::Rates(RateChanges {
            by: by.to_owned(),
            changes: rules.iter().take(MOST_NAMED).map(change).collect(),
            further: rules.len().saturating_sub(MOST_NAMED) as u64,
        })
    });
}

/// Adds rules for all sites, those included that have not run yet. How many call sites on how many
/// threads changed.
pub(crate) fn add(new: &[Rule]) -> usize {
    if new.is_empty() {
        return 0;
    }
    emit("program", new);
    let _one_at_a_time = ADDING.lock();
    let mut rules = rules::current().map(|rules| Set::clone(&rules)).unwrap_or_default();
    let is_replaced = |old: &Rule| new.iter().any(|new| (&new.pattern, new.is_root) == (&old.pattern, old.is_root));
    rules.user.retain(|old| !is_replaced(old));
    rules.user.extend_from_slice(new);
    change(rules, rules::apply)
}

/// The functions that are measured at rates of their own while alerts fire: these, and no others.
/// The others have the rates again that the user or the attribute sets.
pub(crate) fn set_rates_of_alerts(functions: BTreeMap<String, Rate>) {
    let one_at_a_time = ADDING.lock();
    let current = rules::current();
    // Mostly, there are none, and were none before.
    if current.as_ref().map_or(functions.is_empty(), |rules| rules.alerts == functions) {
        return;
    }
    let mut rules = current.map(|rules| Set::clone(&rules)).unwrap_or_default();
    let before = std::mem::replace(&mut rules.alerts, functions);
    let changes = changes(&before, &rules.alerts);
    change(rules, |rules, site| {
        let had_one = before.contains_key(&site.label().name);
        let has_changed = rules::apply(rules, site);
        // No rule may be left for it.
        let is_free = had_one && !has_changed && rules.as_ref().is_none_or(|rules| !rules.has(site));
        has_changed || (is_free && site.pin(None))
    });
    drop(one_at_a_time);
    emit("alert", &changes);
}

/// What is to be told of rates that go with alerts.
fn changes(before: &BTreeMap<String, Rate>, now: &BTreeMap<String, Rate>) -> Vec<Rule> {
    let ended = before.keys().filter(|function| !now.contains_key(*function));
    let ended = ended.map(|function| Rule::rate(function.clone(), None));
    let new = now.iter().filter(|(function, rate)| before.get(*function) != Some(rate));
    ended.chain(new.map(|(function, rate)| Rule::rate(function.clone(), Some(*rate)))).collect()
}

/// Replaces the rules, and applies them to all sites that have run. How many call sites on how many
/// threads changed.
fn change(rules: Set, apply: impl Fn(&Rules, &Site) -> bool) -> usize {
    rules::replace(Some(Arc::new(rules)));
    let now = rules::current();
    let shards = records().flat_map(|record| std::iter::successors(record.newest_shard(), |shard| shard.older()));
    let sites = shards.map(|shard| shard.site).chain(shared_sites().filter_map(SharedSite::site));
    let changed: Vec<&'static Site> = sites.filter(|site| apply(&now, site)).collect();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::measure;

    fn rate(name: &str) -> (u32, bool) {
        let shards = records().flat_map(|record| std::iter::successors(record.newest_shard(), |shard| shard.older()));
        let site = shards.map(|shard| shard.site).find(|site| site.label().name == name).unwrap();
        (site.rate(), site.is_pinned())
    }

    #[test]
    fn rates_of_alerts_go_before_those_of_the_user_and_return() {
        const FREE: &str = "test, free before an alert";
        const RULED: &str = "test, with a rule before an alert";
        measure(FREE, || ());
        measure(RULED, || ());
        let eighth = Rate::one_in(8);
        add(&[Rule::rate(format!("*{RULED}"), eighth)]);
        let free = rate(FREE);
        assert!(!free.1 && rate(RULED) == (8, true));
        let always = |name: &str| (name.to_owned(), Rate::ALWAYS);
        set_rates_of_alerts([always(FREE), always(RULED)].into());
        assert_eq!((rate(FREE), rate(RULED)), ((1, true), (1, true)));
        set_rates_of_alerts([always(RULED)].into());
        assert!(!rate(FREE).1 && rate(RULED) == (1, true));
        set_rates_of_alerts(BTreeMap::new());
        assert!(!rate(FREE).1 && rate(RULED) == (8, true));
    }
}
