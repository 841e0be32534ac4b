//! What the sampler and the signal handler know of one thread.
#![allow(unsafe_code)]

use std::cell::UnsafeCell;
use std::ptr;
use std::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
    Ordering::SeqCst,
};
use std::time::Duration;

use super::linux;
use super::ring::{Facts, Ring};
use super::table::Labels;
use super::times;
use super::unwind::{End, Memory, Registers, Unwinder};
use crate::clock;
use crate::scope::{LabelSet, Scopes, Site, callers};

/// Threads that can be sampled at a time.
pub(super) const MAX_SLOTS: usize = 1 << 10;
/// A handler needs some of this for itself: on a stack with less left, nothing is walked.
const LEAST_STACK: u64 = 16 << 10;

/// No thread has it.
const NOBODY: u64 = u64::MAX;
/// The thread of a slot that may not be taken.
const BLOCKED: u32 = u32::MAX;

/// Slots stay for good, and pass from a thread that has ended to the next one.
static SLOTS: [AtomicPtr<Slot>; MAX_SLOTS] = [const { AtomicPtr::new(ptr::null_mut()) }; MAX_SLOTS];

/// What is loaded now; null: nobody samples.
static UNWINDER: AtomicPtr<Unwinder> = AtomicPtr::new(ptr::null_mut());

/// Counts of one thread, which only grow. Written by its handler.
#[derive(Debug)]
pub(super) struct Counts {
    /// Samples for which the ring had no room, and what they stood for.
    pub(super) dropped: AtomicU64,
    pub(super) dropped_ns: AtomicU64,
    /// In the handler, ticks.
    pub(super) spent: AtomicU64,
    /// How often the handler took how long: see [`times::bucket`].
    pub(super) times: [AtomicU64; times::BUCKETS],
}

/// One thread that is sampled.
pub(super) struct Slot {
    pub(super) number: u32,
    /// The kernel's id of the thread; 0: it is free. Written by the sampler.
    thread: AtomicU32,
    /// How often the slot was taken. Signals of earlier threads' timers bear an earlier one.
    generation: AtomicU32,
    /// The thread's own pointer, which tells it from those that had the slot before; 0: no signal came yet.
    pointer: AtomicU64,
    /// Of its last sample.
    stack_pointer: AtomicU64,
    /// Its stack; both 0: not known yet. Written by the sampler.
    stack: [AtomicU64; 2],
    /// Its open calls, if it made a profiled one. Written by the sampler.
    scopes: AtomicPtr<Scopes>,
    /// What a signal of its timer stands for.
    period_ns: AtomicU64,
    /// Page that the kernel writes the thread's event to; null: it has a timer.
    page: AtomicPtr<u8>,
    /// Handlers that are at this slot: of its thread, or late ones of a thread that had it before.
    handlers: AtomicU32,
    /// What that event had counted at the last sample. Owner only.
    counted: AtomicU64,
    pub(super) ring: Ring,
    pub(super) counts: Counts,
    /// Somebody on this thread is walking.
    busy: AtomicBool,
    /// What the walk uses, which may not be freed meanwhile.
    in_use: AtomicPtr<Unwinder>,
    /// Whoever made `busy` true.
    memory: UnsafeCell<Memory>,
}

// SAFETY: all but `memory` is atomic, and that is for who holds `busy`.
unsafe impl Sync for Slot {}

/// While it lives, the walk is this one's.
struct Walk<'a>(&'a Slot);

impl Drop for Walk<'_> {
    fn drop(&mut self) {
        self.0.in_use.store(ptr::null_mut(), Release);
        self.0.busy.store(false, Release);
    }
}

impl Slot {
    fn new(number: u32) -> Self {
        Self {
            number,
            thread: AtomicU32::new(0),
            generation: AtomicU32::new(0),
            pointer: AtomicU64::new(0),
            stack_pointer: AtomicU64::new(0),
            stack: [const { AtomicU64::new(0) }; 2],
            scopes: AtomicPtr::new(ptr::null_mut()),
            period_ns: AtomicU64::new(0),
            page: AtomicPtr::new(ptr::null_mut()),
            handlers: AtomicU32::new(0),
            counted: AtomicU64::new(0),
            ring: Ring::new(),
            counts: Counts {
                dropped: AtomicU64::new(0),
                dropped_ns: AtomicU64::new(0),
                spent: AtomicU64::new(0),
                times: [const { AtomicU64::new(0) }; times::BUCKETS],
            },
            busy: AtomicBool::new(false),
            in_use: AtomicPtr::new(ptr::null_mut()),
            memory: UnsafeCell::new(Memory::new_in()),
        }
    }

    pub(super) fn thread(&self) -> u32 {
        self.thread.load(Acquire)
    }

    pub(super) fn generation(&self) -> u32 {
        self.generation.load(Relaxed)
    }

    /// Sampler only: the page of the thread's event from now on. `false`: a handler may still be at the one before, which must stay.
    pub(super) fn set_page(&self, page: *mut u8) -> bool {
        self.page.store(ptr::null_mut(), SeqCst);
        let left = self.wait_for_handlers();
        self.counted.store(0, Relaxed);
        self.page.store(page, SeqCst);
        left
    }

    fn wait_for_handlers(&self) -> bool {
        wait_until(|| self.handlers.load(SeqCst) == 0)
    }

    /// In the handler: does `work` if the slot is meant, which may not pass to another thread meanwhile.
    pub(super) fn handle(&self, is_meant: impl FnOnce() -> bool, work: impl FnOnce()) {
        self.handlers.fetch_add(1, SeqCst);
        if is_meant() {
            work();
        }
        self.handlers.fetch_sub(1, Release);
    }

    /// In the handler, within [`handle`](Self::handle): what the event has counted since this was last asked, by `read` of its page.
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

    pub(super) fn has_stack(&self) -> bool {
        self.stack[1].load(Relaxed) != 0
    }

    fn is_main(&self) -> bool {
        self.thread() == std::process::id()
    }

    /// Sampler only: a sample came, and the stack is not known. That of the first thread grows.
    pub(super) fn wants_stack(&self) -> bool {
        let at = self.stack_pointer.load(Relaxed);
        let is_beyond = || self.is_main() && at < self.stack[0].load(Relaxed).saturating_add(LEAST_STACK);
        at != 0 && (!self.has_stack() || is_beyond())
    }

    /// Sampler only: looks the stack up by what `holding` says is the mapping of an address.
    pub(super) fn find_stack(&self, holding: impl Fn(u64) -> Option<[u64; 2]>) {
        let pointer = self.pointer.load(Relaxed);
        // The C library keeps a thread's control block at the upper end of its stack, and the kernel a few bytes of its own in that of the first
        // thread. A mapping that holds neither is the stack of a coroutine, which may go away while the thread lives.
        let Some([low, high]) = holding(self.stack_pointer.load(Relaxed)) else { return };
        let is_within = |address: u64| (low..high).contains(&address);
        let high = if is_within(pointer) {
            // What lies above may be another mapping's.
            pointer
        } else if self.is_main() && is_within(linux::first_stack()) {
            high
        } else {
            return;
        };
        self.stack[0].store(low, Relaxed);
        self.stack[1].store(high, Release);
    }

    /// In the handler, on the slot's thread: whether it is. `pointer` is the calling thread's.
    pub(super) fn is_of(&self, pointer: u64) -> bool {
        match self.pointer.compare_exchange(0, pointer, Relaxed, Relaxed) {
            Ok(_) => true,
            Err(owner) => owner == pointer,
        }
    }

    /// In the handler: a sample that stands for `weight_ns` of CPU time; `None`: for wall time, as much as its reader knows. Neither allocates, nor locks, nor
    /// calls the system.
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
        add(&self.counts.times[times::bucket(clock::wall().ns(took))], 1);
    }

    /// The addresses of the calling thread's frames, for a hook on it, and how many they are. As [`sample`](Self::sample) it does nothing else.
    #[cfg(feature = "heap")]
    #[inline(never)]
    pub(super) fn walk_here(walker: *const (), frames: &mut [u64]) -> usize {
        // SAFETY: a thread's scopes have a walker that `set_scopes` took from a slot, which is never freed.
        let slot = unsafe { &*walker.cast::<Self>() };
        let (registers, pointer) = linux::here();
        // The slot may have passed to another thread.
        let is_ours = ptr::eq(slot.scopes.load(Acquire), crate::scope::Slot::get().as_ptr());
        // Its first signal tells whose it is.
        if !is_ours || slot.pointer.load(Relaxed) != pointer {
            return 0;
        }
        if !slot.has_stack() {
            // Where to look for it.
            slot.stack_pointer.store(registers.sp, Relaxed);
            return 0;
        }
        let mut found = 0;
        slot.walk(&registers, |address| {
            frames[found] = address;
            found += 1;
            found < frames.len()
        });
        found
    }

    /// The innermost profiled scope, the labels in force, and the span.
    fn facts(&self) -> Facts {
        // SAFETY: null, or a record's first field, which is never freed.
        let Some(scopes) = (unsafe { self.scopes.load(Acquire).as_ref() }) else { return Facts::default() };
        let top = scopes.top.load(Relaxed).cast_const();
        // SAFETY: a node in an arena, which is never freed; a root has no site, and is no scope.
        let scope = if unsafe { (*top).site }.is_some() { top.expose_provenance() as u64 } else { 0 };
        let labels = scopes.labels().map_or(0, |labels| ptr::from_ref(labels).expose_provenance() as u64);
        Facts { scope, labels, span: scopes.span.get(), ..Facts::default() }
    }

    /// `None`: the stack is not known, not the thread's own, or somebody is walking it.
    fn walk(&self, registers: &Registers, frame: impl FnMut(u64) -> bool) -> Option<End> {
        // The upper one is written last.
        let [high, low] = [&self.stack[1], &self.stack[0]].map(|bound| bound.load(Acquire));
        let sp = registers.sp;
        if sp < low.saturating_add(LEAST_STACK) || sp >= high || self.busy.swap(true, Acquire) {
            return None;
        }
        let walk = Walk(self);
        let mut unwinder = UNWINDER.load(Acquire);
        loop {
            self.in_use.store(unwinder, SeqCst);
            let now = UNWINDER.load(SeqCst);
            if ptr::eq(now, unwinder) {
                break;
            }
            unwinder = now;
        }
        // SAFETY: null, or one that is in force after it was marked as in use: `replace_unwinder` frees none that is marked.
        let unwinder = unsafe { unwinder.as_ref() }?;
        // SAFETY: whoever holds `busy` has it alone.
        let memory = unsafe { &mut *self.memory.get() };
        let read = |address: u64| {
            let is_stack = address >= sp && address < high - 7 && address.is_multiple_of(8);
            // SAFETY: within this thread's own stack, above where it stands: mapped, and an aligned word. It may hold anything.
            is_stack.then(|| unsafe { (address as *const u64).read_volatile() })
        };
        let end = unwinder.walk(registers, &(sp..high), memory, read, frame);
        drop(walk);
        Some(end)
    }
}

/// The slot of that number.
pub(super) fn slot(number: u32) -> Option<&'static Slot> {
    // SAFETY: null or a slot, which is never freed.
    unsafe { SLOTS.get(number as usize)?.load(Acquire).as_ref() }
}

/// All that were ever used.
pub(super) fn slots() -> impl Iterator<Item = &'static Slot> {
    (0..MAX_SLOTS as u32).map_while(slot)
}

/// Sampler only: a slot for a thread that is about to be sampled; `None`: there are as many as can be.
pub(super) fn take_slot(thread: u32) -> Option<&'static Slot> {
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
    // Of the thread before.
    slot.ring.clear();
    for number in [&slot.stack_pointer, &slot.stack[1], &slot.stack[0], &slot.counted, &slot.pointer] {
        number.store(0, SeqCst);
    }
    slot.thread.store(thread, SeqCst);
    Some(slot)
}

/// Sampler only: the thread has ended, or is signalled no more.
pub(super) fn give_slot_back(slot: &Slot) {
    slot.scopes.store(ptr::null_mut(), Release);
    slot.pointer.store(NOBODY, Relaxed);
    slot.stack[1].store(0, Release);
    slot.generation.fetch_add(1, SeqCst);
    slot.thread.store(BLOCKED, SeqCst);
    // One in which a handler stays is used no more.
    if slot.wait_for_handlers() {
        slot.thread.store(0, Release);
    }
}

/// In a forked child: no thread of the parent's is here.
pub(super) fn give_all_back() {
    // It may be in use by this very thread, in a hook: it stays.
    UNWINDER.store(ptr::null_mut(), SeqCst);
    for slot in slots() {
        // They may have been forked away in the midst of it.
        slot.busy.store(false, Relaxed);
        slot.handlers.store(0, Relaxed);
        slot.in_use.store(ptr::null_mut(), Relaxed);
        give_slot_back(slot);
    }
}

/// Sampler only: stacks are unwound by this one from now on.
pub(super) fn replace_unwinder(new: Option<Box<Unwinder>>) {
    let new = new.map_or(ptr::null_mut(), Box::into_raw);
    let old = UNWINDER.swap(new, SeqCst);
    if old.is_null() {
        return;
    }
    // What is in use for longer is left where it is.
    if wait_until(|| slots().all(|slot| !ptr::eq(slot.in_use.load(SeqCst), old))) {
        // SAFETY: made by `Box::into_raw` above, in force no more, and nobody who took it before is still using it.
        drop(unsafe { Box::from_raw(old) });
    }
}

/// A handler takes microseconds, though its thread may be preempted in the midst of it: a second at most. `false`: not until then.
fn wait_until(is_so: impl Fn() -> bool) -> bool {
    (0..1_000).any(|_| {
        let is_so = is_so();
        if !is_so {
            std::thread::sleep(Duration::from_millis(1));
        }
        is_so
    })
}

/// The profiled scopes at a sample's scope, outermost first.
pub(super) fn sites(scope: u64) -> Vec<&'static Site> {
    // SAFETY: samples are made by `Slot::sample` only: the address of a node's path, which is never freed.
    unsafe { callers(ptr::with_exposed_provenance(scope as usize)) }
}

/// The labels of a sample.
pub(super) fn labels(set: u64) -> Labels {
    let set: *const LabelSet = ptr::with_exposed_provenance(set as usize);
    // SAFETY: likewise: the address of a set, which is never freed.
    unsafe { (*set).all() }
}
