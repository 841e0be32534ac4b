//! Converts sampled stacks to the form of profiles.

use std::collections::{HashMap, HashSet};
use std::iter::successors;
use std::ptr;
use std::sync::Arc;

use super::code::Names;
use crate::record;
use crate::scope::Site;
use crate::snapshot::{Code, Frame, SampledStack};
use crate::stacks::{Image, Key, Seen, Stacks};
use crate::trace::TraceContext;

/// The position of a thread in a sample.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) scope: Vec<Frame>,
    pub(super) thread: String,
    pub(super) labels: Vec<(String, String)>,
    pub(super) addresses: Vec<u32>,
    pub(super) is_cut: bool,
    pub(super) trace: Option<TraceContext>,
}

/// All positions, sorted, with their sums, and the code at their addresses.
pub(super) fn places(stacks: &Stacks, images: &[Image], names: Names) -> (Code, Vec<(Place, Seen)>) {
    let (code, all) = keyed(stacks, images, names);
    (code, all.into_iter().map(|(place, seen, _)| (place, seen)).collect())
}

/// A place, what was seen there, and the stack whose place it is.
pub(super) type Keyed<'a> = (Place, Seen, &'a Arc<Key>);

/// As [`places`], each with the stack whose place it is.
pub(super) fn keyed<'a>(stacks: &'a Stacks, images: &[Image], names: Names) -> (Code, Vec<Keyed<'a>>) {
    let all = stacks.stacks.iter().map(|(key, seen)| (&*key.frames, [seen.samples]));
    let (mut code, numbers) = Code::of(images, all, names);
    let scopes: Vec<Vec<Frame>> =
        stacks.scopes.iter().map(|sites| sites.iter().map(|site| Frame::of(site)).collect()).collect();
    let texts = |labels: &&[(&str, &str)]| -> Vec<(String, String)> {
        labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let labels: Vec<Vec<(String, String)>> = stacks.labels.iter().map(texts).collect();
    let mut futures = Futures::of(&code);
    let mut place = |key: &Key, trace| Place {
        scope: scopes.get(key.scope as usize).cloned().unwrap_or_default(),
        thread: stacks.threads.get(key.thread as usize).cloned().unwrap_or_default(),
        labels: labels.get(key.labels as usize).cloned().unwrap_or_default(),
        addresses: {
            let addresses = key.frames.iter().filter_map(|address| numbers.get(address).copied()).collect();
            futures.name(addresses, stacks.scopes.get(key.scope as usize).map_or(&[], Vec::as_slice), &mut code)
        },
        is_cut: key.is_cut,
        trace,
    };
    // Samples within spans are separate entries, and the others are the remainder.
    let mut in_spans: HashMap<(&Arc<Key>, [u64; 3]), Seen> = HashMap::new();
    let mut rest = stacks.stacks.clone();
    for sample in &stacks.in_spans {
        if let Some(left) = rest.get_mut(&sample.key).filter(|left| left.samples > 0) {
            *left = left.less(sample.seen);
            in_spans.entry((&sample.key, sample.span)).or_default().add(sample.seen);
        }
    }
    let rest = rest.iter().filter(|(_, seen)| seen.samples > 0).map(|(key, seen)| (key, None, *seen));
    let in_spans = in_spans.iter().map(|((key, span), seen)| (*key, Some(TraceContext::of_words(*span)), *seen));
    let mut all: Vec<Keyed<'_>> = Vec::with_capacity(stacks.stacks.len());
    for (key, trace, seen) in rest.chain(in_spans) {
        // `rest` is a copy with the same keys.
        if let Some((key, _)) = stacks.stacks.get_key_value(key) {
            all.push((place(key, trace), seen, key));
        }
    }
    all.sort_unstable_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
    (code, all)
}

/// A place with what was seen there.
pub(super) fn stack((place, seen): (Place, Seen)) -> SampledStack {
    SampledStack {
        scope: place.scope,
        thread: place.thread,
        labels: place.labels,
        trace: place.trace,
        addresses: place.addresses,
        is_cut: place.is_cut,
        samples: seen.samples,
        time_ns: seen.ns,
        off_cpu_ns: seen.off_ns,
    }
}

/// Names for measured futures when there is no debug information. Then the code of a future is
/// inlined into the `poll` of its wrapper, whose name is the same for all futures. The scopes show
/// which one it was.
struct Futures {
    /// Addresses of which nothing else is known.
    polls: HashSet<u32>,
    /// The sites of functions that return futures; determined on first use.
    sites: Option<HashSet<*const Site>>,
    /// The index of an address with the name of a function.
    named: HashMap<(u32, *const Site), u32>,
}

impl Futures {
    fn of(code: &Code) -> Self {
        let polls = (0..).zip(&code.addresses).filter(|(_, address)| match &address.lines[..] {
            [line] => line.file.is_empty() && is_poll(&line.function),
            _ => false,
        });
        Self { polls: polls.map(|(number, _)| number).collect(), sites: None, named: HashMap::new() }
    }

    /// The same addresses, innermost first, with those of futures renamed to their functions. The
    /// innermost one gets the name of the innermost scope. If several were inlined into one, that
    /// one stands for the innermost of them.
    fn name(&mut self, mut addresses: Vec<u32>, scope: &[&'static Site], code: &mut Code) -> Vec<u32> {
        if self.polls.is_empty() || !addresses.iter().any(|number| self.polls.contains(number)) {
            return addresses;
        }
        let sites = self.sites.get_or_insert_with(|| {
            let shards = record::records()
                .flat_map(|record| successors(record.newest_shard(), |shard| shard.older()))
                .filter(|shard| shard.future().is_some());
            shards.map(|shard| ptr::from_ref(shard.site)).collect()
        });
        let mut futures = scope.iter().rev().filter(|site| sites.contains(&ptr::from_ref(**site)));
        for number in addresses.iter_mut().filter(|number| self.polls.contains(number)) {
            let Some(site) = futures.next() else { break };
            *number = *self.named.entry((*number, ptr::from_ref(*site))).or_insert_with(|| code.named(*number, site));
        }
        addresses
    }
}

/// Whether this is the name of the function that polls a measured future.
fn is_poll(function: &str) -> bool {
    function.starts_with("<perf_sdk::record::call::future::Profiled<") && function.ends_with(">::poll")
}
