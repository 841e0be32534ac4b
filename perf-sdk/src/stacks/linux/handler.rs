//! The signal handler.
//!
//! It allocates nothing, takes no lock and makes no system call, except for one the first time that
//! a thread is signalled whose alternate signal stack is too small, and one the first time that a
//! thread which never made a profiled call is signalled by a perf event.
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

/// In the upper half of the value that comes with our timers' signals.
const MARK: u64 = 0x7065_7266;
/// Below it: the slot's tenancy, and its number.
const NUMBER_BITS: u32 = 12;
const _: () = assert!(MAX_SLOTS <= 1 << NUMBER_BITS);

/// What comes with a signal of this slot's timer.
pub(super) fn value(slot: &Slot) -> usize {
    value_of(slot, slot.tenancy())
}

fn value_of(slot: &Slot, tenancy: u32) -> usize {
    (MARK << 32 | u64::from(tenancy << NUMBER_BITS) | u64::from(slot.number)) as usize
}

/// An alternate stack that is not in force while a handler runs on it.
const SS_AUTODISARM: i32 = 1 << 31;
const SI_TIMER: i32 = -2;
const SI_QUEUE: i32 = -1;
/// `POLL_IN` to `POLL_HUP`.
const POLL: std::ops::RangeInclusive<i32> = 1..=6;

thread_local! {
    /// The slot's number, and the thread's; 0: not known yet. Touched only where it is part of the
    /// program, so that it needs no memory.
    static SLOT: Cell<(u32, u32)> = const { Cell::new((0, 0)) };
}

/// `siginfo_t` of a timer or of a descriptor, on 64-bit Linux.
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

/// Whose the signal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Installed {
    Ours,
    /// The program has a handler of its own, which is left alone.
    Taken,
    Refused,
}

/// Makes the signal ours, unless the program handles it. Never undone: without a sampler no signal
/// comes.
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
    // On the alternate stack: the interrupted one may have nothing left. While it runs it is
    // interrupted by no other handler, which would want room for itself.
    ours.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART | libc::SA_ONSTACK;
    // SAFETY: a valid place for a set.
    unsafe { libc::sigfillset(&raw mut ours.sa_mask) };
    // SAFETY: a valid action; its handler has the signature that SA_SIGINFO asks for, and stays.
    if unsafe { libc::sigaction(SIGNAL, &raw const ours, ptr::null_mut()) } == 0 {
        Installed::Ours
    } else {
        Installed::Refused
    }
}

/// What a signal costs that nobody wants: to the handler and back.
pub(super) fn delivery_ns() -> u64 {
    const ROUNDS: u32 = 16;
    // SAFETY: no arguments, cannot fail.
    let (process, thread) = unsafe { (libc::getpid(), libc::gettid()) };
    let one = |_| {
        let start = Instant::now();
        // SAFETY: to this thread, which has a handler for it that leaves signals like this one
        // alone.
        unsafe { libc::syscall(libc::SYS_tgkill, process, thread, SIGNAL) };
        start.elapsed().as_nanos() as u64
    };
    (0..ROUNDS).map(one).min().unwrap_or(0)
}

/// Has a thread sampled where it is now, on the CPU or not. `false`: it has ended.
pub(super) fn ask(thread: u32, slot: &Slot) -> bool {
    // SAFETY: all fields are numbers or pointers that may be null; as long as the kernel's.
    let mut info: libc::siginfo_t = unsafe { mem::zeroed() };
    let fields = (&raw mut info).cast::<Info>();
    // SAFETY: no arguments, cannot fail.
    let process = unsafe { libc::getpid() };
    // SAFETY: an `Info` is no longer than the `siginfo_t` that it lies in, and no more aligned.
    unsafe {
        (*fields).signal = SIGNAL;
        (*fields).code = SI_QUEUE;
        // Of a signal that was queued: the sender's process where a timer has its number.
        (*fields).timer = process;
        (*fields).value = value(slot);
    }
    // SAFETY: to a thread of this process, with a valid description.
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
    // SAFETY: as in `install`; only asks.
    unsafe {
        let mut action: libc::sigaction = mem::zeroed();
        (libc::sigaction(SIGNAL, ptr::null(), &raw mut action) == 0).then_some(action)
    }
}

unsafe extern "C" fn handle(_signal: i32, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the arguments that it asks for; it does not unwind, and signals are blocked while
    // this handler runs.
    unsafe { handler_stacks::run(handle_with_room, info as usize, context as usize) };
}

/// With the addresses of what the kernel hands to a handler with SA_SIGINFO.
unsafe extern "C" fn handle_with_room(info: usize, context: usize) {
    let (info, context) = (info as *const Info, context as *mut libc::ucontext_t);
    // SAFETY: as the caller promises; the context is this handler's alone.
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
                // From a timer; or from the sampler, on a thread that may do nothing at all.
                let periods = (info.code == SI_TIMER).then(|| 1 + u64::from(info.overrun.max(0) as u32));
                let weight_ns = periods.map(|periods| periods.saturating_mul(slot.period_ns()));
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
                // SAFETY: the slot's page is that of an event that lives, and this is its thread.
                let weight_ns = slot.counted_since(|page| unsafe { perf_event::counted(page) });
                if let Some(weight_ns) = weight_ns.filter(|ns| *ns > 0) {
                    slot.sample(&interrupted(context), Some(weight_ns));
                }
            },
        );
    }
}

/// A thread without an alternate stack, or with one that is too small, has that of its slot from
/// its next signal on.
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
    // When the handler returns, the kernel takes what stands in the context. But not while it
    // returns from a stack that is in force: so that one is replaced here, on a stack of ours.
    if is_set {
        // SAFETY: a stack that stays as long as the thread; its error number is the interrupted
        // code's.
        unsafe {
            let errno = libc::__errno_location();
            let before = *errno;
            libc::sigaltstack(alternate, ptr::null_mut());
            *errno = before;
        }
    }
}

/// The calling thread's, with a perf event.
fn own_slot() -> Option<(&'static Slot, u32)> {
    let (number, thread) = SLOT.get();
    if thread != 0
        && let Some(slot) = slot(number)
        && slot.thread() == thread
    {
        return Some((slot, thread));
    }
    // SAFETY: no arguments, cannot fail.
    let thread = (unsafe { libc::gettid() }) as u32;
    let slot = slots().find(|slot| slot.thread() == thread)?;
    SLOT.set((slot.number, thread));
    Some((slot, thread))
}
