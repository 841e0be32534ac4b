//! Collects the live heap by stack.

use std::collections::HashMap;

use super::code::Names;
use crate::base::sort;
use crate::memory;
use crate::record::Node;
use crate::scope::Site;
use crate::snapshot::{Code, Frame, HeapStack, HeapStacks, Live};
use crate::stacks::{self, Image};

/// Keyed by the sites of the scope, and by addresses.
type Sums = HashMap<(Vec<usize>, Vec<u64>), (Vec<&'static Site>, Live)>;

/// Sums at one moment, without names.
#[derive(Clone, Debug)]
pub(crate) struct HeapStacksNow {
    sums: Sums,
    images: Vec<Image>,
}

impl HeapStacksNow {
    /// `None` if stacks or the heap are not sampled.
    pub(crate) fn take() -> Option<Self> {
        memory::uncounted(|| {
            memory::sample_bytes()?;
            let images = stacks::images()?;
            let mut sums = Sums::new();
            for at in memory::at_stacks() {
                let mut sites: Vec<&'static Site> =
                    std::iter::successors(at.path.map(Node::at), |node| node.parent()).filter_map(Node::site).collect();
                sites.reverse();
                let key = sites.iter().map(|site| std::ptr::from_ref(*site).addr()).collect();
                // Each thread has its own paths, so equal ones are added up.
                let (_, live) = sums.entry((key, at.frames)).or_insert_with(|| (sites, Live::default()));
                live.bytes += at.held.bytes;
                live.objects += at.held.objects.round() as u64;
                live.allocated_bytes += at.held.allocated_bytes;
                live.allocated_objects += at.held.allocated_objects.round() as u64;
            }
            Some(Self { sums, images })
        })
    }

    /// The addresses of all stacks.
    #[cfg(feature = "flight")]
    pub(super) fn frames(&self) -> impl Iterator<Item = &[u64]> {
        self.sums.keys().map(|(_, frames)| frames.as_slice())
    }

    /// Adds the functions at the addresses, or the addresses only.
    pub(crate) fn resolve(self, names: Names) -> HeapStacks {
        memory::uncounted(|| {
            let all = self.sums.iter().map(|((_, frames), (_, live))| (&**frames, [live.bytes, live.allocated_bytes]));
            let (code, numbers) = Code::of(&self.images, all, names);
            let stacks = self.sums.into_iter().map(|((_, frames), (sites, live))| {
                let mut addresses: Vec<u32> = frames.iter().filter_map(|frame| numbers.get(frame).copied()).collect();
                addresses.drain(..allocators(&code, &addresses));
                HeapStack { scope: sites.into_iter().map(Frame::of).collect(), addresses, live }
            });
            let mut stacks: Vec<HeapStack> = stacks.collect();
            sort::sort_by(&mut stacks, |a, b| (&a.scope, &a.addresses).cmp(&(&b.scope, &b.addresses)));
            HeapStacks { stacks, code, lost: memory::lost_stacks() }
        })
    }
}

impl HeapStacks {
    /// The live heap by stack up to now. `None` if stacks or the live heap are not sampled.
    ///
    /// **Cost.** As for [`CpuProfile::take`](crate::snapshot::CpuProfile::take).
    #[must_use]
    pub fn take() -> Option<Self> {
        HeapStacksNow::take().map(|now| now.resolve(Names::LookedUp))
    }
}

/// The number of innermost frames that belong to the allocator and to this crate.
fn allocators(code: &Code, addresses: &[u32]) -> usize {
    /// The hooks and jemalloc have no more frames than this.
    const MOST: usize = 20;
    // Decided by the outermost function at an address: an allocator that was inlined is at the
    // address of its caller.
    let is_allocator = |number: &u32| {
        let lines = code.addresses.get(*number as usize).and_then(|address| address.lines.last());
        lines.is_some_and(|line| {
            let name = line.function.as_str();
            let parts = ["perf_sdk::memory::", "GlobalAlloc>::", "__rust_alloc", "__rust_realloc"];
            name.starts_with("_rjem_") || parts.iter().any(|part| name.contains(part))
        })
    };
    addresses.iter().take(MOST).rposition(is_allocator).map_or(0, |last| last + 1)
}
