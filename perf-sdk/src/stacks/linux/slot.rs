//! The data that the sampler and the signal handler share about one thread.
#![allow(unsafe_code)]

use std::ops::Range;
use std::ptr;

use super::super::handler_times;
use super::super::ring::{Ring, Words};
use super::super::sample::Facts;
use super::super::stack_counts::Labels;
use super::alternate_stack::Alternate;
use super::gate::Gate;
use super::handler_stacks;
use super::main_stack;
use super::own_stack;
use super::registers::Registers;
#[cfg(feature = "heap")]
use super::registers::here;
use super::unwind::End;
use super::walkers;
use crate::base::atomic::{
    AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
    Ordering::SeqCst,
};
use crate::clock;
use crate::scope::{CallPath, LabelSet, Scopes, Site, callers};

/// The maximum number of threads that are sampled at the same time.
pub(super) const MAX_SLOTS: usize = 1 << 10;
/// How far the stack of the process's first thread may grow below its known part. Nothing else is
/// there, unless it was placed there on purpose: the kernel leaves this much room (`mmap_base` in
/// `arch/x86/mm/mmap.c`, and similarly on other architectures).
const MAIN_REACH: u64 = 128 << 20;

/// No thread has the slot.
const NOBODY: u64 = u64::MAX;
/// Stored as the thread of a slot that must not be reused.
const BLOCKED: u32 = u32::MAX;

/// Slots are never freed. They pass from a thread that has ended to the next one.
static SLOTS: [AtomicPtr<Slot>; MAX_SLOTS] = [const { AtomicPtr::new(ptr::null_mut()) }; MAX_SLOTS];

/// Counts of one thread, which only increase. Written by its handler.
#[derive(Debug)]
pub(super) struct Counts {
    /// Samples for which the ring had no room, and the time for which they stood.
    pub(super) dropped: AtomicU64,
    pub(super) dropped_ns: AtomicU64,
    /// Ticks spent in the handler.
    pub(super) spent: AtomicU64,
    /// A histogram of handler durations: see [`handler_times::bucket`].
    pub(super) times: [AtomicU64; handler_times::BUCKETS],
}

/// One thread that is sampled.
pub(super) struct Slot {
    pub(super) number: u32,
    /// The kernel's id of the thread. 0: the slot is free. Written by the sampler.
    thread: AtomicU32,
    /// Whether it is the process's first thread.
    is_main: AtomicBool,
    /// Admits handlers. Signals of earlier threads' timers carry an earlier tenancy.
    gate: Gate,
    /// The thread pointer of the thread, which distinguishes it from earlier users of the slot. 0
    /// before the first signal.
    pointer: AtomicU64,
    /// The stack pointer of its last sample.
    stack_pointer: AtomicU64,
    /// The bounds of its stack; both are 0 if unknown. Written by its handler, and for the
    /// process's first thread by the sampler.
    stack: [AtomicU64; 2],
    /// An alternate signal stack for it: the lowest address, and the size.
    alternate: [AtomicU64; 2],
    /// Whether a handler has installed that stack.
    has_alternate: AtomicBool,
    /// Its open calls, if it made a profiled one. Written by the sampler.
    scopes: AtomicPtr<Scopes>,
    /// The CPU time for which a signal of its timer stands.
    period_ns: AtomicU64,
    /// The CPU time of the thread up to which its timer's signals stand. Written by its handler,
    /// and by the sampler while it sets the timer.
    covered_ns: AtomicU64,
    /// The page to which the kernel writes the thread's event. Null: it has a timer.
    page: AtomicPtr<u8>,
    /// The count of that event at the last sample. Owner only.
    counted: AtomicU64,
    pub(super) ring: Ring,
    pub(super) counts: Counts,
}

impl Slot {
    fn new(number: u32) -> Self {
        Self {
            number,
            thread: AtomicU32::new(0),
            is_main: AtomicBool::new(false),
            gate: Gate::new(),
            pointer: AtomicU64::new(0),
            stack_pointer: AtomicU64::new(0),
            stack: [const { AtomicU64::new(0) }; 2],
            alternate: [const { AtomicU64::new(0) }; 2],
            has_alternate: AtomicBool::new(false),
            scopes: AtomicPtr::new(ptr::null_mut()),
            period_ns: AtomicU64::new(0),
            covered_ns: AtomicU64::new(0),
            page: AtomicPtr::new(ptr::null_mut()),
            counted: AtomicU64::new(0),
            ring: Ring::new(),
            counts: Counts {
                dropped: AtomicU64::new(0),
                dropped_ns: AtomicU64::new(0),
                spent: AtomicU64::new(0),
                times: [const { AtomicU64::new(0) }; handler_times::BUCKETS],
            },
        }
    }

    pub(super) fn thread(&self) -> u32 {
        self.thread.load(SeqCst)
    }

    /// How often the slot was released. Signals of its timer carry this number.
    pub(super) fn tenancy(&self) -> u32 {
        self.gate.tenancy()
    }

    /// Sampler only: sets the page of the thread's event. `false` if a handler may still use the
    /// previous one, which must then stay mapped.
    pub(super) fn set_page(&self, page: *mut u8) -> bool {
        self.page.store(ptr::null_mut(), SeqCst);
        let left = self.wait_for_handlers();
        self.counted.store(0, Relaxed);
        self.page.store(page, SeqCst);
        left
    }

    fn wait_for_handlers(&self) -> bool {
        walkers::wait_until(|| self.gate.is_empty())
    }

    /// In the handler: runs `work` if the signal is for this slot, which cannot pass to another
    /// thread meanwhile. `tenancy` is the tenancy that the caller knows.
    pub(super) fn handle<T>(
        &self,
        tenancy: u32,
        is_meant: impl FnOnce() -> bool,
        work: impl FnOnce() -> T,
    ) -> Option<T> {
        let _inside = self.gate.enter(tenancy)?;
        is_meant().then(work)
    }

    /// In the handler, within [`handle`](Self::handle): the alternate signal stack for this thread.
    pub(super) fn take_alternate(&self) -> Option<[u64; 2]> {
        let [bytes, low] = [&self.alternate[1], &self.alternate[0]].map(|word| word.load(Acquire));
        if bytes == 0 {
            return None;
        }
        self.has_alternate.store(true, Relaxed);
        Some([low, bytes])
    }

    /// Sampler only, after the last handler: whether one has installed the alternate stack.
    pub(super) fn has_alternate(&self) -> bool {
        self.has_alternate.load(Relaxed)
    }

    /// In the handler, within [`handle`](Self::handle): the increase of the event's count since the
    /// last call. `read` reads it from its page.
    pub(super) fn counted_since(&self, read: impl FnOnce(*const u8) -> Option<u64>) -> Option<u64> {
        let page = self.page.load(SeqCst);
        let counted = if page.is_null() { None } else { read(page) };
        counted.map(|counted| counted.saturating_sub(self.counted.swap(counted, Relaxed)))
    }

    /// Sampler only.
    pub(super) fn set_scopes(&'static self, scopes: *const Scopes) {
        self.scopes.store(scopes.cast_mut(), Release);
        // SAFETY: null, or a record's first field, which is never freed.
        if let Some(scopes) = unsafe { scopes.as_ref() } {
            scopes.walker.store(ptr::from_ref(self).cast_mut().cast(), Release);
        }
    }

    /// Sampler only.
    pub(super) fn set_period_ns(&self, period_ns: u64) {
        self.period_ns.store(period_ns, Relaxed);
    }

    pub(super) fn period_ns(&self) -> u64 {
        self.period_ns.load(Relaxed)
    }

    /// In the handler, within [`handle`](Self::handle): the CPU time for which this many periods of
    /// the timer stand.
    pub(super) fn timed_ns(&self, periods: u64) -> u64 {
        let weight_ns = periods.saturating_mul(self.period_ns());
        self.covered_ns.store(self.covered_ns.load(Relaxed).wrapping_add(weight_ns), Relaxed);
        weight_ns
    }

    /// Sampler only.
    pub(super) fn set_covered_ns(&self, covered_ns: u64) {
        self.covered_ns.store(covered_ns, Relaxed);
    }

    pub(super) fn covered_ns(&self) -> u64 {
        self.covered_ns.load(Relaxed)
    }

    pub(super) fn has_stack(&self) -> bool {
        self.stack[1].load(Relaxed) != 0
    }

    fn is_main(&self) -> bool {
        self.is_main.load(Relaxed)
    }

    /// Sampler only: whether this is the process's first thread, it gave a sample, and its stack is
    /// unknown, or not known that far down, because it grows.
    pub(super) fn wants_stack(&self) -> bool {
        let [at, low] = [&self.stack_pointer, &self.stack[0]].map(|word| word.load(Relaxed));
        let is_beyond = || at < low && at >= low.saturating_sub(MAIN_REACH);
        at != 0 && self.is_main() && (!self.has_stack() || is_beyond())
    }

    /// Sampler only: finds the stack of the process's first thread, by `holding`, which returns the
    /// mapping of an address. The mapping also contains a few bytes of the kernel. It does not
    /// merge with others, because it grows by itself.
    pub(super) fn find_main_stack(&self, holding: impl Fn(u64) -> Option<[u64; 2]>) {
        if let Some([low, high]) = holding(main_stack::first_stack()) {
            self.set_stack(&(low..high));
        }
    }

    fn set_stack(&self, stack: &Range<u64>) {
        self.stack[0].store(stack.start, Relaxed);
        self.stack[1].store(stack.end, Release);
    }

    /// In the handler, or in a hook on the thread: its own stack.
    fn stack(&self) -> Option<Range<u64>> {
        // The upper bound is written last.
        let [high, low] = [&self.stack[1], &self.stack[0]].map(|bound| bound.load(Acquire));
        if high != 0 {
            return Some(low..high);
        }
        let own = own_stack::own_stack()?;
        self.set_stack(&own);
        Some(own)
    }

    /// In the handler, on the slot's thread: whether the slot belongs to it. `pointer` is the
    /// calling thread's.
    pub(super) fn is_of(&self, pointer: u64) -> bool {
        match self.pointer.compare_exchange(0, pointer, Relaxed, Relaxed) {
            Ok(_) => true,
            Err(owner) => owner == pointer,
        }
    }

    /// The slot of a thread that has given a sample by a timer, by its thread pointer.
    pub(super) fn of_pointer(pointer: u64) -> Option<&'static Self> {
        slots().find(|slot| slot.pointer.load(Relaxed) == pointer)
    }

    /// Whether its thread's thread pointer is known.
    pub(super) fn has_pointer(&self) -> bool {
        !matches!(self.pointer.load(Relaxed), 0 | NOBODY)
    }

    /// In the handler: records a sample that stands for `weight_ns` of CPU time. `None`: for wall
    /// time, whose amount its reader knows. It does not allocate, lock or make a system call.
    pub(super) fn sample(&self, registers: &Registers, weight_ns: Option<u64>) {
        let began = clock::wall().ticks();
        let add = |count: &AtomicU64, more: u64| count.store(count.load(Relaxed).wrapping_add(more), Relaxed);
        self.stack_pointer.store(registers.sp, Relaxed);
        if let Some(mut open) = self.ring.open() {
            let mut facts = self.facts();
            (facts.at, facts.is_wall, facts.weight_ns) = (began, weight_ns.is_none(), weight_ns.unwrap_or(0));
            match self.walk(registers, |frame| open.push(frame)) {
                Some(end) => facts.is_cut = end != End::Root,
                None => {
                    open.push(registers.pc);
                    facts.is_leaf_only = true;
                }
            }
            open.finish(&facts);
        } else if let Some(weight_ns) = weight_ns {
            add(&self.counts.dropped, 1);
            add(&self.counts.dropped_ns, weight_ns);
        }
        let took = clock::wall().ticks().saturating_sub(began);
        add(&self.counts.spent, took);
        add(&self.counts.times[handler_times::bucket(clock::wall().ns(took))], 1);
    }

    /// The addresses of the calling thread's frames, for a hook on it. Returns their number. Like
    /// [`sample`](Self::sample), it does not allocate, lock or make a system call.
    #[cfg(feature = "heap")]
    #[inline(never)]
    pub(super) fn walk_here(walker: *const (), frames: &mut [u64]) -> usize {
        // SAFETY: a thread's scopes have a walker that `set_scopes` took from a slot, which is
        // never freed.
        let slot = unsafe { &*walker.cast::<Self>() };
        let (registers, pointer) = here();
        // The slot may have passed to another thread, which is known from that thread's first
        // signal on.
        let is_ours = || {
            ptr::eq(slot.scopes.load(SeqCst), crate::scope::Slot::get().as_ptr())
                && slot.pointer.load(SeqCst) == pointer
        };
        let walk = || {
            if slot.is_main() {
                // Makes the sampler find the stack, again if necessary.
                slot.stack_pointer.store(registers.sp, Relaxed);
            }
            // The walk runs on the stack that it walks.
            let has_room = |stack: Range<u64>| {
                // The first thread's stack may grow below its current mapping.
                let low =
                    if slot.is_main() { main_stack::least_of_main(stack.end).min(stack.start) } else { stack.start };
                registers.sp > low + handler_stacks::WALK_BYTES as u64
            };
            if !slot.stack().is_some_and(has_room) {
                return 0;
            }
            let mut found = 0;
            slot.walk(&registers, |address| {
                frames[found] = address;
                found += 1;
                found < frames.len()
            });
            found
        };
        slot.handle(slot.tenancy(), is_ours, walk).unwrap_or(0)
    }

    /// The innermost profiled scope, the labels in effect, and the span.
    fn facts(&self) -> Facts {
        // SAFETY: null, or a record's first field, which is never freed.
        let Some(scopes) = (unsafe { self.scopes.load(Acquire).as_ref() }) else { return Facts::default() };
        // SAFETY: this is a handler or a hook on the thread that owns the record.
        let top = unsafe { scopes.top() };
        // A root has no site, and is no scope.
        let scope = if top.get().site.is_some() { top.as_ptr().expose_provenance() as u64 } else { 0 };
        let labels = scopes.labels().map_or(0, |labels| ptr::from_ref(labels).expose_provenance() as u64);
        Facts { scope, labels, span: scopes.span.get(), ..Facts::default() }
    }

    /// `None` if the stack is unknown or not the thread's own, or if all walkers are in use.
    fn walk(&self, registers: &Registers, frame: impl FnMut(u64) -> bool) -> Option<End> {
        let (sp, stack) = (registers.sp, self.stack()?);
        if !stack.contains(&sp) {
            return None;
        }
        let read = |address: u64| {
            let is_stack = address >= sp && address < stack.end - 7 && address.is_multiple_of(8);
            // SAFETY: an aligned word within this thread's own stack, above the current stack
            // pointer. The bounds are those of the C library, or of the kernel for the first
            // thread. It is mapped as long as the thread lives. It may contain any value.
            is_stack.then(|| unsafe { (address as *const u64).read_volatile() })
        };
        walkers::with_unwinder(self.number, |unwinder, memory| {
            unwinder.walk(registers, &(sp..stack.end), memory, read, frame)
        })
    }
}

/// The slot with this number.
pub(super) fn slot(number: u32) -> Option<&'static Slot> {
    // SAFETY: null or a slot, which is never freed.
    unsafe { SLOTS.get(number as usize)?.load(Acquire).as_ref() }
}

/// All slots that were ever used.
pub(super) fn slots() -> impl Iterator<Item = &'static Slot> {
    (0..MAX_SLOTS as u32).map_while(slot)
}

/// Sampler only: takes a slot for a thread that will be sampled. `None` if all are taken.
/// `has_alternate`: the thread uses that alternate stack already.
///
/// # Safety
/// `words` and `alternate` live until the slot was [released](give_slot_back), and forever if that
/// fails.
pub(super) unsafe fn take_slot(
    thread: u32,
    words: &Words,
    alternate: &Alternate,
    has_alternate: bool,
) -> Option<&'static Slot> {
    let slot = match slots().find(|slot| slot.thread() == 0) {
        Some(slot) => slot,
        None => {
            let number = slots().count() as u32;
            let place = SLOTS.get(number as usize)?;
            let made = Box::into_raw(Box::new(Slot::new(number)));
            place.store(made, Release);
            slot(number)?
        }
    };
    slot.set_scopes(ptr::null());
    for number in [&slot.stack_pointer, &slot.stack[1], &slot.stack[0], &slot.counted, &slot.pointer] {
        number.store(0, SeqCst);
    }
    // SAFETY: as the caller guarantees; no handler is inside a free slot.
    unsafe { slot.ring.attach(words) };
    slot.has_alternate.store(has_alternate, Relaxed);
    slot.is_main.store(thread == std::process::id(), Relaxed);
    let [low, bytes] = alternate.place();
    slot.alternate[0].store(low, Relaxed);
    slot.alternate[1].store(bytes, Release);
    slot.thread.store(thread, SeqCst);
    Some(slot)
}

/// Sampler only: releases the slot, because the thread has ended or is no longer signalled. `false`
/// if a handler stays inside, which may use everything that the slot was given. Then the slot is
/// never used again.
pub(super) fn give_slot_back(slot: &Slot) -> bool {
    slot.scopes.store(ptr::null_mut(), SeqCst);
    slot.pointer.store(NOBODY, SeqCst);
    slot.thread.store(BLOCKED, SeqCst);
    slot.gate.end_tenancy();
    if !slot.wait_for_handlers() {
        return false;
    }
    slot.stack[1].store(0, Release);
    slot.alternate[1].store(0, Release);
    slot.ring.detach();
    slot.thread.store(0, Release);
    true
}

/// Called in a forked child, where the parent's threads do not exist.
pub(super) fn give_all_back() {
    walkers::after_fork();
    handler_stacks::after_fork();
    for slot in slots() {
        // The fork may have happened while a handler was inside.
        slot.gate.after_fork();
        give_slot_back(slot);
    }
}

/// The profiled scopes at a sample's scope, outermost first.
pub(super) fn sites(scope: u64) -> Vec<&'static Site> {
    // SAFETY: samples are made by `Slot::sample` only, so it is 0 or the address of a call path.
    // The ring in which it came makes the path visible.
    callers(unsafe { CallPath::from_ptr(ptr::with_exposed_provenance(scope as usize)) })
}

/// The labels of a sample.
pub(super) fn labels(set: u64) -> Labels {
    let set: *const LabelSet = ptr::with_exposed_provenance(set as usize);
    // SAFETY: as above: the address of a set, which is never freed.
    unsafe { (*set).all() }
}
