//! x86-64.
#![allow(unsafe_code)]

use core::arch::asm;

/// Whether [`counter`] can be read at all; whether it can be trusted is decided at start.
pub(in super::super) const HAS_COUNTER: bool = true;

/// What the kernel looks for before the abort address of a restartable sequence: `RSEQ_SIG` of the
/// kernel's `asm/rseq.h`.
#[cfg(target_os = "linux")]
pub(in super::super) const RSEQ_SIGNATURE: u32 = 0x5305_3053;

/// Reads the [time-stamp counter](https://en.wikipedia.org/wiki/Time_Stamp_Counter).
///
/// `rdtsc` waits for no earlier instruction. An interrupt cannot come between it and a later load
/// the wrong way round all the same, because interrupts are taken between instructions in program
/// order; and that is all that a witness needs.
#[inline(always)]
pub(in super::super) fn counter() -> u64 {
    let (low, high): (u64, u64);
    // SAFETY: `rdtsc` touches no memory. Without `nomem` the compiler moves no memory access across
    // it: the witness is loaded after the counter.
    unsafe { asm!("rdtsc", out("rax") low, out("rdx") high, options(nostack, preserves_flags)) };
    high << 32 | low
}

/// The address that thread-local offsets count from.
#[cfg(target_os = "linux")]
#[inline]
pub(in super::super) fn thread_pointer() -> *mut u8 {
    let pointer: *mut u8;
    // SAFETY: the x86-64 ABI keeps the thread pointer itself at `fs:0`.
    unsafe { asm!("mov {}, fs:0", out(reg) pointer, options(nostack, preserves_flags, readonly)) };
    pointer
}

/// The word at that distance from the thread pointer.
///
/// # Safety
/// It can be read.
#[cfg(target_os = "linux")]
#[inline(always)]
pub(in super::super) unsafe fn thread_word(offset: isize) -> u64 {
    let word: u64;
    // SAFETY: the caller's; the ABI keeps the thread pointer in `fs`.
    unsafe { asm!("mov {}, fs:[{}]", out(reg) word, in(reg) offset, options(nostack, preserves_flags, readonly)) };
    word
}
