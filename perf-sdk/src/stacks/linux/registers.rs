//! The registers that show where a thread is, and its thread pointer.
#![allow(unsafe_code)]

/// The position of a thread.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Registers {
    pub(super) pc: u64,
    pub(super) sp: u64,
    pub(super) fp: u64,
    /// The link register, where there is one.
    #[cfg_attr(target_arch = "x86_64", expect(dead_code, reason = "this architecture has none"))]
    pub(super) lr: u64,
}

/// The position of the caller, into which this is inlined, and the thread pointer.
#[inline(always)]
#[cfg(all(target_arch = "x86_64", any(feature = "heap", target_env = "musl", test)))]
pub(super) fn here() -> (Registers, u64) {
    let (pc, sp, fp): (u64, u64, u64);
    // SAFETY: reads registers.
    unsafe {
        std::arch::asm!(
            "lea {pc}, [rip]",
            "mov {sp}, rsp",
            "mov {fp}, rbp",
            pc = out(reg) pc, sp = out(reg) sp, fp = out(reg) fp,
            options(nostack, preserves_flags, nomem)
        );
    }
    (Registers { pc, sp, fp, lr: 0 }, thread_pointer())
}

/// The position of the caller, into which this is inlined, and the thread pointer.
#[inline(always)]
#[cfg(all(target_arch = "aarch64", any(feature = "heap", target_env = "musl", test)))]
pub(super) fn here() -> (Registers, u64) {
    let (pc, sp, fp, lr): (u64, u64, u64, u64);
    // SAFETY: reads registers.
    unsafe {
        std::arch::asm!(
            "adr {pc}, .",
            "mov {sp}, sp",
            "mov {fp}, x29",
            "mov {lr}, x30",
            pc = out(reg) pc, sp = out(reg) sp, fp = out(reg) fp, lr = out(reg) lr,
            options(nostack, preserves_flags, nomem)
        );
    }
    (Registers { pc, sp, fp, lr }, thread_pointer())
}

/// A number that is unique to the thread as long as it lives.
#[inline]
pub(super) fn thread_pointer() -> u64 {
    let pointer: u64;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: by the ABI, the first word of the thread's control block contains its own address.
    unsafe {
        std::arch::asm!("mov {}, fs:0", out(reg) pointer, options(nostack, preserves_flags, readonly));
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: reads the thread register.
    unsafe {
        std::arch::asm!("mrs {}, tpidr_el0", out(reg) pointer, options(nostack, preserves_flags, nomem));
    }
    pointer
}

/// The position of the thread that a signal interrupted.
#[inline]
#[cfg(target_arch = "x86_64")]
pub(super) fn interrupted(context: &libc::ucontext_t) -> Registers {
    let register = |number: i32| context.uc_mcontext.gregs[number as usize] as u64;
    Registers { pc: register(libc::REG_RIP), sp: register(libc::REG_RSP), fp: register(libc::REG_RBP), lr: 0 }
}

/// The position of the thread that a signal interrupted.
#[inline]
#[cfg(target_arch = "aarch64")]
pub(super) fn interrupted(context: &libc::ucontext_t) -> Registers {
    let registers = &context.uc_mcontext;
    Registers { pc: registers.pc, sp: registers.sp, fp: registers.regs[29], lr: registers.regs[30] }
}
