//! Sets of labels that the program attaches to a scope or a task. The number of different sets is
//! limited, and they are never freed.

use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::bounded::beginning;
use super::chains::{Chains, hash_texts, hash_words};

/// The maximum number of labels in a set.
pub(crate) const MAX_LABELS: usize = 8;
/// The maximum number of label names.
const MAX_NAMES: usize = 32;
/// The maximum number of values of a name. Further ones become [`OTHER`], so that values made from
/// data cannot exhaust memory.
const MAX_VALUES: usize = 256;
/// The maximum number of label sets.
const MAX_SETS: usize = 4_096;
const MAX_NAME_BYTES: usize = 64;
/// The maximum length of a value. Longer ones are cut.
const MAX_VALUE_BYTES: usize = 128;
const OTHER: &str = "(other)";
/// Names that samples use themselves.
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

/// Labels that are in effect together. Never freed, so a signal handler may keep its address.
#[derive(Debug)]
pub(crate) struct LabelSet {
    /// One value for each name, ordered by the address of the name.
    values: Vec<&'static Value>,
    /// The same labels as texts, ordered by name.
    all: Vec<(&'static str, &'static str)>,
}

/// A set under construction: one value for each name, ordered by the address of the name.
struct Values {
    values: [Option<&'static Value>; MAX_NAMES],
    count: usize,
}

impl Values {
    fn of(base: Option<&'static LabelSet>) -> Self {
        let mut values = [None; MAX_NAMES];
        let base = base.map_or(&[][..], |base| &base.values);
        for (place, value) in values.iter_mut().zip(base) {
            *place = Some(*value);
        }
        Self { values, count: base.len() }
    }

    fn each(&self) -> impl Iterator<Item = &'static Value> + Clone + '_ {
        self.values[..self.count].iter().copied().flatten()
    }

    /// `false` if there is no room. Callers reject names beyond the maximum before this.
    fn put(&mut self, value: &'static Value) -> bool {
        let address = |value: &'static Value| ptr::from_ref(value.name).addr();
        let at = self.each().position(|known| address(known) >= address(value)).unwrap_or(self.count);
        if self.each().nth(at).is_some_and(|known| ptr::eq(known.name, value.name)) {
            self.values[at] = Some(value);
            return true;
        }
        if self.count == MAX_NAMES {
            return false;
        }
        self.values[at..=self.count].rotate_right(1);
        self.values[at] = Some(value);
        self.count += 1;
        true
    }
}

static NAMES: Chains<Name, 64> = Chains::new();
static VALUES: Chains<Value, 1_024> = Chains::new();
static SETS: Chains<LabelSet, 1_024> = Chains::new();

impl LabelSet {
    /// Names and values, ordered by name.
    #[allow(dead_code, reason = "read where stacks are sampled")]
    pub(crate) fn all(&self) -> &[(&'static str, &'static str)] {
        &self.all
    }
}

/// `base` with additional labels, which take precedence over its own. Also returns the number of
/// labels that could not be kept.
///
/// PERF: takes no lock, and finds known labels without an allocation.
pub(crate) fn extend<'a>(
    base: Option<&'static LabelSet>,
    labels: impl IntoIterator<Item = (&'static str, &'a str)>,
) -> (Option<&'static LabelSet>, usize) {
    let (mut lost, mut given) = (0, 0);
    let mut values = Values::of(base);
    for (name, text) in labels {
        match value(name, text, &mut lost) {
            Some(value) if values.put(value) => given += 1,
            _ => lost += 1,
        }
    }
    if given == 0 {
        return (base, lost);
    }
    let hash = hash_words(values.each().map(|value| ptr::from_ref(value).addr() as u64));
    // Equal labels are the same set, in whatever order they were added.
    let is_it = |set: &LabelSet| set.values.iter().copied().map(ptr::from_ref).eq(values.each().map(ptr::from_ref));
    if let Some(set) = SETS.find(hash, is_it) {
        return (Some(set), lost);
    }
    if SETS.count() >= MAX_SETS {
        return (base, lost + given);
    }
    let mut all: Vec<_> = values.each().map(|value| (value.name.text, &*value.text)).collect();
    all.sort_unstable();
    (Some(SETS.find_or_add(hash, LabelSet { values: values.each().collect(), all }, is_it).0), lost)
}

/// The value of a name. `None` if the name cannot be kept.
fn value(name: &'static str, text: &str, lost: &mut usize) -> Option<&'static Value> {
    let text = beginning(text, MAX_VALUE_BYTES);
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
    fn the_same_labels_are_one_set_in_whatever_order_they_were_added() {
        let mut set = None;
        const ROUNDS: usize = if cfg!(miri) { 20 } else { 2 * MAX_SETS };
        for round in 0..ROUNDS {
            let value = if round % 2 == 0 { "a" } else { "b" };
            set = extend(set, [("test_job", value)]).0;
            set = extend(set, [("test_step", "1")]).0;
        }
        assert_eq!(all(set), [("test_job", "b"), ("test_step", "1")]);
        let other_way = extend(extend(None, [("test_step", "1")]).0, [("test_job", "b")]).0;
        assert!(ptr::eq(set.unwrap(), other_way.unwrap()));
        assert_eq!(all(extend(None, [("test_job", "a"), ("test_job", "b"), ("test_step", "1")]).0), all(set));
    }

    #[test]
    #[cfg_attr(miri, ignore = "as many values as there may be; those of few are in another test")]
    fn values_beyond_the_limit_are_one() {
        let of = |n: usize| extend(None, [("test_user", n.to_string().as_str())]);
        const USERS: usize = if cfg!(miri) { MAX_VALUES + 4 } else { 5_000 };
        let values: std::collections::HashSet<_> = (0..USERS).map(|n| all(of(n).0)).collect();
        assert_eq!(values.len(), MAX_VALUES + 1);
        assert_eq!((all(of(9_999).0), of(9_999).1), (vec![("test_user", OTHER)], 1));
        assert_eq!((all(of(3).0), of(3).1), (vec![("test_user", "3")], 0));
    }

    #[test]
    fn reserved_names_are_refused_and_long_values_cut() {
        assert_eq!(extend(None, [("scope", "a"), ("", "b")]).1, 2);
        let (set, lost) = extend(None, [("test_long", "ä".repeat(100).as_str())]);
        assert_eq!((all(set)[0].1, lost), ("ä".repeat(64).as_str(), 0));
    }

    #[test]
    fn threads_agree_on_a_set() {
        let find = || -> Vec<usize> {
            let set = |n: u32| extend(None, [("test_shared", (n % 50).to_string().as_str())]).0.unwrap();
            (0..if cfg!(miri) { 20 } else { 500 }).map(|n| std::ptr::from_ref(set(n)).addr()).collect()
        };
        let seen: Vec<_> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..4).map(|_| scope.spawn(find)).collect();
            workers.into_iter().map(|worker| worker.join().unwrap()).collect()
        });
        assert!(seen.windows(2).all(|pair| pair[0] == pair[1]));
    }
}
