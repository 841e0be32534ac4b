//! Sets of labels that the program gives to a scope or a task: few different ones, kept for good.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::chains::{Chains, hash_texts, hash_words};

/// Labels given at once.
pub(crate) const MAX_LABELS: usize = 8;
/// Names of labels.
const MAX_NAMES: usize = 32;
/// Values of a name; further ones are [`OTHER`], so that what comes from data cannot eat the memory.
const MAX_VALUES: usize = 256;
/// Combinations of labels.
const MAX_SETS: usize = 4_096;
const MAX_NAME_BYTES: usize = 64;
/// A longer value is cut.
const MAX_VALUE_BYTES: usize = 128;
const OTHER: &str = "(other)";
/// What samples say anyway.
const RESERVED: [&str; 5] = ["", "scope", "thread", "trace_id", "span_id"];

#[derive(Debug)]
struct Name {
    text: &'static str,
    values: AtomicUsize,
}

#[derive(Debug)]
struct Value {
    name: &'static Name,
    text: Box<str>,
}

/// Labels in force together. Never freed, so a handler may keep its address.
#[derive(Debug)]
pub(crate) struct LabelSet {
    base: Option<&'static Self>,
    /// What was given beyond those of the base.
    own: Vec<&'static Value>,
    /// Those of the base too; each name once, in order.
    all: Vec<(&'static str, &'static str)>,
}

static NAMES: Chains<Name, 64> = Chains::new();
static VALUES: Chains<Value, 1_024> = Chains::new();
static SETS: Chains<LabelSet, 1_024> = Chains::new();

impl LabelSet {
    /// Names and values, by name.
    #[allow(dead_code, reason = "read where stacks are sampled")]
    pub(crate) fn all(&self) -> &[(&'static str, &'static str)] {
        &self.all
    }
}

/// `base` with further labels, which win over its own; and how many could not be kept.
///
/// PERF: takes no lock; known labels are found without an allocation.
pub(crate) fn extend<'a>(
    base: Option<&'static LabelSet>,
    labels: impl IntoIterator<Item = (&'static str, &'a str)>,
) -> (Option<&'static LabelSet>, usize) {
    let mut lost = 0;
    let mut own = [None; MAX_LABELS];
    let mut count = 0;
    for (name, text) in labels {
        match value(name, text, &mut lost) {
            Some(value) if count < MAX_LABELS => {
                own[count] = Some(value);
                count += 1;
            }
            _ => lost += 1,
        }
    }
    if count == 0 {
        return (base, lost);
    }
    let own = || own.iter().copied().flatten();
    let address = |value: &'static Value| std::ptr::from_ref(value).addr() as u64;
    let base_address = base.map_or(0, |base| std::ptr::from_ref(base).addr());
    let hash = hash_words(std::iter::once(base_address as u64).chain(own().map(address)));
    let is_base = |set: &LabelSet| set.base.map_or(0, |base| std::ptr::from_ref(base).addr()) == base_address;
    let is_it = |set: &LabelSet| {
        is_base(set) && set.own.iter().copied().map(std::ptr::from_ref).eq(own().map(std::ptr::from_ref))
    };
    if let Some(set) = SETS.find(hash, is_it) {
        return (Some(set), lost);
    }
    if SETS.count() >= MAX_SETS {
        return (base, lost + count);
    }
    let mut all: Vec<(&'static str, &'static str)> = base.map_or_else(Vec::new, |base| base.all.clone());
    for value in own() {
        all.retain(|(name, _)| *name != value.name.text);
        all.push((value.name.text, &value.text));
    }
    all.sort_unstable();
    (Some(SETS.find_or_add(hash, LabelSet { base, own: own().collect(), all }, is_it).0), lost)
}

/// `None`: the name cannot be kept.
fn value(name: &'static str, text: &str, lost: &mut usize) -> Option<&'static Value> {
    let end = (0..=text.len().min(MAX_VALUE_BYTES)).rev().find(|at| text.is_char_boundary(*at));
    let text = &text[..end.unwrap_or(0)];
    let hash_of = |text: &str| hash_texts(&[name, text]);
    let is = |value: &Value, text: &str| value.name.text == name && *value.text == *text;
    let hash = hash_of(text);
    if let Some(value) = VALUES.find(hash, |value| is(value, text)) {
        return Some(value);
    }
    let name = name_of(name)?;
    if name.values.fetch_add(1, Relaxed) < MAX_VALUES {
        let (value, is_new) = VALUES.find_or_add(hash, Value { name, text: text.into() }, |value| is(value, text));
        if !is_new {
            name.values.fetch_sub(1, Relaxed);
        }
        return Some(value);
    }
    name.values.fetch_sub(1, Relaxed);
    *lost += 1;
    let hash = hash_of(OTHER);
    let other = VALUES.find(hash, |value| is(value, OTHER));
    Some(
        other.unwrap_or_else(|| {
            VALUES.find_or_add(hash, Value { name, text: OTHER.into() }, |value| is(value, OTHER)).0
        }),
    )
}

fn name_of(text: &'static str) -> Option<&'static Name> {
    let hash = hash_texts(&[text]);
    let is_it = |name: &Name| name.text == text;
    if let Some(name) = NAMES.find(hash, is_it) {
        return Some(name);
    }
    if RESERVED.contains(&text) || text.len() > MAX_NAME_BYTES || NAMES.count() >= MAX_NAMES {
        return None;
    }
    Some(NAMES.find_or_add(hash, Name { text, values: AtomicUsize::new(0) }, is_it).0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(set: Option<&'static LabelSet>) -> Vec<(&'static str, &'static str)> {
        set.map(|set| set.all().to_vec()).unwrap_or_default()
    }

    #[test]
    fn equal_labels_are_one_set_and_inner_ones_win() {
        let (outer, _) = extend(None, [("test_tenant", "acme"), ("test_route", "/a")]);
        let (again, _) = extend(None, [("test_tenant", "acme"), ("test_route", "/a")]);
        assert!(std::ptr::eq(outer.unwrap(), again.unwrap()));
        let (inner, lost) = extend(outer, [("test_route", "/b")]);
        assert_eq!((all(inner), lost), (vec![("test_route", "/b"), ("test_tenant", "acme")], 0));
        assert_eq!(extend(outer, []).0.map(std::ptr::from_ref), outer.map(std::ptr::from_ref));
    }

    #[test]
    fn values_beyond_the_limit_are_one() {
        let of = |n: usize| extend(None, [("test_user", n.to_string().as_str())]);
        let values: std::collections::HashSet<_> = (0..5_000).map(|n| all(of(n).0)).collect();
        assert_eq!(values.len(), MAX_VALUES + 1);
        assert_eq!((all(of(9_999).0), of(9_999).1), (vec![("test_user", OTHER)], 1));
        assert_eq!((all(of(3).0), of(3).1), (vec![("test_user", "3")], 0));
    }

    #[test]
    fn names_that_samples_have_anyway_are_refused_and_long_values_cut() {
        assert_eq!(extend(None, [("scope", "a"), ("", "b")]).1, 2);
        let (set, lost) = extend(None, [("test_long", "ä".repeat(100).as_str())]);
        assert_eq!((all(set)[0].1, lost), ("ä".repeat(64).as_str(), 0));
    }

    #[test]
    fn threads_agree_on_a_set() {
        let find = || -> Vec<usize> {
            let set = |n: u32| extend(None, [("test_shared", (n % 50).to_string().as_str())]).0.unwrap();
            (0..500).map(|n| std::ptr::from_ref(set(n)).addr()).collect()
        };
        let seen: Vec<_> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..4).map(|_| scope.spawn(find)).collect();
            workers.into_iter().map(|worker| worker.join().unwrap()).collect()
        });
        assert!(seen.windows(2).all(|pair| pair[0] == pair[1]));
    }
}
