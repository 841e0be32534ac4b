//! AArch64.
#![allow(unsafe_code)]

use core::arch::asm;

/// Whether [`counter`] can be read at all; whether it can be trusted is decided at start.
pub(in super::super) const HAS_COUNTER: bool = true;

/// What the kernel looks for before the abort address of a restartable sequence: `RSEQ_SIG` of the
/// kernel's `asm/rseq.h` (little-endian code and data are the same there).
#[cfg(target_os = "linux")]
pub(in super::super) const RSEQ_SIGNATURE: u32 = 0xd428_bc00;

/// Reads the [virtual count
/// register](https://developer.arm.com/documentation/ddi0595/2021-12/AArch64-Registers/CNTVCT-EL0--Counter-timer-Virtual-Count-register).
///
/// It may be read early, ahead of unfinished instructions, by a few nanoseconds; the register
/// itself steps by 1 to 52 ns.
#[inline(always)]
pub(in super::super) fn counter() -> u64 {
    let count: u64;
    // SAFETY: reading the register touches no memory. Without `nomem` the compiler moves no memory
    // access across it: the witness is loaded after the counter.
    unsafe { asm!("mrs {}, cntvct_el0", out(reg) count, options(nostack, preserves_flags)) };
    count
}

/// The address that thread-local offsets count from.
#[cfg(target_os = "linux")]
#[inline]
pub(in super::super) fn thread_pointer() -> *mut u8 {
    let pointer: *mut u8;
    // SAFETY: reads a register; Linux keeps the thread pointer there.
    unsafe { asm!("mrs {}, tpidr_el0", out(reg) pointer, options(nomem, nostack, preserves_flags)) };
    pointer
}

/// The word at that distance from the thread pointer.
///
/// # Safety
/// It can be read.
#[cfg(target_os = "linux")]
#[inline(always)]
pub(in super::super) unsafe fn thread_word(offset: isize) -> u64 {
    // SAFETY: the caller's.
    unsafe { thread_pointer().wrapping_offset(offset).cast::<u64>().read_volatile() }
}
