//! AArch64.
#![allow(unsafe_code)]

use core::arch::asm;

/// Whether [`counter`] can be read. Whether it is reliable is decided at the start.
pub(in super::super) const HAS_COUNTER: bool = true;

/// The word that the kernel expects before the abort address of a restartable sequence: `RSEQ_SIG`
/// of the kernel's `asm/rseq.h`. (Little-endian code and data are the same there.)
#[cfg(target_os = "linux")]
pub(in super::super) const RSEQ_SIGNATURE: u32 = 0xd428_bc00;

/// Reads the [virtual count
/// register](https://developer.arm.com/documentation/ddi0595/2021-12/AArch64-Registers/CNTVCT-EL0--Counter-timer-Virtual-Count-register).
///
/// The read may execute some nanoseconds early, ahead of unfinished instructions. The register
/// itself advances in steps of 1 to 52 ns.
#[inline(always)]
pub(in super::super) fn counter() -> u64 {
    let count: u64;
    // SAFETY: reading the register accesses no memory. There is no `nomem`, so that the compiler
    // moves no memory access across it: the witness must be loaded after the counter.
    unsafe { asm!("mrs {}, cntvct_el0", out(reg) count, options(nostack, preserves_flags)) };
    count
}

/// The thread pointer, to which thread-local offsets are relative.
#[cfg(target_os = "linux")]
#[inline(always)]
pub(crate) fn thread_pointer() -> *mut u8 {
    let pointer: *mut u8;
    // SAFETY: reads a register, in which Linux keeps the thread pointer.
    unsafe { asm!("mrs {}, tpidr_el0", out(reg) pointer, options(nomem, nostack, preserves_flags)) };
    pointer
}

/// The word at this offset from the thread pointer.
///
/// # Safety
/// The word is readable.
#[cfg(target_os = "linux")]
#[inline(always)]
pub(in super::super) unsafe fn thread_word(offset: isize) -> u64 {
    // SAFETY: as the caller guarantees.
    unsafe { thread_pointer().wrapping_offset(offset).cast::<u64>().read_volatile() }
}
