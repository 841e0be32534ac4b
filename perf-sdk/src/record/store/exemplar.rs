//! Exemplars: the trace in which a call ran.
#![allow(unsafe_code)]

use std::mem;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release, fence};
use std::time::{SystemTime, UNIX_EPOCH};

use super::arena::Zeroed;
use super::counter::Counter;
use crate::histogram::SECONDS_LE;
use crate::snapshot::Exemplar;
use crate::trace::TraceHook;

/// An exemplar is replaced when it is older than this. So the hook is called once a second for each
/// bucket, thread and site.
const FRESH_NS: u64 = 1_000_000_000;

static HOOK: AtomicPtr<()> = AtomicPtr::new(ptr::null_mut());

/// Sets the hook that returns the trace of a profiled call, which is stored as the exemplar of the
/// call's latency bucket.
///
/// It is called at the end of a call, on the calling thread, at most about once a second for each
/// bucket of each function and thread. The layer of the feature `tracing` also calls it once for
/// each span, so that stack samples have the trace and span too. It must not block. A later call of
/// this function replaces the hook. Without a hook there are no exemplars.
pub fn set_trace_hook(hook: TraceHook) {
    HOOK.store(hook as *mut (), Release);
}

/// Costs one relaxed load if there is none.
#[inline]
pub(crate) fn hook() -> Option<TraceHook> {
    let hook = HOOK.load(Relaxed);
    if hook.is_null() {
        return None;
    }
    // SAFETY: it is not null, so it was stored from a `TraceHook` above.
    Some(unsafe { mem::transmute::<*mut (), TraceHook>(hook) })
}

#[derive(Debug)]
struct Slot {
    /// Odd while it is being written.
    sequence: AtomicU64,
    trace: [Counter; 2],
    span: Counter,
    value_ns: Counter,
    at_unix_ns: Counter,
    /// Ticks converted to nanoseconds, so that its age is known without a system call.
    at_ns: Counter,
}

/// One slot for each classic bucket, for one site on one thread.
#[derive(Debug)]
pub(crate) struct Exemplars {
    slots: [Slot; SECONDS_LE.len() + 1],
}

// SAFETY: counters only.
unsafe impl Zeroed for Exemplars {}

impl Exemplars {
    /// Owner only. Calls `hook` if the bucket's exemplar is too old.
    pub(in crate::record) fn note(&self, value_ns: u64, now_ns: u64, hook: TraceHook) {
        let bucket = SECONDS_LE.partition_point(|(le_ns, _)| *le_ns < value_ns);
        let slot = &self.slots[bucket];
        if slot.at_ns.get() != 0 && now_ns.wrapping_sub(slot.at_ns.get()) < FRESH_NS {
            return;
        }
        let Some(context) = hook() else { return };
        let sequence = slot.sequence.load(Relaxed);
        slot.sequence.store(sequence + 1, Relaxed);
        fence(Release);
        let trace = u128::from_be_bytes(context.trace_id);
        slot.trace[0].set((trace >> 64) as u64);
        slot.trace[1].set(trace as u64);
        slot.span.set(u64::from_be_bytes(context.span_id));
        slot.value_ns.set(value_ns);
        slot.at_unix_ns.set(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos() as u64));
        slot.at_ns.set(now_ns.max(1));
        slot.sequence.store(sequence + 2, Release);
    }

    /// The filled slots, with the index of their bucket. Slots that are being written are omitted.
    pub(crate) fn read(&self) -> impl Iterator<Item = (usize, Exemplar)> {
        self.slots.iter().enumerate().filter_map(|(bucket, slot)| {
            let sequence = slot.sequence.load(Acquire);
            if sequence == 0 || sequence % 2 == 1 {
                return None;
            }
            let trace = (u128::from(slot.trace[0].get()) << 64) | u128::from(slot.trace[1].get());
            let (span, value_ns, at_unix_ns) = (slot.span.get(), slot.value_ns.get(), slot.at_unix_ns.get());
            fence(Acquire);
            if slot.sequence.load(Relaxed) != sequence {
                return None;
            }
            let span_id = if span == 0 { String::new() } else { format!("{span:016x}") };
            Some((bucket, Exemplar { trace_id: format!("{trace:032x}"), span_id, value_ns, at_unix_ns }))
        })
    }
}
