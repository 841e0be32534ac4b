//! Requests to valgrind's callgrind, in whose place a processor does nothing.

const BASE: u64 = (b'C' as u64) << 24 | (b'T' as u64) << 16;

/// Writes what was counted since the last time to a file of its own, and counts from zero.
pub(crate) fn dump() {
    request(BASE);
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn request(number: u64) {
    let arguments = [number, 0, 0, 0, 0, 0];
    // SAFETY: the rotations add up to 128 bits, so each register is as it was; valgrind reads the
    // array, and writes to `rdx`.
    unsafe {
        std::arch::asm!(
            "rol rdi, 3", "rol rdi, 13", "rol rdi, 61", "rol rdi, 51", "xchg rbx, rbx",
            in("rax") arguments.as_ptr(),
            inout("rdx") 0_u64 => _,
        );
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn request(_: u64) {}
