//! Profiles of consecutive windows of time, without gaps and without overlap.

use std::time::{SystemTime, UNIX_EPOCH};

use super::backlog::Item;
use crate::collect::Window;
#[cfg(feature = "heap")]
use crate::collect::{HeapStacksNow, Names};
use crate::export::pprof;
#[cfg(feature = "heap")]
use crate::export::pprof::Allocated;
use crate::memory;
#[cfg(feature = "heap")]
use crate::snapshot::{HeapStacks, Snapshot};
use crate::stacks;

/// The subject of a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Cpu,
    #[cfg(feature = "heap")]
    Heap,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            #[cfg(feature = "heap")]
            Self::Heap => "heap",
        }
    }
}

/// A finished profile.
#[derive(Clone, Debug)]
pub(super) struct Profile {
    pub(super) kind: Kind,
    pub(super) from_unix_ns: u64,
    pub(super) until_unix_ns: u64,
    /// As `profile.proto`, gzipped.
    pub(super) body: Vec<u8>,
}

impl Item for Profile {
    fn bytes(&self) -> usize {
        self.body.len()
    }
}

/// The window that is open now.
#[derive(Debug)]
pub(super) struct Windows {
    cpu: Option<Window>,
    #[cfg(feature = "heap")]
    allocated: Option<Allocated>,
    from_unix_ns: u64,
}

impl Windows {
    pub(super) fn open() -> Self {
        Self {
            // Read before the steps below, which take time.
            from_unix_ns: now(),
            cpu: window(),
            #[cfg(feature = "heap")]
            allocated: memory::uncounted(|| {
                let (snapshot, stacks) = heap()?;
                Some(Allocated::of(&snapshot, stacks.as_ref()))
            }),
        }
    }

    /// Ends the current window, returns its profiles, and begins the next one. A window without CPU
    /// time has no CPU profile.
    ///
    /// For each kind that is not sampled, the reason is added to `missing`.
    pub(super) fn turn(&mut self, missing: &mut Vec<String>) -> Vec<Profile> {
        memory::uncounted(|| {
            let until_unix_ns = now();
            let from_unix_ns = std::mem::replace(&mut self.from_unix_ns, until_unix_ns);
            let profile = |kind, body| Profile { kind, from_unix_ns, until_unix_ns, body };
            let mut profiles = Vec::new();
            let cpu = self.cpu.as_mut().and_then(Window::turn);
            if cpu.is_none() {
                // Sampling may have begun meanwhile.
                self.cpu = window();
                missing.push(format!("no profile of CPU time: stack sampling: {}", stacks::state()));
            }
            if let Some(cpu) = cpu.filter(|cpu| cpu.samples > 0) {
                let cpu = cpu.without_trace_ids();
                let mut body = Vec::new();
                match pprof::write_cpu(&cpu, &mut body) {
                    Ok(()) => profiles.push(profile(Kind::Cpu, body)),
                    Err(error) => missing.push(format!("no profile of CPU time: {error}")),
                }
            }
            #[cfg(feature = "heap")]
            if let Some((snapshot, stacks)) = heap() {
                let before = self.allocated.replace(Allocated::of(&snapshot, stacks.as_ref()));
                let mut body = Vec::new();
                let before = before.unwrap_or_default();
                match pprof::write_heap_window(&snapshot, stacks.as_ref(), &before, &mut body) {
                    Ok(()) => profiles.push(profile(Kind::Heap, body)),
                    Err(error) => missing.push(format!("no profile of the heap: {error}")),
                }
            }
            profiles
        })
    }
}

/// A window at the rate of continuous sampling, or at the default rate if there is none.
fn window() -> Option<Window> {
    Window::open(stacks::always_hz())
}

/// The current heap. `None` if it is not sampled.
#[cfg(feature = "heap")]
fn heap() -> Option<(Snapshot, Option<HeapStacks>)> {
    let stacks = HeapStacksNow::take();
    let snapshot = crate::collect::take();
    snapshot.heap.as_ref()?;
    Some((snapshot, stacks.map(|stacks| stacks.resolve(Names::LookedUp))))
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos() as u64)
}
