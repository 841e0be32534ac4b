//! The functions in which the program's work begins: what people ask about first.

use std::collections::HashMap;
use std::iter::successors;
use std::time::{Duration, Instant};

use crate::base::fork::Lock;
use crate::memory;
use crate::record;

/// How many there are at most.
const MOST: usize = 6;
/// How long a choice stands.
const STANDS_FOR: Duration = Duration::from_secs(60);

/// Module and name of a function.
pub(crate) type Labelled = (&'static str, &'static str);

#[derive(Debug, Default)]
struct Choice {
    at: Option<Instant>,
    chosen: Vec<Labelled>,
}

/// A forked child has the functions of its parent until it chooses anew.
static CHOICE: Lock<Choice> = Lock::new(Choice { at: None, chosen: Vec::new() });

/// The functions that are marked as roots; without any, those that nobody calls. Of these the ones
/// with most time, the first at most, in the order of their names.
///
/// **Cost.** A pass over all nodes of the call tree, once a minute.
pub(crate) fn entries() -> Vec<Labelled> {
    let known = {
        let choice = CHOICE.lock();
        let is_fresh = choice.at.is_some_and(|at| at.elapsed() < STANDS_FOR);
        (is_fresh && !choice.chosen.is_empty()).then(|| choice.chosen.clone())
    };
    known.unwrap_or_else(|| {
        let chosen = memory::uncounted(choose);
        *CHOICE.lock() = Choice { at: Some(Instant::now()), chosen: chosen.clone() };
        chosen
    })
}

fn choose() -> Vec<Labelled> {
    // Of each function: whether it is marked, and its time in ticks.
    let mut found: HashMap<Labelled, (bool, i64)> = HashMap::new();
    for record in record::records() {
        for node in successors(record.newest_node(), |node| node.older()) {
            let Some(site) = node.site() else { continue };
            let is_outermost = node.parent().is_none_or(|parent| parent.site().is_none());
            if is_outermost || site.is_root() {
                let label = site.label();
                let (is_root, ticks) = found.entry((&label.module, &label.name)).or_default();
                *is_root |= site.is_root();
                *ticks = ticks.saturating_add(node.sums.wall.get_signed());
            }
        }
    }
    let has_roots = found.values().any(|(is_root, _)| *is_root);
    let mut all: Vec<(Labelled, i64)> = found
        .into_iter()
        .filter(|(_, (is_root, _))| *is_root || !has_roots)
        .map(|(label, (_, ticks))| (label, ticks))
        .collect();
    all.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    let mut chosen: Vec<Labelled> = all.into_iter().take(MOST).map(|(label, _)| label).collect();
    chosen.sort_unstable();
    chosen
}
