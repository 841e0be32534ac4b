//! What is recorded of one call of a root: the calls that it made, its polls, and what it waited
//! for, one by one.
//!
//! A trail is a chain of blocks of a pool of fixed size. Who runs the call writes to it, on
//! whatever thread; a kept one is read from any thread, without a lock: all words are atomics, and
//! a reader throws away what changed meanwhile.
#![allow(unsafe_code)]

use std::num::NonZeroU32;
use std::ptr;

use super::node::Node;
use crate::base::atomic::{
    AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed,
    Ordering::Release, fence, size,
};
use crate::base::footprint::{self, Part};
use crate::outcome::Outcome;
use crate::scope::{CallPath, LabelSet};

/// The number of blocks, of which those that were never used take no memory.
const BLOCKS: usize = size(if cfg!(miri) { 256 } else { 1 << BLOCK_BITS }, 4);
/// Bits of the number of a block.
pub(in crate::record) const BLOCK_BITS: u32 = 13;
/// Memory of a block.
pub(in crate::record) const BLOCK_BYTES: u64 = 1024;
/// Steps in a block.
const STEPS: usize = size(20, 1);
/// The maximum number of steps of a trail.
pub(crate) const MAX_STEPS: usize = size(1_000, 3);
/// All bits of a generation, which is above the number of a block.
const GENERATIONS: u32 = u32::MAX >> BLOCK_BITS;

const _: () = assert!(size_of::<Block>() <= BLOCK_BYTES as usize);

/// Something that ended while the call ran. Times are in ticks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) what: What,
    pub(crate) end: u64,
    pub(crate) wall: i64,
}

/// What a step is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum What {
    /// A measured call, which stands for `weight` calls.
    Call { node: &'static Node, outcome: Outcome, weight: u32, bytes: u64 },
    /// A poll of the root itself, on this thread.
    Poll { thread: u32 },
    /// A wait for a lock, of the kind with this number, which this scope held.
    Wait { holder: Option<CallPath>, kind: u8 },
    /// A statement of a database.
    Query { text: &'static str, outcome: Outcome },
}

/// The call as a whole.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Whole {
    pub(crate) node: &'static Node,
    pub(crate) end: u64,
    pub(crate) wall: i64,
    pub(crate) cpu: i64,
    pub(crate) bytes: u64,
    pub(crate) weight: u32,
    pub(crate) outcome: Outcome,
    /// The thread on which it ended.
    pub(crate) thread: u32,
}

/// A kept trail, as it was read.
#[derive(Clone, Debug)]
pub(crate) struct Read {
    pub(crate) whole: Whole,
    pub(crate) labels: Option<&'static LabelSet>,
    /// The trace id, upper word first, and the span id.
    pub(crate) span: Option<[u64; 3]>,
    pub(crate) steps: Vec<Step>,
    /// Steps for which there was no room.
    pub(crate) dropped: u32,
}

/// Five words. `kind` has the kind, the outcome and the weight; `value` is what else there is.
#[derive(Debug)]
struct Entry {
    what: AtomicPtr<()>,
    end: AtomicU64,
    wall: AtomicU64,
    value: AtomicU64,
    kind: AtomicU64,
}

/// The words of an entry, which are believed once nothing changed meanwhile.
#[derive(Clone, Copy)]
struct Words {
    what: *mut (),
    end: u64,
    wall: u64,
    value: u64,
    kind: u64,
}

const CALL: u64 = 1;
const POLL: u64 = 2;
const WAIT: u64 = 3;
const QUERY: u64 = 4;

/// The kind, the outcome and the weight as one word.
const fn kind(kind: u64, outcome: Outcome, weight: u32) -> u64 {
    (weight as u64) << 32 | (outcome as u64) << 8 | kind
}

fn outcome_of(kind: u64) -> Outcome {
    Outcome::from_index((kind >> 8) as u8 as usize)
}

fn address<T>(of: &'static T) -> *mut () {
    ptr::from_ref(of).cast_mut().cast()
}

impl Words {
    fn of(step: &Step) -> Self {
        let (what, value, kind) = match step.what {
            What::Call { node, outcome, weight, bytes } => (address(node), bytes, kind(CALL, outcome, weight)),
            What::Poll { thread } => (ptr::null_mut(), thread.into(), kind(POLL, Outcome::Ok, 1)),
            What::Wait { holder, kind: lock } => {
                let holder = holder.map_or(ptr::null_mut(), |holder| holder.as_ptr().cast_mut().cast());
                (holder, lock.into(), kind(WAIT, Outcome::Ok, 1))
            }
            What::Query { text, outcome } => {
                (text.as_ptr().cast_mut().cast(), text.len() as u64, kind(QUERY, outcome, 1))
            }
        };
        Self { what, end: step.end, wall: step.wall as u64, value, kind }
    }

    /// # Safety
    /// They are those of one step.
    unsafe fn step(self) -> Option<Step> {
        let outcome = outcome_of(self.kind);
        let what = match self.kind & 0xff {
            CALL => {
                // SAFETY: `of` stored the address of a node, which is never freed.
                let node = unsafe { self.what.cast::<Node>().as_ref() }?;
                What::Call { node, outcome, weight: (self.kind >> 32) as u32, bytes: self.value }
            }
            POLL => What::Poll { thread: self.value as u32 },
            WAIT => {
                // SAFETY: `of` stored null or the address of a path.
                let holder = unsafe { CallPath::from_ptr(self.what.cast_const().cast()) };
                What::Wait { holder, kind: self.value as u8 }
            }
            QUERY => {
                // SAFETY: `of` stored the address and the length of a text that is never freed.
                let text =
                    unsafe { std::slice::from_raw_parts(self.what.cast_const().cast::<u8>(), self.value as usize) };
                What::Query { text: std::str::from_utf8(text).ok()?, outcome }
            }
            _ => return None,
        };
        Some(Step { what, end: self.end, wall: self.wall as i64 })
    }
}

impl Entry {
    const fn new() -> Self {
        Self {
            what: AtomicPtr::new(ptr::null_mut()),
            end: AtomicU64::new(0),
            wall: AtomicU64::new(0),
            value: AtomicU64::new(0),
            kind: AtomicU64::new(0),
        }
    }

    fn set(&self, words: Words) {
        self.what.store(words.what, Relaxed);
        self.end.store(words.end, Relaxed);
        self.wall.store(words.wall, Relaxed);
        self.value.store(words.value, Relaxed);
        self.kind.store(words.kind, Relaxed);
    }

    fn words(&self) -> Words {
        Words {
            what: self.what.load(Relaxed),
            end: self.end.load(Relaxed),
            wall: self.wall.load(Relaxed),
            value: self.value.load(Relaxed),
            kind: self.kind.load(Relaxed),
        }
    }
}

/// No piece of the call writes to the trail.
const IDLE: u32 = 0;
/// A piece of it does.
const CLAIMED: u32 = 1;
/// The call is over. If a piece of it still writes, that one makes the blocks free.
const OVER: u32 = 2;

/// The head is the first one of a trail. What is not of the head is not used in the others.
#[derive(Debug)]
#[repr(align(64))]
struct Block {
    /// The next block of the trail, or of those that are free; 0: none, otherwise its number and 1.
    next: AtomicU32,
    /// Of a head: changes each time that the block is taken. See [`generation`](Self::generation).
    generation: AtomicU32,
    /// Of a head: the number of places that keep the trail.
    keepers: AtomicU32,
    /// Of a head: the number of the last block.
    last: AtomicU32,
    /// Of a head: the number of steps.
    length: AtomicU32,
    /// Of a head: steps for which there was no room.
    dropped: AtomicU32,
    /// Of a head: [`IDLE`], [`CLAIMED`] or [`OVER`].
    writer: AtomicU32,
    node: AtomicPtr<Node>,
    labels: AtomicPtr<LabelSet>,
    /// All 0: none.
    span: [AtomicU64; 3],
    end: AtomicU64,
    wall: AtomicU64,
    cpu: AtomicU64,
    bytes: AtomicU64,
    /// The outcome and the weight.
    kind: AtomicU64,
    thread: AtomicU32,
    entries: [Entry; STEPS],
}

impl Block {
    const fn new() -> Self {
        Self {
            next: AtomicU32::new(0),
            generation: AtomicU32::new(0),
            keepers: AtomicU32::new(0),
            last: AtomicU32::new(0),
            length: AtomicU32::new(0),
            dropped: AtomicU32::new(0),
            writer: AtomicU32::new(IDLE),
            node: AtomicPtr::new(ptr::null_mut()),
            labels: AtomicPtr::new(ptr::null_mut()),
            span: [const { AtomicU64::new(0) }; 3],
            end: AtomicU64::new(0),
            wall: AtomicU64::new(0),
            cpu: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            kind: AtomicU64::new(0),
            thread: AtomicU32::new(0),
            entries: [const { Entry::new() }; STEPS],
        }
    }

    /// Which use of the block it is, among those of all processes that had it. Never 0 while it is
    /// the head of a trail.
    fn generation(&self) -> u32 {
        self.generation.load(Relaxed).wrapping_add(FORKS.load(Relaxed)) & GENERATIONS
    }
}

static POOL: [Block; BLOCKS] = [const { Block::new() }; BLOCKS];
/// Blocks that were used before: the number of the first one and 1, with a tag above that changes
/// each time, so that one that went and came back is not taken for what it was.
static FREE: AtomicU64 = AtomicU64::new(0);
/// Blocks that were ever used.
static USED: AtomicU32 = AtomicU32::new(0);
/// Whether there was no room for a block that was never used.
static IS_FULL: AtomicBool = AtomicBool::new(false);
/// Blocks of trails that are kept.
static KEPT: AtomicU32 = AtomicU32::new(0);
/// How often this process and those before it were forked from one. It is a part of each block's
/// generation, so that a child need not change the blocks, which would give it a copy of them.
static FORKS: AtomicU32 = AtomicU32::new(0);

fn block(number: u32) -> &'static Block {
    &POOL[number as usize % BLOCKS]
}

/// A block that nobody uses. `None` if there is no room.
fn take() -> Option<u32> {
    let mut head = FREE.load(Acquire);
    loop {
        let Some(number) = (head as u32).checked_sub(1) else { return take_new() };
        let next = block(number).next.load(Relaxed);
        let new = (head >> 32).wrapping_add(1) << 32 | u64::from(next);
        match FREE.compare_exchange_weak(head, new, AcqRel, Acquire) {
            Ok(_) => return Some(number),
            Err(now) => head = now,
        }
    }
}

#[cold]
fn take_new() -> Option<u32> {
    let has_room = (USED.load(Relaxed) as usize) < BLOCKS && footprint::take(Part::Calls, BLOCK_BYTES);
    IS_FULL.store(!has_room, Relaxed);
    if !has_room {
        return None;
    }
    let next = |used: u32| ((used as usize) < BLOCKS).then_some(used + 1);
    let number = USED.fetch_update(Relaxed, Relaxed, next).ok();
    if number.is_none() {
        footprint::give(Part::Calls, BLOCK_BYTES);
    }
    number
}

/// Makes a chain from `first` to `last` free.
fn give(first: u32, last: u32) {
    let mut head = FREE.load(Acquire);
    loop {
        block(last).next.store(head as u32, Relaxed);
        let new = (head >> 32).wrapping_add(1) << 32 | u64::from(first + 1);
        match FREE.compare_exchange_weak(head, new, AcqRel, Acquire) {
            Ok(_) => return,
            Err(now) => head = now,
        }
    }
}

/// What is recorded of one call: the number of its first block, and which use of the block it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trail(NonZeroU32);

impl Trail {
    /// An empty one. `None` if there is no room.
    pub(in crate::record) fn begin() -> Option<Self> {
        let number = take()?;
        let head = block(number);
        // One more, and two if that would be 0.
        let more = 1 + u32::from(head.generation() == GENERATIONS);
        head.generation.store(head.generation.load(Relaxed).wrapping_add(more), Relaxed);
        // A reader that sees anything of what is written from here on finds that the block is no
        // longer kept where it found it.
        fence(Release);
        head.next.store(0, Relaxed);
        head.keepers.store(0, Relaxed);
        head.last.store(number, Relaxed);
        head.length.store(0, Relaxed);
        head.dropped.store(0, Relaxed);
        head.writer.store(IDLE, Relaxed);
        head.labels.store(ptr::null_mut(), Relaxed);
        head.span.iter().for_each(|word| word.store(0, Relaxed));
        Self::kept(number)
    }

    /// Its number, which [`kept`](Self::kept) takes.
    pub(in crate::record) fn number(self) -> u32 {
        self.0.get() & ((1 << BLOCK_BITS) - 1)
    }

    /// The trail that is kept under this number.
    fn kept(number: u32) -> Option<Self> {
        NonZeroU32::new(block(number).generation() << BLOCK_BITS | number).map(Self)
    }

    /// The first block. `None` if it is used otherwise by now: after a fork.
    fn head(self) -> Option<&'static Block> {
        let head = block(self.number());
        (head.generation() == self.0.get() >> BLOCK_BITS).then_some(head)
    }

    /// A piece of the call begins here: from now on this thread writes. False if another piece
    /// does, since a span may be entered on several threads at once.
    pub(in crate::record) fn claim(self) -> bool {
        self.head().is_some_and(|head| head.writer.compare_exchange(IDLE, CLAIMED, Acquire, Relaxed).is_ok())
    }

    /// The piece that [claimed](Self::claim) it no longer writes.
    pub(in crate::record) fn unclaim(self) {
        if let Some(head) = self.head()
            && head.writer.compare_exchange(CLAIMED, IDLE, Release, Relaxed) == Err(OVER)
        {
            self.free(head);
        }
    }

    /// The call is over, which is said by whoever has the trail, and nobody else. `None` if a piece
    /// of it never ended, and may still write: then it is not to be used again.
    pub(in crate::record) fn over(self) -> Option<Self> {
        let head = self.head()?;
        (head.writer.swap(OVER, AcqRel) != CLAIMED).then_some(self)
    }

    /// Whoever runs the call only, and of its pieces the one that claimed it.
    pub(in crate::record) fn push(self, step: &Step) {
        let Some(head) = self.head() else { return };
        let length = head.length.load(Relaxed) as usize;
        let has_room = length < MAX_STEPS && (length == 0 || !length.is_multiple_of(STEPS) || grow(head));
        let last = block(head.last.load(Relaxed));
        if has_room {
            last.entries[length % STEPS].set(Words::of(step));
            head.length.store(length as u32 + 1, Relaxed);
            return;
        }
        head.dropped.fetch_add(1, Relaxed);
        // Callers end after what they called, and say more.
        if let Some(before) = length.checked_sub(1).map(|last_step| &last.entries[last_step % STEPS]) {
            let words = before.words();
            let starts = |end: u64, wall: u64| end.wrapping_sub((wall as i64).max(0) as u64);
            if starts(words.end, words.wall) >= starts(step.end, step.wall as u64) && words.end <= step.end {
                before.set(Words::of(step));
            }
        }
    }

    /// As `push`: the labels in effect. Those are kept that are more.
    pub(in crate::record) fn note_labels(self, labels: Option<&'static LabelSet>) {
        let (Some(head), Some(labels)) = (self.head(), labels) else { return };
        // SAFETY: null, or the address of labels, which are never freed.
        let known = unsafe { head.labels.load(Relaxed).as_ref() };
        if known.is_none_or(|known| known.all().len() < labels.all().len()) {
            head.labels.store(ptr::from_ref(labels).cast_mut(), Relaxed);
        }
    }

    /// As `push`: the trace and the span in effect. The first ones are kept.
    pub(in crate::record) fn note_span(self, words: Option<[u64; 3]>) {
        let (Some(head), Some(words)) = (self.head(), words) else { return };
        if head.span.iter().all(|word| word.load(Relaxed) == 0) {
            head.span.iter().zip(words).for_each(|(word, new)| word.store(new, Relaxed));
        }
    }

    pub(in crate::record) fn has_span(self) -> bool {
        self.head().is_some_and(|head| head.span.iter().any(|word| word.load(Relaxed) != 0))
    }

    /// As `push`: steps that were not recorded.
    pub(in crate::record) fn note_dropped(self, steps: u32) {
        if let Some(head) = self.head() {
            head.dropped.fetch_add(steps, Relaxed);
        }
    }

    /// Whoever ran the call only, when it is [over](Self::over): from now on `keepers` places keep
    /// it. If `make_room` does not make room for all of its steps, only the first ones are kept.
    /// False: there is none at all.
    pub(in crate::record) fn keep(self, whole: &Whole, keepers: u32, make_room: impl FnOnce()) -> bool {
        let Some(head) = self.head() else { return false };
        let fits = || keep_blocks(blocks_of(head));
        let has_room = fits() || {
            make_room();
            fits()
        };
        if !has_room {
            cut(self.number(), head);
            if !keep_blocks(1) {
                return false;
            }
        }
        head.node.store(ptr::from_ref(whole.node).cast_mut(), Relaxed);
        head.end.store(whole.end, Relaxed);
        head.wall.store(whole.wall as u64, Relaxed);
        head.cpu.store(whole.cpu as u64, Relaxed);
        head.bytes.store(whole.bytes, Relaxed);
        head.kind.store(kind(0, whole.outcome, whole.weight), Relaxed);
        head.thread.store(whole.thread, Relaxed);
        head.keepers.store(keepers, Relaxed);
        true
    }

    /// A place no longer keeps the trail with this number. The last one makes its blocks free.
    pub(in crate::record) fn release(number: u32) {
        let head = block(number);
        if head.keepers.fetch_sub(1, AcqRel) == 1 {
            KEPT.fetch_sub(blocks_of(head), Relaxed);
            give(number, head.last.load(Relaxed));
        }
    }

    /// Whoever ran the call only: it is over, and not kept.
    pub(in crate::record) fn forget(self) {
        if let Some(head) = self.over().and_then(Self::head) {
            self.free(head);
        }
    }

    fn free(self, head: &Block) {
        give(self.number(), head.last.load(Relaxed));
    }

    /// The trail that is kept under this number. `None` if `is_kept` says afterwards that it no
    /// longer is: then what was read may be parts of several.
    pub(in crate::record) fn read(number: u32, is_kept: impl Fn() -> bool) -> Option<Read> {
        let trail = Self::kept(number)?;
        fence(Acquire);
        let head = trail.head()?;
        let length = (head.length.load(Relaxed) as usize).min(MAX_STEPS);
        let mut words = Vec::with_capacity(length);
        let mut at = head;
        while words.len() < length {
            words.extend(at.entries.iter().take(length - words.len()).map(Entry::words));
            match at.next.load(Relaxed) {
                0 => break,
                next => at = block(next - 1),
            }
        }
        let (node, labels) = (head.node.load(Relaxed), head.labels.load(Relaxed));
        let span = head.span.each_ref().map(|word| word.load(Relaxed));
        let [end, wall, cpu, bytes, kind] =
            [&head.end, &head.wall, &head.cpu, &head.bytes, &head.kind].map(|word| word.load(Relaxed));
        let (thread, dropped) = (head.thread.load(Relaxed), head.dropped.load(Relaxed));
        // No load before this may be reordered after those below.
        fence(Acquire);
        if !is_kept() || trail.head().is_none() {
            return None;
        }
        // SAFETY: it is still kept, so that nobody wrote meanwhile: the words are those of whole
        // steps, and of addresses of what is never freed.
        let (node, labels, steps) = unsafe {
            let steps = words.into_iter().filter_map(|words| words.step()).collect();
            (node.as_ref()?, labels.as_ref(), steps)
        };
        let whole = Whole {
            node,
            end,
            wall: wall as i64,
            cpu: cpu as i64,
            bytes,
            weight: (kind >> 32) as u32,
            outcome: outcome_of(kind),
            thread,
        };
        Some(Read { whole, labels, span: Some(span).filter(|words| *words != [0; 3]), steps, dropped })
    }
}

/// Adds a block to the trail of this head. False if there is no room.
fn grow(head: &Block) -> bool {
    let Some(number) = take() else { return false };
    // As in `begin`.
    fence(Release);
    block(number).next.store(0, Relaxed);
    block(head.last.load(Relaxed)).next.store(number + 1, Relaxed);
    head.last.store(number, Relaxed);
    true
}

fn blocks_of(head: &Block) -> u32 {
    head.length.load(Relaxed).div_ceil(STEPS as u32).max(1)
}

/// Three quarters of the blocks are for trails that are kept, the others for calls that run.
fn keep_blocks(blocks: u32) -> bool {
    let all = if IS_FULL.load(Relaxed) { USED.load(Relaxed) } else { BLOCKS as u32 };
    KEPT.fetch_update(Relaxed, Relaxed, |kept| Some(kept + blocks).filter(|kept| *kept <= all / 4 * 3)).is_ok()
}

/// Leaves only the first block of a trail.
fn cut(number: u32, head: &Block) {
    let length = head.length.load(Relaxed);
    let Some(second) = head.next.load(Relaxed).checked_sub(1) else { return };
    head.next.store(0, Relaxed);
    head.length.store(length.min(STEPS as u32), Relaxed);
    head.dropped.fetch_add(length.saturating_sub(STEPS as u32), Relaxed);
    let last = head.last.load(Relaxed);
    head.last.store(number, Relaxed);
    give(second, last);
}

/// Bytes of trails: of calls that are kept and of those that ran at the same time.
pub(crate) fn held_bytes() -> u64 {
    u64::from(USED.load(Relaxed)) * BLOCK_BYTES
}

/// Called in a forked child: whoever had a trail does not have it there, and no block was used.
pub(in crate::record) fn after_fork() {
    FORKS.fetch_add(1, Relaxed);
    KEPT.store(0, Relaxed);
    FREE.store(0, Relaxed);
    IS_FULL.store(false, Relaxed);
    footprint::give(Part::Calls, u64::from(USED.swap(0, Relaxed)) * BLOCK_BYTES);
}
