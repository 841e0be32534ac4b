//! A library with the profiler in it stays loaded, whoever lets go of it.
//!
//! Others keep addresses of its code that cannot be taken back: the signal's handler, what is
//! called at a fork and at the end of a thread, and the profiler's own threads. So once it is
//! loaded it is never unloaded. That is settled when it is loaded rather than at the start: a
//! profiled call is recorded before the start too, and may come in a signal handler, where the
//! loader cannot be asked.
#![allow(unsafe_code)]

#[cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64", not(miri)))]
mod linux {
    use std::ffi::{c_int, c_void};
    use std::mem::MaybeUninit;
    use std::slice;

    // NOTE: where nothing of this crate is called, the linker may leave it out.
    #[used]
    #[unsafe(link_section = ".init_array")]
    static AT_LOAD: extern "C" fn() = stay_loaded;

    /// Neither the C library nor the program unloads this code from now on. Nothing where it is
    /// part of the program itself, or where the loader does not know it.
    ///
    /// **Cost.** Some microseconds.
    extern "C" fn stay_loaded() {
        let here = (stay_loaded as extern "C" fn() as *const ()).cast::<c_void>();
        let mut is_in_program = here.addr();
        // SAFETY: the callback gets back the pointer that is handed over here, and keeps to its
        // type.
        unsafe { libc::dl_iterate_phdr(Some(look_at_program), (&raw mut is_in_program).cast()) };
        if is_in_program == 0 {
            return;
        }
        let mut found = MaybeUninit::<libc::Dl_info>::uninit();
        // SAFETY: a valid place for the result, which is written if the call succeeds.
        let path = unsafe {
            if libc::dladdr(here, found.as_mut_ptr()) == 0 {
                return;
            }
            found.assume_init().dli_fname
        };
        if !path.is_null() {
            // SAFETY: a C string of the loader's. What is loaded already is found by its name;
            // nothing is loaded, and nobody wants the handle, which counts as one more user.
            unsafe { libc::dlopen(path, libc::RTLD_LAZY | libc::RTLD_NOLOAD | libc::RTLD_NODELETE) };
        }
    }

    /// The first one is the program: zeroes the address at `data` if it lies there.
    unsafe extern "C" fn look_at_program(info: *mut libc::dl_phdr_info, _: usize, data: *mut c_void) -> c_int {
        // SAFETY: the loader's description, and the address that was handed over; both are valid
        // for this call.
        let (info, address) = unsafe { (&*info, &mut *data.cast::<usize>()) };
        // SAFETY: the loader says how many there are.
        let headers = unsafe { slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
        let is_in = |header: &libc::Elf64_Phdr| {
            let start = info.dlpi_addr.wrapping_add(header.p_vaddr);
            header.p_type == libc::PT_LOAD && (*address as u64).wrapping_sub(start) < header.p_memsz
        };
        if headers.iter().any(is_in) {
            *address = 0;
        }
        1
    }
}
