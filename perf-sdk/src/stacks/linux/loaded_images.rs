//! The images that the dynamic loader has loaded.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_int, c_void};
use std::mem::offset_of;
use std::ops::Range;
use std::slice;
use std::sync::{Arc, OnceLock};

use gimli::{BaseAddresses, EhFrameHdr, LittleEndian, Pointer};

use super::super::debug_frame::DebugFrame;
use super::super::elf::build_id;
use super::super::image::Image;
use super::super::unwind_tables::{Bytes, Copied, NoTables, Tables};
use super::memory_map::mapped_file;
use super::own_memory;
use crate::base::fork::{Lock, Moment};

const PT_LOAD: u32 = 1;
const PT_NOTE: u32 = 4;
const PT_GNU_EH_FRAME: u32 = 0x6474_e550;
const PF_X: u32 = 1;
const PF_R: u32 = 4;

/// How often something was loaded or unloaded so far.
pub(super) fn changes() -> u64 {
    let mut changes = 0;
    each(|info| {
        changes = info.dlpi_adds.wrapping_add(info.dlpi_subs);
        false
    });
    changes
}

/// The images of the last reading, whose tables are copied only once. A forked child keeps using
/// them.
static KNOWN: Lock<Vec<Image>> = Lock::new(Vec::new());

/// The loaded images, sorted by address.
pub(in super::super) fn images() -> Vec<Image> {
    // Locked only briefly, not while the loader is called.
    let known = KNOWN.lock().clone();
    let mut images = Vec::new();
    let mut is_first = true;
    each(|info| {
        // The first one is the program. If the kernel runs its file, the program and the kernel's
        // own library are never unloaded or changed. Others may be unloaded, or their files
        // modified, at any time.
        images.extend(image(info, std::mem::take(&mut is_first), &known));
        true
    });
    // A program that contains musl lists only itself.
    if let Some(info) = kernel_s_own().filter(|info| images.iter().all(|image| image.base != info.dlpi_addr)) {
        images.extend(image(&info, false, &known));
    }
    images.sort_by_key(|image| image.code.start);
    *KNOWN.lock() = images.clone();
    images
}

/// Called when sampling ends.
pub(in super::super) fn forget_images() {
    // Dropped after the lock is released.
    let _known = std::mem::take(&mut *KNOWN.lock());
}

/// Whether this code is part of the program, not of a library that the program loaded.
pub(super) fn is_in_program() -> bool {
    let here = (is_in_program as fn() -> bool as *const ()).addr() as u64;
    let mut is_in = false;
    each(|info| {
        is_in = headers(info).is_some_and(|headers| {
            let mut loaded = headers.iter().filter(|header| header.kind == PT_LOAD && header.flags & PF_X != 0);
            loaded.any(|header| header.range(info.dlpi_addr).contains(&here))
        });
        false
    });
    is_in
}

fn each(mut visit: impl FnMut(&libc::dl_phdr_info) -> bool) {
    let mut visit: &mut dyn FnMut(&libc::dl_phdr_info) -> bool = &mut visit;
    // The loader holds a lock of its own meanwhile. If the process were forked, that lock would
    // stay locked in the child.
    let _moment = Moment::begin();
    // SAFETY: the callback gets the pointer that is passed here, while its target is alive.
    unsafe { libc::dl_iterate_phdr(Some(visited), (&raw mut visit).cast()) };
}

unsafe extern "C" fn visited(info: *mut libc::dl_phdr_info, _: usize, data: *mut c_void) -> c_int {
    // SAFETY: `each` passed it, and nobody else uses it meanwhile.
    let visit = unsafe { &mut *data.cast::<&mut dyn FnMut(&libc::dl_phdr_info) -> bool>() };
    // SAFETY: the loader's own description, which is valid during the callback.
    c_int::from(!visit(unsafe { &*info }))
}

fn image(info: &libc::dl_phdr_info, is_program: bool, known: &[Image]) -> Option<Image> {
    // SAFETY: a C string of the loader's, or null.
    let name = if info.dlpi_name.is_null() { c"" } else { unsafe { CStr::from_ptr(info.dlpi_name) } };
    let mut path = name.to_string_lossy().into_owned();
    let base = info.dlpi_addr;
    let headers = headers(info)?;
    let program = is_program.then(|| program(info.dlpi_phdr.addr() as u64));
    let is_program = program.is_some_and(|program| program.is_run_by_the_kernel);
    let is_of_kernel = base != 0 && base == of_kernel();
    if is_of_kernel {
        OF_KERNEL.clone_into(&mut path);
    }
    let stays = is_program || is_of_kernel;
    // NOTE: musl gives the program's name as its first argument, or as `/proc/self/exe`.
    if let Some(program) = program.filter(|program| !program.path.is_empty()) {
        path.clone_from(&program.path);
    }
    let loaded = |header: &Header| header.range(base);
    let code = headers.iter().filter(|header| header.kind == PT_LOAD && header.flags & PF_X != 0);
    let first = code.clone().min_by_key(|header| header.at)?;
    let end = code.map(|header| loaded(header).end).max()?;
    let mut image = Image {
        path,
        base,
        code: loaded(first).start..end,
        code_offset: first.offset,
        build_id: Vec::new(),
        tables: None,
        debug_frame: None,
        has_no_room: false,
        is_program,
    };
    let readable: Vec<Range<u64>> =
        headers.iter().filter(|header| header.kind == PT_LOAD && header.flags & PF_R != 0).map(loaded).collect();
    // Only data in a readable segment exists, whatever the file claims.
    let length = |range: &Range<u64>| {
        let fits = readable.iter().any(|segment| segment.start <= range.start && range.end <= segment.end);
        usize::try_from(range.end.checked_sub(range.start).filter(|_| fits)?).ok()
    };
    // SAFETY: within a readable segment that is never unloaded. Nobody can write to its file,
    // because the kernel refuses that while it runs.
    let in_place = |start: u64, length| unsafe { slice::from_raw_parts(start as *const u8, length) };
    // NOTE: a library's file may have been truncated since it was loaded. Access to a missing page
    // would kill the program, which may never access it itself. So the table is copied by the
    // kernel.
    let copy = |range: Range<u64>| own_memory::copy(range.start, length(&range)?);
    let memory = |range: Range<u64>| {
        let length = length(&range).ok_or(NoTables::Unreadable)?;
        if stays {
            return Ok(Bytes::InPlace(in_place(range.start, length)));
        }
        Copied::new(length, || copy(range)).map(|copied| Bytes::Copied(Arc::new(copied)))
    };
    let note = |range: Range<u64>| {
        if stays { build_id(in_place(range.start, length(&range)?)) } else { build_id(&copy(range)?) }
    };
    image.build_id = headers
        .iter()
        .filter(|header| header.kind == PT_NOTE)
        .find_map(|header| note(loaded(header)))
        .unwrap_or_default();
    let is_same = |known: &&Image| {
        known.base == base && known.path == image.path && known.build_id == image.build_id && !image.build_id.is_empty()
    };
    if let Some(known) = known.iter().find(is_same) {
        (image.tables, image.debug_frame) = (known.tables.clone(), known.debug_frame.clone());
    }
    if program.is_some() && image.debug_frame.is_none() {
        let read = image.open().ok_or(NoTables::Unreadable).and_then(DebugFrame::of);
        image.has_no_room = read.as_ref().is_err_and(|why| *why == NoTables::NoRoom);
        image.debug_frame = read.ok().map(Arc::new);
    }
    if image.tables.is_some() {
        return Some(image);
    }
    let tables = |found: &Header| {
        let header = memory(loaded(found))?;
        let rest = || {
            let bases = BaseAddresses::default().set_eh_frame_hdr(found.at);
            let parsed = EhFrameHdr::new(&header, LittleEndian).parse(&bases, 8).ok()?;
            let Pointer::Direct(eh_frame_at) = parsed.eh_frame_ptr() else { return None };
            let start = base.wrapping_add(eh_frame_at);
            let segment = readable.iter().find(|segment| segment.contains(&start))?;
            if stays {
                // The length of the table is not given. It ends with the segment at the latest.
                return Some((eh_frame_at, start..segment.end));
            }
            // Up to the last entry that is used, with its length before it.
            let last = base.wrapping_add(Tables::last(found.at, &header)?);
            let word = copy(last..last.checked_add(4)?)?;
            let length = u32::from_le_bytes(*word.first_chunk()?);
            // The 64-bit format is not used in practice.
            let end = last.checked_add(4 + u64::from(length)).filter(|_| length < 0xffff_fff0)?;
            (start <= last).then_some((eh_frame_at, start..end))
        };
        let (eh_frame_at, range) = rest().ok_or(NoTables::Unreadable)?;
        let eh_frame = memory(range)?;
        Tables::new(found.at, header, eh_frame_at, eh_frame).ok_or(NoTables::Unreadable)
    };
    if let Some(found) = headers.iter().find(|header| header.kind == PT_GNU_EH_FRAME) {
        let tables = tables(found);
        image.has_no_room |= tables.as_ref().is_err_and(|why| *why == NoTables::NoRoom);
        image.tables = tables.ok();
    }
    Some(image)
}

const OF_KERNEL: &str = "linux-vdso.so.1";

/// The address of the kernel's own library. 0: there is none.
fn of_kernel() -> u64 {
    // SAFETY: reads a value that the kernel passed to the process.
    unsafe { libc::getauxval(libc::AT_SYSINFO_EHDR) }
}

/// The kernel's own library, as the loader would list it.
fn kernel_s_own() -> Option<libc::dl_phdr_info> {
    let start = Some(of_kernel()).filter(|start| *start != 0)?;
    // SAFETY: the header of an object file, which the kernel never unmaps.
    let header = unsafe { (start as *const libc::Elf64_Ehdr).read() };
    // SAFETY: all fields are numbers or pointers that may be null.
    let mut info: libc::dl_phdr_info = unsafe { std::mem::zeroed() };
    info.dlpi_addr = start;
    info.dlpi_phdr = start.checked_add(header.e_phoff)? as *const libc::Elf64_Phdr;
    info.dlpi_phnum = header.e_phnum;
    Some(info)
}

/// The program's own file.
struct Program {
    path: String,
    /// Whether it is the file of `/proc/self/exe`, to which nobody can write.
    is_run_by_the_kernel: bool,
}

/// The program whose headers are at `headers`. Determined once, because a sandbox may not allow it
/// later.
fn program(headers: u64) -> &'static Program {
    static PROGRAM: OnceLock<Program> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let run =
            std::fs::read_link("/proc/self/exe").map_or_else(|_| String::new(), |path| path.display().to_string());
        // SAFETY: reads a value that the kernel passed to the process.
        let interpreter = unsafe { libc::getauxval(libc::AT_BASE) };
        // Without an interpreter, the kernel ran either a static program, or the interpreter itself
        // with the program's path as its argument.
        if interpreter != 0 {
            return Program { path: run, is_run_by_the_kernel: true };
        }
        match mapped_file(headers) {
            Some(path) => Program { is_run_by_the_kernel: path == run, path },
            // Unknown, so the file may be written to.
            None => Program { path: run, is_run_by_the_kernel: false },
        }
    })
}

/// The relevant fields of a program header.
struct Header {
    kind: u32,
    flags: u32,
    offset: u64,
    at: u64,
    length: u64,
}

impl Header {
    /// Its range in memory.
    fn range(&self, base: u64) -> Range<u64> {
        let start = base.wrapping_add(self.at);
        start..start.saturating_add(self.length)
    }
}

/// The program headers, which must also be in the image's file.
fn headers(info: &libc::dl_phdr_info) -> Option<Vec<Header>> {
    const SIZE: usize = size_of::<libc::Elf64_Phdr>();
    let bytes = own_memory::copy(info.dlpi_phdr.addr() as u64, usize::from(info.dlpi_phnum) * SIZE)?;
    let word = |bytes: &[u8], at: usize| Some(u32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?));
    let long = |bytes: &[u8], at: usize| Some(u64::from_ne_bytes(*bytes.get(at..)?.first_chunk()?));
    let header = |bytes: &[u8]| {
        Some(Header {
            kind: word(bytes, offset_of!(libc::Elf64_Phdr, p_type))?,
            flags: word(bytes, offset_of!(libc::Elf64_Phdr, p_flags))?,
            offset: long(bytes, offset_of!(libc::Elf64_Phdr, p_offset))?,
            at: long(bytes, offset_of!(libc::Elf64_Phdr, p_vaddr))?,
            length: long(bytes, offset_of!(libc::Elf64_Phdr, p_memsz))?,
        })
    };
    bytes.chunks_exact(SIZE).map(header).collect()
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

    /// The copy is as long as the section by readelf, without its terminator. It is made only once,
    /// however often images are read.
    #[test]
    fn of_a_library_only_its_tables_are_copied() {
        let of_libc = (libc::getpid as unsafe extern "C" fn() -> i32 as *const ()).addr() as u64;
        let copied = || match holding(&images(), of_libc).unwrap().tables.as_ref().unwrap() {
            Tables { eh_frame: Bytes::Copied(table), .. } => Arc::clone(table),
            other => panic!("{other:?}"),
        };
        let (first, second) = (copied(), copied());
        let table = Bytes::Copied(Arc::clone(&first));
        let (mut at, mut entries) = (0, 0);
        while at < table.len() {
            let length = u32::from_le_bytes(*table[at..].first_chunk().unwrap());
            assert!(length > 0, "behind the table's end");
            (at, entries) = (at + 4 + length as usize, entries + 1);
        }
        assert!(at == table.len() && entries > 100, "{at} of {}, {entries} entries", table.len());
        assert!(Arc::ptr_eq(&first, &second));
    }

    #[test]
    fn loading_a_library_is_a_change() {
        let before = changes();
        // SAFETY: a library of the C library, without relevant initializers.
        let library = unsafe { libc::dlopen(c"libutil.so.1".as_ptr(), libc::RTLD_NOW) };
        if !library.is_null() {
            assert!(changes() > before);
        }
    }

    /// The file of a library is truncated after its first page: any access to the rest causes a
    /// SIGBUS.
    #[test]
    fn a_library_whose_file_was_cut_off_has_no_tables() {
        const ALONE: &str = "PERF_SDK_TEST_CUT_LIBRARY";
        const DONE: i32 = 42;
        if std::env::var_os(ALONE).is_none() {
            // Runs in a separate process, because the loader may access the library when another
            // test loads one.
            let alone = std::process::Command::new(std::env::current_exe().unwrap())
                .args([
                    "--exact",
                    "stacks::linux::loaded_images::tests::a_library_whose_file_was_cut_off_has_no_tables",
                ])
                .env(ALONE, "")
                .output()
                .unwrap();
            return assert_eq!(alone.status.code(), Some(DONE), "{alone:?}");
        }
        let of_libc = |image: &Image| image.path.contains("libutil") || image.path.contains("libanl");
        let there = ["libutil.so.1", "libanl.so.1"].into_iter().find_map(|name| {
            let folders = ["/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu", "/lib64", "/lib"];
            folders
                .into_iter()
                .map(|folder| format!("{folder}/{name}"))
                .find(|path| std::path::Path::new(path).exists())
        });
        let Some(there) = there else { panic!("a C library without libutil and libanl") };
        let path = std::env::temp_dir().join(format!("perf-sdk-cut-{}-libutil.so", std::process::id()));
        std::fs::copy(there, &path).unwrap();
        let name = std::ffi::CString::new(path.display().to_string()).unwrap();
        // SAFETY: a library of the C library, without relevant initializers. It is not unloaded,
        // because that would run its code.
        let library = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW) };
        assert!(!library.is_null());
        let ours = || images().into_iter().filter(of_libc).find(|image| image.path == path.display().to_string());
        assert!(ours().unwrap().tables.is_some());
        std::fs::File::options().write(true).open(&path).unwrap().set_len(4_096).unwrap();
        assert!(ours().unwrap().tables.is_some(), "copied before");
        forget_images();
        assert!(ours().is_some_and(|image| image.tables.is_none()));
        std::fs::remove_file(&path).unwrap();
        // SAFETY: ends the process without the loader, which would call the library.
        unsafe { libc::_exit(DONE) };
    }
}
