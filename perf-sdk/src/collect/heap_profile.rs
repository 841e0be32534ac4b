//! Collects the profile of the live heap over time.

use crate::base::sort;
use crate::clock;
use crate::memory;
use crate::record::{self, Node};
use crate::snapshot::{Frame, HeapPath, HeapProfile};

impl HeapProfile {
    /// The profile up to now. `None` if the live heap is not sampled.
    ///
    /// **Cost.** As for a snapshot, without histograms.
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
            // Each thread has its own paths, so equal ones are added up.
            let mut known: std::collections::HashMap<Vec<Frame>, usize> = std::collections::HashMap::new();
            for (path, held, past) in past {
                let mut frames: Vec<Frame> = std::iter::successors(path.map(Node::at), |node| node.parent())
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
                // An upper bound, because threads need not have reached their high-water marks at
                // the same time.
                path.max_bytes += past.most_bytes;
                path.max_objects += past.most_objects;
                path.peak_bytes += past.peak_bytes;
                path.peak_objects += past.peak_objects;
                path.live_bytes += held.bytes;
                path.live_objects += held.objects;
            }
            sort::sort_by_key(&mut profile.paths, |path| std::cmp::Reverse(path.total_bytes));
            Some(profile)
        })
    }
}
