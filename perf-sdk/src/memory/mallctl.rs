//! jemalloc's control interface: statistics and settings by name.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_int, c_void};
use std::mem::{self, MaybeUninit};
use std::ptr;

use tikv_jemalloc_sys as sys;

/// An error number of the C library: 2 for a name that this jemalloc does not have, 22 for a value
/// of another size.
pub(crate) type Code = c_int;

/// Reads the value of `name`.
///
/// # Safety
/// By jemalloc's manual, the value is of type `T`.
pub(crate) unsafe fn read<T: Copy>(name: &CStr) -> Result<T, Code> {
    let mut value = MaybeUninit::<T>::uninit();
    // SAFETY: room for a `T`.
    unsafe { call(name, value.as_mut_ptr(), ptr::null_mut()) }?;
    // SAFETY: jemalloc rejects a value of another size than its own, so it has written the whole
    // value.
    Ok(unsafe { value.assume_init() })
}

/// Writes the value of `name`.
///
/// # Safety
/// By jemalloc's manual, the value is of type `T`, and this value is allowed.
pub(crate) unsafe fn write<T: Copy>(name: &CStr, mut value: T) -> Result<(), Code> {
    // SAFETY: a valid value, whose meaning the caller guarantees.
    unsafe { call(name, ptr::null_mut(), &raw mut value) }
}

/// Writes the value of `name`, and returns the previous one.
///
/// # Safety
/// As for [`write`].
#[cfg(feature = "pool")]
pub(crate) unsafe fn exchange<T: Copy>(name: &CStr, mut value: T) -> Result<T, Code> {
    let mut before = MaybeUninit::<T>::uninit();
    // SAFETY: room for a `T`, and a valid value, whose meaning the caller guarantees.
    unsafe { call(name, before.as_mut_ptr(), &raw mut value) }?;
    // SAFETY: as in `read`.
    Ok(unsafe { before.assume_init() })
}

/// Executes the command `name`.
///
/// # Safety
/// The caller is responsible for what `name` does to memory that is in use.
#[cfg(feature = "pool")]
pub(crate) unsafe fn tell(name: &CStr) -> Result<(), Code> {
    // SAFETY: neither reads nor writes a value.
    unsafe { call::<u8>(name, ptr::null_mut(), ptr::null_mut()) }
}

/// Updates jemalloc's statistics.
pub(crate) fn refresh() -> Result<(), Code> {
    // SAFETY: a `uint64_t`, by jemalloc's manual. Any value may be written.
    unsafe { write(c"epoch", 1_u64) }
}

/// # Safety
/// `old` is null or has room for a value; `new` is null or points to one.
unsafe fn call<T>(name: &CStr, old: *mut T, new: *mut T) -> Result<(), Code> {
    let size = mem::size_of::<T>();
    let mut old_size = size;
    let old_size = if old.is_null() { ptr::null_mut() } else { &raw mut old_size };
    let new_size = if new.is_null() { 0 } else { size };
    // SAFETY: the name ends with a 0. The pointers are null or valid for the sizes, as the caller
    // guarantees.
    match unsafe { sys::mallctl(name.as_ptr(), old.cast::<c_void>(), old_size, new.cast::<c_void>(), new_size) } {
        0 => Ok(()),
        code => Err(code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_values_of_one_size() {
        // SAFETY: an `unsigned`, by jemalloc's manual. A value of another size is rejected.
        let (right, wrong) = unsafe { (read::<u32>(c"arenas.narenas"), read::<u64>(c"arenas.narenas")) };
        assert!(right.is_ok_and(|arenas| arenas > 0) && wrong == Err(22), "{right:?} {wrong:?}");
        // SAFETY: there is no value of this name.
        assert_eq!(unsafe { read::<u32>(c"no.such.name") }, Err(2));
        assert_eq!(refresh(), Ok(()));
    }

    #[test]
    fn an_exchange_returns_the_previous_value() {
        // SAFETY: a `ssize_t`, by jemalloc's manual, for arenas that are created later.
        unsafe {
            let before: isize = read(c"arenas.muzzy_decay_ms").unwrap();
            assert_eq!(exchange(c"arenas.muzzy_decay_ms", before + 1), Ok(before));
            assert_eq!(exchange(c"arenas.muzzy_decay_ms", before), Ok(before + 1));
        }
    }
}
