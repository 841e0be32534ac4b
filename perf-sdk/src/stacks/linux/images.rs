//! What the dynamic loader has loaded.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_int, c_void};
use std::ops::Range;
use std::slice;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::Acquire, Ordering::Release};
use std::time::{Duration, Instant};

use gimli::{BaseAddresses, EhFrameHdr, LittleEndian, Pointer};

use super::super::image::{Bytes, Image, Tables};
use crate::fork::{self, Hook};

const PT_LOAD: u32 = 1;
const PT_NOTE: u32 = 4;
const PT_GNU_EH_FRAME: u32 = 0x6474_e550;
const PF_X: u32 = 1;
const NT_GNU_BUILD_ID: u32 = 3;

/// How often something was loaded or unloaded so far.
pub(in super::super) fn changes() -> u64 {
    let mut changes = 0;
    each(|info| {
        changes = info.dlpi_adds.wrapping_add(info.dlpi_subs);
        false
    });
    changes
}

/// Sorted by address.
pub(in super::super) fn images() -> Vec<Image> {
    let mut images = Vec::new();
    each(|info| {
        // The first one is the program. It and the kernel's own library stay for good; another may be unloaded at any time.
        images.extend(image(info, images.is_empty()));
        true
    });
    images.sort_by_key(|image| image.code.start);
    images
}

/// Whether this very code is part of the program, rather than of a library that it loaded.
pub(in super::super) fn is_in_program() -> bool {
    let here = (is_in_program as fn() -> bool as *const ()).addr() as u64;
    let mut is_in = false;
    each(|info| {
        is_in = image(info, false).is_some_and(|program| program.code.contains(&here));
        false
    });
    is_in
}

/// While the loader is asked it holds a lock of its own, which would stay locked for good in a process that is forked meanwhile.
static ASKING: AtomicBool = AtomicBool::new(false);
/// A fork waits for no longer.
const PATIENCE: Duration = Duration::from_millis(200);

fn begin_asking() {
    let start = Instant::now();
    while ASKING.swap(true, Acquire) && start.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_micros(50));
    }
}

static HOOK: Hook = Hook { before: Some(begin_asking), parent: Some(end_asking), child: end_asking };

fn end_asking() {
    ASKING.store(false, Release);
}

fn each(mut visit: impl FnMut(&libc::dl_phdr_info) -> bool) {
    fork::register(&HOOK);
    let mut visit: &mut dyn FnMut(&libc::dl_phdr_info) -> bool = &mut visit;
    begin_asking();
    // SAFETY: the callback gets back the pointer that is handed over here, while what it leads to lives.
    unsafe { libc::dl_iterate_phdr(Some(visited), (&raw mut visit).cast()) };
    end_asking();
}

unsafe extern "C" fn visited(info: *mut libc::dl_phdr_info, _: usize, data: *mut c_void) -> c_int {
    // SAFETY: `each` handed it over; nobody else uses it meanwhile.
    let visit = unsafe { &mut *data.cast::<&mut dyn FnMut(&libc::dl_phdr_info) -> bool>() };
    // SAFETY: the loader's own description, valid during the callback.
    c_int::from(!visit(unsafe { &*info }))
}

fn image(info: &libc::dl_phdr_info, is_program: bool) -> Option<Image> {
    // SAFETY: a C string of the loader's, or null.
    let name = if info.dlpi_name.is_null() { c"" } else { unsafe { CStr::from_ptr(info.dlpi_name) } };
    let mut path = name.to_string_lossy().into_owned();
    let stays = is_program || path.starts_with("linux-vdso");
    if path.is_empty() {
        path = program_path();
    }
    // SAFETY: the loader's program headers, as many as it says.
    let headers = unsafe { slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
    let base = info.dlpi_addr;
    let loaded = |header: &libc::Elf64_Phdr| {
        let start = base.wrapping_add(header.p_vaddr);
        start..start.wrapping_add(header.p_memsz)
    };
    let code = headers.iter().filter(|header| header.p_type == PT_LOAD && header.p_flags & PF_X != 0);
    let first = code.clone().min_by_key(|header| header.p_vaddr)?;
    let end = code.map(|header| loaded(header).end).max()?;
    let mut image = Image {
        path,
        base,
        code: loaded(first).start..end,
        code_offset: first.p_offset,
        build_id: Vec::new(),
        tables: None,
        is_program,
    };
    let readable: Vec<Range<u64>> =
        headers.iter().filter(|h| h.p_type == PT_LOAD && h.p_flags & 4 != 0).map(loaded).collect();
    let memory = |range: Range<u64>| {
        let fits = readable.iter().any(|segment| segment.start <= range.start && range.end <= segment.end);
        let length = (range.end - range.start) as usize;
        // SAFETY: within a readable segment, which is mapped: during the callback nothing is unloaded.
        fits.then(|| unsafe { slice::from_raw_parts(range.start as *const u8, length) })
    };
    image.build_id = headers
        .iter()
        .filter(|header| header.p_type == PT_NOTE)
        .find_map(|header| build_id(memory(loaded(header))?))
        .unwrap_or_default();
    image.tables = headers.iter().find(|header| header.p_type == PT_GNU_EH_FRAME).and_then(|header| {
        let bytes = memory(loaded(header))?;
        let own = EhFrameHdr::new(bytes, LittleEndian);
        let bases = BaseAddresses::default().set_eh_frame_hdr(header.p_vaddr);
        let Pointer::Direct(eh_frame_at) = own.parse(&bases, 8).ok()?.eh_frame_ptr() else { return None };
        // How long the table is nobody says; it ends with the segment at the latest.
        let start = base.wrapping_add(eh_frame_at);
        let segment = readable.iter().find(|segment| segment.contains(&start))?;
        let eh_frame = memory(start..segment.end)?;
        let keep = |bytes: &'static [u8]| if stays { Bytes::InPlace(bytes) } else { Bytes::Copied(bytes.to_vec()) };
        Some(Tables { header_at: header.p_vaddr, header: keep(bytes), eh_frame_at, eh_frame: keep(eh_frame) })
    });
    Some(image)
}

/// Asked for once: later it may be what a sandbox does not expect.
fn program_path() -> String {
    static PATH: OnceLock<String> = OnceLock::new();
    let read =
        || std::fs::read_link("/proc/self/exe").map_or_else(|_| String::new(), |path| path.display().to_string());
    PATH.get_or_init(read).clone()
}

/// The build id among notes: each is the length of its name and of its description, its kind, and both, padded to four bytes.
fn build_id(mut notes: &[u8]) -> Option<Vec<u8>> {
    let padded = |length: usize| length.div_ceil(4) * 4;
    loop {
        let word = |at: usize| Some(u32::from_ne_bytes(notes.get(at..at + 4)?.try_into().ok()?));
        let (name, description, kind) = (word(0)? as usize, word(4)? as usize, word(8)?);
        let at = 12 + padded(name);
        if kind == NT_GNU_BUILD_ID && notes.get(12..12 + name)? == b"GNU\0" {
            return Some(notes.get(at..at + description)?.to_vec());
        }
        notes = notes.get(at + padded(description)..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::image::holding;
    use super::*;

    #[test]
    fn the_program_and_the_c_library_are_found_with_their_tables() {
        let images = images();
        let own = (build_id as fn(&[u8]) -> Option<Vec<u8>> as *const ()).addr() as u64;
        let of_libc = (libc::getpid as unsafe extern "C" fn() -> i32 as *const ()).addr() as u64;
        let program = holding(&images, own).unwrap();
        assert_eq!(program.path, std::env::current_exe().unwrap().display().to_string());
        assert!(matches!(program.tables.as_ref().unwrap().eh_frame, Bytes::InPlace(_)) && is_in_program());
        let library = holding(&images, of_libc).unwrap();
        assert!(library.path.contains("libc"), "{}", library.path);
        assert!(matches!(library.tables.as_ref().unwrap().eh_frame, Bytes::Copied(_)));
        assert_eq!(library.build_id.len(), 20);
        assert!(holding(&images, 8).is_none() && holding(&images, u64::MAX).is_none());
    }

    #[test]
    fn loading_a_library_is_a_change() {
        let before = changes();
        // SAFETY: a library of the C library's own, without initialisers that matter.
        let library = unsafe { libc::dlopen(c"libutil.so.1".as_ptr(), libc::RTLD_NOW) };
        if !library.is_null() {
            assert!(changes() > before);
        }
    }

    #[test]
    fn notes_that_are_cut_short_have_no_build_id() {
        let note = [4, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, b'G', b'N', b'U', 0, 7, 8, 0, 0];
        assert_eq!(build_id(&note), Some(vec![7, 8]));
        assert!((0..note.len() - 2).all(|length| build_id(&note[..length]).is_none()));
    }
}
