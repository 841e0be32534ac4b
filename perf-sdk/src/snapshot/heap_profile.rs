//! Who allocated, held the most and for how long.

use super::Frame;
use crate::clock;
use crate::memory;
use crate::record::{self, Node};

/// What was allocated on one path of callers: an estimate from sampled allocations, in usable sizes.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct HeapPath {
    /// From the outermost caller to the function that allocated; none where no profiled scope did.
    pub frames: Vec<Frame>,
    /// Allocated since sampling began.
    pub total_bytes: u64,
    /// Likewise.
    pub total_objects: f64,
    /// How long these lived, seconds, summed over all of them; those that live, up to now.
    pub lifetime_s: f64,
    /// The most that was held at a time.
    pub max_bytes: u64,
    /// Likewise.
    pub max_objects: f64,
    /// Held when all paths together held the most.
    pub peak_bytes: u64,
    /// Likewise.
    pub peak_objects: f64,
    /// Held now.
    pub live_bytes: u64,
    /// Likewise.
    pub live_objects: f64,
}

/// The heap over time, by call path.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct HeapProfile {
    /// Since recording began, nanoseconds.
    pub window_ns: u64,
    /// When all paths together held the most, since recording began. Looked for once a leak window and at each profile only.
    pub peak_at_ns: u64,
    /// One allocation in so many bytes is sampled, in the mean.
    pub sample_bytes: u64,
    /// By path, each once.
    pub paths: Vec<HeapPath>,
}

impl HeapProfile {
    /// What was recorded up to now; `None` where the live heap is not sampled.
    ///
    /// **Cost.** As a snapshot, without histograms.
    #[must_use]
    pub fn take() -> Option<Self> {
        memory::uncounted(|| {
            let sample_bytes = memory::sample_bytes()?;
            let (past, peak_at) = memory::past();
            let wall = clock::wall();
            let since_began = |ticks: u64| wall.ns(ticks.saturating_sub(record::began()));
            let mut profile = Self {
                window_ns: since_began(wall.ticks()),
                peak_at_ns: since_began(peak_at),
                sample_bytes,
                paths: Vec::new(),
            };
            // Each thread has paths of its own.
            let mut known: std::collections::HashMap<Vec<Frame>, usize> = std::collections::HashMap::new();
            for (path, held, past) in past {
                let mut frames: Vec<Frame> = std::iter::successors(Node::of(path), |node| node.parent())
                    .filter_map(Node::site)
                    .map(Frame::of)
                    .collect();
                frames.reverse();
                let at = *known.entry(frames).or_insert_with_key(|frames| {
                    profile.paths.push(HeapPath { frames: frames.clone(), ..HeapPath::default() });
                    profile.paths.len() - 1
                });
                let path = &mut profile.paths[at];
                path.total_bytes += held.allocated_bytes;
                path.total_objects += held.allocated_objects;
                path.lifetime_s += past.lived_s;
                // Threads need not have held the most at the same time.
                path.max_bytes += past.most_bytes;
                path.max_objects += past.most_objects;
                path.peak_bytes += past.peak_bytes;
                path.peak_objects += past.peak_objects;
                path.live_bytes += held.bytes;
                path.live_objects += held.objects;
            }
            profile.paths.sort_by_key(|path| std::cmp::Reverse(path.total_bytes));
            Some(profile)
        })
    }
}
