//! Sampled stacks as their readers see them.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Code, Frame};
use crate::stacks::{Image, Key, Seen, Stacks};
use crate::trace::TraceContext;

/// Where a thread was.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) scope: Vec<Frame>,
    pub(super) thread: String,
    pub(super) labels: Vec<(String, String)>,
    pub(super) addresses: Vec<u32>,
    pub(super) is_cut: bool,
    pub(super) trace: Option<TraceContext>,
}

/// All places, in order, with what was seen there, and the code at their addresses.
pub(super) fn places(stacks: &Stacks, images: &[Image]) -> (Code, Vec<(Place, Seen)>) {
    let (code, numbers) = Code::of(images, stacks.stacks.keys().flat_map(|key| key.frames.iter().copied()));
    let scopes: Vec<Vec<Frame>> =
        stacks.scopes.iter().map(|sites| sites.iter().map(|site| Frame::of(site)).collect()).collect();
    let texts = |labels: &&[(&str, &str)]| -> Vec<(String, String)> {
        labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let labels: Vec<Vec<(String, String)>> = stacks.labels.iter().map(texts).collect();
    let place = |key: &Key, trace| Place {
        scope: scopes.get(key.scope as usize).cloned().unwrap_or_default(),
        thread: stacks.threads.get(key.thread as usize).cloned().unwrap_or_default(),
        labels: labels.get(key.labels as usize).cloned().unwrap_or_default(),
        addresses: key.frames.iter().filter_map(|address| numbers.get(address).copied()).collect(),
        is_cut: key.is_cut,
        trace,
    };
    // What was within spans is told apart, and the rest is what remains.
    let mut in_spans: HashMap<(&Arc<Key>, [u64; 3]), Seen> = HashMap::new();
    let mut rest = stacks.stacks.clone();
    for sample in &stacks.in_spans {
        if let Some(left) = rest.get_mut(&sample.key).filter(|left| left.samples > 0) {
            *left = left.less(sample.seen);
            in_spans.entry((&sample.key, sample.span)).or_default().add(sample.seen);
        }
    }
    let in_spans = in_spans.iter().map(|((key, span), seen)| (place(key, Some(TraceContext::of_words(*span))), *seen));
    let rest = rest.iter().filter(|(_, seen)| seen.samples > 0).map(|(key, seen)| (place(key, None), *seen));
    let mut all: Vec<(Place, Seen)> = rest.chain(in_spans).collect();
    all.sort_unstable();
    (code, all)
}
