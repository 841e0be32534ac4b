//! The signal handler.
//!
//! It does not allocate, lock or make a system call, with two exceptions, each at the first signal
//! of a thread. One is for a thread whose alternate signal stack is too small. The other is for a
//! thread that is signalled by a perf event before a timer signalled it.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::ffi::c_void;
use std::mem;
use std::ptr;
use std::time::Instant;

use super::alternate_stack::least_bytes;
use super::handler_stacks;
use super::perf_event;
use super::registers::{interrupted, thread_pointer};
use super::signal::SIGNAL;
use super::slot::{MAX_SLOTS, Slot, slot, slots};

/// Marks the value of our timers' signals, in its upper half.
const MARK: u64 = 0x7065_7266;
/// The lower half contains the slot's tenancy and its number.
const NUMBER_BITS: u32 = 12;
const _: () = assert!(MAX_SLOTS <= 1 << NUMBER_BITS);

/// The value that is passed with a signal of this slot's timer.
pub(super) fn value(slot: &Slot) -> usize {
    value_of(slot, slot.tenancy())
}

fn value_of(slot: &Slot, tenancy: u32) -> usize {
    (MARK << 32 | u64::from(tenancy << NUMBER_BITS) | u64::from(slot.number)) as usize
}

/// An alternate stack that is disabled while a handler runs on it.
const SS_AUTODISARM: i32 = 1 << 31;
const SI_TIMER: i32 = -2;
const SI_QUEUE: i32 = -1;
/// From `POLL_IN` to `POLL_HUP`.
const POLL: std::ops::RangeInclusive<i32> = 1..=6;

thread_local! {
    /// The numbers of the slot and of the thread; 0: not known yet. Accessed only if this code is
    /// part of the program, where it needs no allocation.
    static SLOT: Cell<(u32, u32)> = const { Cell::new((0, 0)) };
}

/// `siginfo_t` for a timer or a descriptor, on 64-bit Linux.
#[repr(C)]
struct Info {
    signal: i32,
    error: i32,
    code: i32,
    padding: i32,
    timer: i32,
    overrun: i32,
    value: usize,
}

const _: () =
    assert!(mem::offset_of!(Info, value) == 24 && mem::size_of::<libc::siginfo_t>() >= mem::size_of::<Info>());

/// The result of installing the handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Installed {
    Ours,
    /// The program has a handler of its own, which is left in place.
    Taken,
    Refused,
}

/// Installs the handler, unless the program handles the signal. It is never removed, because
/// without a sampler no signal comes.
pub(super) fn install() -> Installed {
    let Some(before) = action() else { return Installed::Refused };
    if is_our_handler(&before) {
        return Installed::Ours;
    }
    if before.sa_sigaction != libc::SIG_DFL && before.sa_sigaction != libc::SIG_IGN {
        return Installed::Taken;
    }
    // SAFETY: all fields are numbers or sets that may be empty.
    let mut ours: libc::sigaction = unsafe { mem::zeroed() };
    ours.sa_sigaction = (handle as unsafe extern "C" fn(i32, *mut libc::siginfo_t, *mut c_void) as *const ()).addr();
    // It runs on the alternate stack, because the interrupted one may have no room left. All
    // signals are blocked meanwhile, because another handler would need room too.
    ours.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART | libc::SA_ONSTACK;
    // SAFETY: a valid pointer for a set.
    unsafe { libc::sigfillset(&raw mut ours.sa_mask) };
    // SAFETY: a valid action. Its handler has the signature that `SA_SIGINFO` requires, and is
    // never unloaded.
    if unsafe { libc::sigaction(SIGNAL, &raw const ours, ptr::null_mut()) } == 0 {
        Installed::Ours
    } else {
        Installed::Refused
    }
}

/// The cost of delivering a signal that the handler ignores.
pub(super) fn delivery_ns() -> u64 {
    const ROUNDS: u32 = 16;
    // SAFETY: no arguments, cannot fail.
    let (process, thread) = unsafe { (libc::getpid(), libc::gettid()) };
    let one = |_| {
        let start = Instant::now();
        // SAFETY: sent to this thread, whose handler ignores signals like this one.
        unsafe { libc::syscall(libc::SYS_tgkill, process, thread, SIGNAL) };
        start.elapsed().as_nanos() as u64
    };
    (0..ROUNDS).map(one).min().unwrap_or(0)
}

/// Makes a thread record a sample, whether or not it is on the CPU. `false` if it has ended.
pub(super) fn ask(thread: u32, slot: &Slot) -> bool {
    // SAFETY: all fields are numbers or nullable pointers; the type is as large as the kernel's.
    let mut info: libc::siginfo_t = unsafe { mem::zeroed() };
    let fields = (&raw mut info).cast::<Info>();
    // SAFETY: no arguments, cannot fail.
    let process = unsafe { libc::getpid() };
    // SAFETY: an `Info` is not larger than the `siginfo_t` in which it is written, and has no
    // higher alignment.
    unsafe {
        (*fields).signal = SIGNAL;
        (*fields).code = SI_QUEUE;
        // In a queued signal, the sender's process id is where a timer has its id.
        (*fields).timer = process;
        (*fields).value = value(slot);
    }
    // SAFETY: sent to a thread of this process, with a valid description.
    unsafe { libc::syscall(libc::SYS_rt_tgsigqueueinfo, process, thread, SIGNAL, &raw const info) == 0 }
}

/// Whether the signal's handler is still ours.
pub(super) fn is_ours() -> bool {
    action().is_some_and(|action| is_our_handler(&action))
}

fn is_our_handler(action: &libc::sigaction) -> bool {
    action.sa_sigaction == (handle as unsafe extern "C" fn(i32, *mut libc::siginfo_t, *mut c_void) as *const ()).addr()
}

fn action() -> Option<libc::sigaction> {
    // SAFETY: as in `install`; only queries.
    unsafe {
        let mut action: libc::sigaction = mem::zeroed();
        (libc::sigaction(SIGNAL, ptr::null(), &raw mut action) == 0).then_some(action)
    }
}

unsafe extern "C" fn handle(_signal: i32, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the arguments are those that it requires, it does not unwind, and signals are blocked
    // while this handler runs.
    unsafe { handler_stacks::run(handle_with_room, info as usize, context as usize) };
}

/// Called with the addresses that the kernel passes to a handler with `SA_SIGINFO`.
unsafe extern "C" fn handle_with_room(info: usize, context: usize) {
    let (info, context) = (info as *const Info, context as *mut libc::ucontext_t);
    // SAFETY: as the caller guarantees; only this handler uses the context.
    let (info, context) = unsafe { (&*info, &mut *context) };
    if info.code == SI_TIMER || info.code == SI_QUEUE {
        let Some(slot) = slot(info.value as u32 & ((1 << NUMBER_BITS) - 1)) else { return };
        let tenancy = slot.tenancy();
        if info.value != value_of(slot, tenancy) {
            return;
        }
        slot.handle(
            tenancy,
            || slot.is_of(thread_pointer()),
            || {
                // The signal is from a timer, or from the sampler to a thread that may be blocked
                // in a system call.
                let periods = (info.code == SI_TIMER).then(|| 1 + u64::from(info.overrun.max(0) as u32));
                let weight_ns = periods.map(|periods| slot.timed_ns(periods));
                set_alternate(slot, context);
                slot.sample(&interrupted(context), weight_ns);
            },
        );
    } else if POLL.contains(&info.code)
        && let Some((slot, thread)) = own_slot()
    {
        slot.handle(
            slot.tenancy(),
            || slot.thread() == thread && slot.is_of(thread_pointer()),
            || {
                set_alternate(slot, context);
                // SAFETY: the slot's page belongs to an event that exists, and this is its thread.
                let weight_ns = slot.counted_since(|page| unsafe { perf_event::counted(page) });
                if let Some(weight_ns) = weight_ns.filter(|ns| *ns > 0) {
                    slot.sample(&interrupted(context), Some(weight_ns));
                }
            },
        );
    }
}

/// Gives a thread that has no alternate stack, or one that is too small, the one of its slot. It is
/// used from the thread's next signal on.
fn set_alternate(slot: &Slot, context: &mut libc::ucontext_t) {
    let alternate = &mut context.uc_stack;
    let is_set = alternate.ss_flags & libc::SS_DISABLE == 0 && alternate.ss_size > 0;
    if is_set && alternate.ss_size >= least_bytes() {
        return;
    }
    let Some([low, bytes]) = slot.take_alternate() else { return };
    alternate.ss_sp = ptr::with_exposed_provenance_mut(low as usize);
    alternate.ss_size = bytes as usize;
    alternate.ss_flags = if is_set { alternate.ss_flags & SS_AUTODISARM } else { 0 };
    // On return from the handler, the kernel installs the stack in the context, except if it
    // returns from a stack that is in use. So such a stack is replaced here, while running on one
    // of our own stacks.
    if is_set {
        // SAFETY: the stack exists as long as the thread. The error number belongs to the
        // interrupted code and is restored.
        unsafe {
            let errno = libc::__errno_location();
            let before = *errno;
            libc::sigaltstack(alternate, ptr::null_mut());
            *errno = before;
        }
    }
}

/// The slot of the calling thread, for a perf event.
fn own_slot() -> Option<(&'static Slot, u32)> {
    let (number, thread) = SLOT.get();
    if thread != 0
        && let Some(slot) = slot(number)
        && slot.thread() == thread
    {
        return Some((slot, thread));
    }
    let slot = match Slot::of_pointer(thread_pointer()) {
        Some(slot) => slot,
        None => {
            // SAFETY: no arguments, cannot fail.
            let thread = (unsafe { libc::gettid() }) as u32;
            slots().find(|slot| slot.thread() == thread)?
        }
    };
    let thread = slot.thread();
    SLOT.set((slot.number, thread));
    Some((slot, thread))
}
