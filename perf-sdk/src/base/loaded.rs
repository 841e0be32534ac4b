//! Keeps a dynamic library that contains the profiler loaded, even after `dlclose`.
//!
//! Addresses of its code are stored where they cannot be revoked: the signal handler, the handlers
//! for forks and for the ends of threads, and the profiler's own threads. So once it is loaded, it
//! must never be unloaded. This is done when the library is loaded, not when the profiler starts. A
//! profiled call is recorded before the start too, and may run in a signal handler, where the
//! loader must not be called.
#![allow(unsafe_code)]

#[cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64", not(miri)))]
mod linux {
    use std::ffi::{c_int, c_void};
    use std::mem::MaybeUninit;
    use std::slice;

    // NOTE: if nothing of this crate is called, the linker may drop this.
    #[used]
    #[unsafe(link_section = ".init_array")]
    static AT_LOAD: extern "C" fn() = stay_loaded;

    /// Prevents the C library and the program from unloading this code. Does nothing if the code is
    /// part of the program itself, or if the loader does not know it.
    ///
    /// **Cost.** Some microseconds.
    extern "C" fn stay_loaded() {
        let here = (stay_loaded as extern "C" fn() as *const ()).cast::<c_void>();
        let mut is_in_program = here.addr();
        // SAFETY: the callback gets the pointer that is passed here, and uses it with its type.
        unsafe { libc::dl_iterate_phdr(Some(look_at_program), (&raw mut is_in_program).cast()) };
        if is_in_program == 0 {
            return;
        }
        let mut found = MaybeUninit::<libc::Dl_info>::uninit();
        // SAFETY: a valid pointer for the result, which is written if the call succeeds.
        let path = unsafe {
            if libc::dladdr(here, found.as_mut_ptr()) == 0 {
                return;
            }
            found.assume_init().dli_fname
        };
        if !path.is_null() {
            // SAFETY: a C string of the loader's. A library that is loaded already is found by its
            // name, and nothing is loaded. The handle, which counts as one more user, is discarded.
            unsafe { libc::dlopen(path, libc::RTLD_LAZY | libc::RTLD_NOLOAD | libc::RTLD_NODELETE) };
        }
    }

    /// Called with the program itself first: sets the address at `data` to zero if it lies in
    /// there.
    unsafe extern "C" fn look_at_program(info: *mut libc::dl_phdr_info, _: usize, data: *mut c_void) -> c_int {
        // SAFETY: the loader's description, and the address that was passed; both are valid during
        // this call.
        let (info, address) = unsafe { (&*info, &mut *data.cast::<usize>()) };
        // SAFETY: the loader gives the number of headers.
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
