//! From addresses to functions, files and lines, including inlined calls.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

use super::allowance::Allowance;
use super::debug_information::{self, NEEDED};
use super::elf::{Elf, Symbol};
use super::function_name::{cut, demangled};
use super::image::{Image, holding};
use super::name_cache::{self, File, Line, Lines, NameCache};
use crate::base::headroom;
use crate::base::process_identity::{AtomicProcess, Process};
use crate::clock;
use crate::monitor;

/// The folder in which distributions install debug files.
const DEBUG_FOLDER: &str = "/usr/lib/debug";
/// The maximum number of bytes that are held of one file while it is read, including inflated
/// sections. Parts that do not fit are treated as missing. The second constant limits it to a
/// fraction of the memory that the process may still allocate, because the parsed form takes
/// several times as much.
pub(super) const MOST_BYTES: usize = 256 << 20;
const PART_OF_LEFT: u64 = 8;
/// Whether lines of libraries are read from files in that folder.
static READS_DEBUG_FILES: AtomicBool = AtomicBool::new(false);

/// Sets whether lines and inlined calls of libraries are read from the system's debug files: these
/// are compressed, and are inflated for each look-up.
pub(crate) fn read_debug_files(on: bool) {
    READS_DEBUG_FILES.store(on, Relaxed);
}

/// The process that reads a file now, which one thread does at a time; 0: none.
static READING: AtomicProcess = AtomicProcess::none();

/// Prevents other threads from reading a file, until it drops.
struct Reading;

impl Reading {
    /// `None` if another thread of this process is reading. A parent's thread does not count in a
    /// forked child.
    fn begin() -> Option<Self> {
        // Made only then: its drop lets others read.
        READING.take(Process::current(), Acquire).then(|| Self)
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        READING.store(None, Release);
    }
}

/// What this process spent on reading debug information.
static ALLOWANCE: Allowance = Allowance::new();

/// The functions at these addresses, which are in the code of `images`, or were
/// [learned](super::name_cache::learn). Each comes with whether its lines are worth any time.
///
/// **Cost.** For addresses that were not looked up before, the debug information of their images is
/// read. That takes tens of milliseconds, and as much memory as the compilation units that contain
/// them: at most 256 MiB of a file, and its parsed form, which are freed at the end. If the process
/// has less than eight times that memory left, it uses less, and finds fewer names. One thread
/// reads at a time. A thread that has waited long enough continues without the unknown names.
///
/// After its first minute, reading takes a four-thousandth of a core, or waits for five minutes.
/// What is not read for that reason has the name of its symbol, without inlined calls and lines,
/// until there is time again.
///
/// Nothing is mapped, so files may be damaged, modified or truncated at any time. Then fewer names
/// are found.
pub(crate) fn resolve(images: &[Image], addresses: impl Iterator<Item = (u64, bool)>) -> HashMap<u64, Lines> {
    let mut shared = name_cache::of_images();
    let mut own = NameCache::default();
    let known = match shared.as_deref_mut() {
        Some(known) => known.get_or_insert_default(),
        None => &mut own,
    };
    resolve_by(known, images, addresses, ALLOWANCE.is_open(clock::wall().now_ns()))
}

fn resolve_by(
    known: &mut NameCache,
    images: &[Image],
    addresses: impl Iterator<Item = (u64, bool)>,
    has_time: bool,
) -> HashMap<u64, Lines> {
    let elsewhere = name_cache::elsewhere();
    let mut found = HashMap::new();
    let mut unknown: HashMap<u64, (&Image, Unknown)> = HashMap::new();
    for (address, is_worth_it) in addresses {
        let Some(image) = holding(images, address) else {
            let elsewhere = elsewhere.as_ref().and_then(|known| known.as_ref()?.get(&File::default(), address));
            found.extend(elsewhere.map(|known| (address, Arc::clone(&known.lines))));
            continue;
        };
        let own = address.wrapping_sub(image.base);
        let (_, unknown) = unknown.entry(image.base).or_insert_with(|| (image, Unknown::of(File::of(image))));
        let known = known.get(&unknown.file, own);
        found.extend(known.map(|known| (address, Arc::clone(&known.lines))));
        match known {
            Some(known) if known.is_all => {}
            Some(_) => unknown.named.push(own),
            None => unknown.nameless.push(own),
        }
        unknown.reads |= (has_time || is_worth_it) && known.is_none_or(|known| !known.is_all);
    }
    unknown.retain(|_, (_, unknown)| unknown.reads || !unknown.nameless.is_empty());
    let reading = if unknown.is_empty() { None } else { Reading::begin() };
    for (image, Unknown { file, nameless, named, reads }) in unknown.into_values().filter(|_| reading.is_some()) {
        let mut own = nameless;
        // What has a name is only read again for its lines.
        if reads {
            own.extend(named);
        }
        own.sort_unstable();
        own.dedup();
        let (lines, is_all) = look_up(image, &own, reads);
        for (own, lines) in own.iter().zip(lines) {
            // There may be more time and memory the next time.
            let is_all = is_all || lines.iter().any(|line| !line.file.is_empty());
            let lines = known.insert(&file, *own, lines, is_all);
            found.insert(image.base.wrapping_add(*own), lines);
        }
    }
    found
}

/// Addresses of one image that are to be looked up.
struct Unknown {
    file: File,
    nameless: Vec<u64>,
    /// Those whose lines were not read.
    named: Vec<u64>,
    /// Whether lines are read now.
    reads: bool,
}

impl Unknown {
    fn of(file: File) -> Self {
        Self { file, nameless: Vec::new(), named: Vec::new(), reads: false }
    }
}

/// Looks up addresses of one image, with lines or without. Returns the functions at each address,
/// and whether all relevant data was read.
fn look_up(image: &Image, addresses: &[u64], reads: bool) -> (Vec<Vec<Line>>, bool) {
    match image.open().and_then(Elf::of).filter(|own| is_of(own, image)) {
        Some(own) => of_file(&own, image, addresses, if reads { room_bytes() } else { 0 }),
        None => (vec![Vec::new(); addresses.len()], true),
    }
}

/// The number of bytes that may be held of a file now.
fn room_bytes() -> usize {
    let left = monitor::memory_left_bytes().unwrap_or(u64::MAX);
    usize::try_from(left / PART_OF_LEFT).unwrap_or(MOST_BYTES).min(MOST_BYTES)
}

/// Looks up addresses in the image's own file, of which at most `room` bytes are held. Also returns
/// whether everything could be read.
pub(super) fn of_file(own: &Elf, image: &Image, addresses: &[u64], room: usize) -> (Vec<Vec<Line>>, bool) {
    let separate = if debug_information::is_in(own) { None } else { debug_file(own, image) };
    let has_lines = separate.as_ref().is_none_or(|(_, debug)| reads_lines(debug, image));
    let separate = separate.map(|(file, _)| file);
    let described = separate.as_ref().unwrap_or(own);
    let bytes = if has_lines { described.bytes_of(&NEEDED.map(|id| id.name())) } else { 0 };
    // The sections, and as much again for their parsed form.
    let (is_all, most) = (bytes <= room, 2 * bytes.min(room));
    let has_room = bytes == 0 || headroom::is_there(most.max(1));
    let lines = if bytes > 0 && room > 0 && has_room { read_lines(described, addresses, room) } else { None };
    let mut lines = lines.unwrap_or_else(|| vec![Vec::new(); addresses.len()]);
    let symbols = Symbols::of([separate.as_ref(), Some(own)].into_iter().flatten(), addresses);
    for (lines, address) in lines.iter_mut().zip(addresses) {
        // The function that is not inlined has a symbol, which contains its path. Debug information
        // may lack the path.
        match (symbols.at(*address), lines.last_mut()) {
            (Some(name), Some(outermost)) => outermost.function = name.into(),
            (Some(name), None) => lines.push(Line { function: name.into(), ..Line::default() }),
            (None, _) => lines.retain(|line| !line.function.is_empty()),
        }
    }
    (lines, is_all && has_room)
}

/// The functions at addresses by debug information, for which CPU time is spent.
fn read_lines(file: &Elf, addresses: &[u64], room: usize) -> Option<Vec<Vec<Line>>> {
    let cpu = || clock::thread_cpu_ns_of(clock::thread_id());
    let before = cpu();
    let lines = debug_information::lines_of(file, addresses, room);
    let spent = cpu().zip(before).map_or(0, |(now, before)| now.saturating_sub(before));
    ALLOWANCE.spend(clock::wall().now_ns(), spent);
    lines
}

/// Whether a file belongs to the image. A file that was replaced since it was loaded does not
/// describe the running code.
fn is_of(file: &Elf, image: &Image) -> bool {
    file.build_id() == image.build_id
}

/// Whether lines are read from a separate file, and not only the names of functions.
fn reads_lines(debug: &Path, image: &Image) -> bool {
    image.is_program || !debug.starts_with(DEBUG_FOLDER) || READS_DEBUG_FILES.load(Relaxed)
}

/// The separate file with debug information, and its path: by build id in the folder of
/// distributions, or by the name in the file, in the same folder.
fn debug_file(file: &Elf, image: &Image) -> Option<(Elf, PathBuf)> {
    let mut candidates: Vec<PathBuf> = Vec::new();
    if let Some((first, rest)) = image.build_id.split_first() {
        let rest: String = rest.iter().map(|byte| format!("{byte:02x}")).collect();
        candidates.push(format!("{DEBUG_FOLDER}/.build-id/{first:02x}/{rest}.debug").into());
    }
    if let Some(name) = file.debug_link()
        && let Some(folder) = Path::new(&image.path).parent()
    {
        candidates.push(folder.join(&name));
        candidates.push(folder.join(".debug").join(&name));
        candidates.push(Path::new(DEBUG_FOLDER).join(folder.strip_prefix("/").unwrap_or(folder)).join(&name));
    }
    let mut files = candidates.into_iter().filter_map(|path| Some((Elf::open(&path)?, path)));
    files.find(|(debug, _)| debug_information::is_in(debug) && is_of(debug, image))
}

/// The functions that contain the addresses, ordered by address.
struct Symbols<'a>(Vec<(Symbol, &'a Elf)>);

impl<'a> Symbols<'a> {
    /// `addresses` must be sorted.
    fn of(files: impl Iterator<Item = &'a Elf>, addresses: &[u64]) -> Self {
        let mut symbols: Vec<(Symbol, &Elf)> = Vec::new();
        for file in files {
            file.each_function(|symbol| {
                let next = addresses.partition_point(|address| *address < symbol.start);
                let holds_one = addresses.get(next).is_some_and(|address| symbol.holds(*address));
                // Without memory, fewer names are found.
                if holds_one && symbols.try_reserve(1).is_ok() {
                    symbols.push((symbol, file));
                }
            });
        }
        symbols.sort_by_key(|(symbol, _)| (symbol.start, symbol.size));
        Self(symbols)
    }

    fn at(&self, address: u64) -> Option<String> {
        let after = self.0.partition_point(|(symbol, _)| symbol.start <= address);
        let mut near = self.0[..after].iter().rev().take(8).filter(|(symbol, _)| symbol.holds(address)).peekable();
        let (nearest, _) = *near.peek()?;
        let same = near.take_while(|(symbol, _)| (symbol.start, symbol.size) == (nearest.start, nearest.size));
        let name = same.filter_map(|(symbol, file)| file.name(symbol)).max()?;
        Some(demangled(cut(&name)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::elf::object_file;
    use super::super::plain_file::PlainFile;
    use std::time::{Duration, Instant};

    use super::*;

    /// Looks up `address` in sections of debug information.
    fn by(sections: &[(&str, &[u8])], address: u64) -> Option<Vec<Line>> {
        let file = Elf::of(PlainFile::of_bytes(&object_file(sections))).unwrap();
        debug_information::lines_of(&file, &[address], MOST_BYTES).map(|lines| lines.into_iter().next().unwrap())
    }

    fn image(is_program: bool) -> Image {
        Image {
            path: String::new(),
            base: 0,
            code: 0..u64::MAX,
            code_offset: 0,
            build_id: Vec::new(),
            tables: None,
            debug_frame: None,
            has_no_room: false,
            is_program,
        }
    }

    /// A unit of one function named `f`, with nested inlined calls of this depth.
    fn nested(depth: usize) -> (Vec<u8>, Vec<u8>) {
        let abbreviations = [
            &[1, 0x11, 1, 0x11, 1, 0x12, 6, 0, 0][..],      // a unit: low_pc, high_pc
            &[2, 0x2e, 1, 3, 8, 0x11, 1, 0x12, 6, 0, 0],    // a function: name, low_pc, high_pc
            &[3, 0x1d, 1, 3, 8, 0x11, 1, 0x12, 6, 0, 0, 0], // an inlined call: the same
        ];
        let place = |name: &[u8]| [name, &0x1000_u64.to_le_bytes(), &0x100_u32.to_le_bytes()].concat();
        let mut entries = [&[4, 0, 0, 0, 0, 0, 8][..], &[1], &place(b""), &[2], &place(b"f\0")].concat();
        (0..depth).for_each(|_| entries.extend([&[3][..], &place(b"g\0")].concat()));
        entries.extend(vec![0; depth + 2]);
        let information = [&(entries.len() as u32).to_le_bytes()[..], &entries].concat();
        (abbreviations.concat(), information)
    }

    #[test]
    fn deeply_nested_inlined_calls_are_found() {
        for depth in [0, 1, 100] {
            let (abbreviations, information) = nested(depth);
            let lines = by(&[(".debug_abbrev", &abbreviations), (".debug_info", &information)], 0x1010).unwrap();
            let names: Vec<&str> = lines.iter().map(|line| &*line.function).collect();
            assert_eq!(names, [vec!["g"; depth], vec!["f"]].concat());
        }
    }

    #[test]
    fn the_system_s_debug_files_give_lines_of_the_program_and_of_what_was_asked_for() {
        let (library, program) = (image(false), image(true));
        let [of_system, beside] = ["/usr/lib/debug/.build-id/00/01.debug", "/srv/lib/debug/libx.debug"].map(Path::new);
        let reads = || {
            [(of_system, &library), (beside, &library), (of_system, &program)]
                .map(|(path, image)| reads_lines(path, image))
        };
        assert_eq!(reads(), [false, true, true]);
        read_debug_files(true);
        let asked_for = reads();
        read_debug_files(false);
        assert_eq!(asked_for, [true; 3]);
    }

    #[test]
    fn without_room_there_are_no_lines() {
        let (abbreviations, information) = nested(1);
        let sections: [(&str, &[u8]); 2] = [(".debug_abbrev", &abbreviations), (".debug_info", &information)];
        let file = Elf::of(PlainFile::of_bytes(&object_file(&sections))).unwrap();
        let lines = |room| debug_information::lines_of(&file, &[0x1010], room).map_or(0, |lines| lines[0].len());
        let needed = abbreviations.len() + information.len();
        assert_eq!(file.bytes_of(&[".debug_abbrev", ".debug_info", ".debug_line"]), needed);
        assert_eq!((lines(needed), lines(needed - 1), lines(0)), (2, 0, 0));
        let is_all = |room| of_file(&file, &image(false), &[0x1010], room).1;
        assert!(is_all(needed) && !is_all(needed - 1) && !is_all(0));
    }

    /// The test program has line tables.
    #[cfg(all(
        feature = "pprof",
        target_os = "linux",
        any(target_arch = "x86_64", target_arch = "aarch64"),
        not(miri)
    ))]
    #[test]
    fn an_address_has_its_function_at_once_and_its_lines_when_there_is_time() {
        let _alone = name_cache::alone();
        let images = super::super::linux::images();
        // Of more than one byte, however it is optimised.
        let address = room_bytes as fn() -> usize as *const () as u64 + 1;
        let mut known = NameCache::default();
        // Another test may be reading meanwhile.
        let mut ask = |is_worth_it, has_time| {
            let start = Instant::now();
            loop {
                let found = resolve_by(&mut known, &images, [(address, is_worth_it)].into_iter(), has_time);
                match found.get(&address).and_then(|lines| lines.last()) {
                    Some(line) => break (line.function.to_string(), line.line > 0),
                    None => assert!(
                        start.elapsed() < Duration::from_secs(60),
                        "{:?}",
                        holding(&images, address).map(|image| (&image.path, &image.build_id, image.open()))
                    ),
                }
            }
        };
        let (name, has_line) = ask(false, false);
        assert!(name.ends_with("::room_bytes") && !has_line, "{name}");
        assert_eq!(ask(false, false), (name.clone(), false));
        assert_eq!(ask(true, false), (name.clone(), true));
        assert_eq!(ask(false, false), (name.clone(), true), "it stays");
        assert_eq!(ask(false, true), (name, true));
    }

    #[test]
    fn one_thread_reads_at_a_time() {
        // Another test may be reading meanwhile.
        let start = Instant::now();
        let first = loop {
            match Reading::begin() {
                Some(first) => break first,
                None => assert!(start.elapsed() < Duration::from_secs(60)),
            }
        };
        // Asking does not let others read.
        assert!(Reading::begin().is_none() && Reading::begin().is_none());
        // As in a forked child, whose parent was reading.
        READING.store(Some(Process::other(1)), Release);
        assert!(Reading::begin().is_some());
        drop(first);
    }

    #[test]
    fn endlessly_nested_entries_yield_no_names() {
        let (abbreviations, information) = nested(300_000);
        let lines = by(&[(".debug_abbrev", &abbreviations), (".debug_info", &information)], 0x1010).unwrap();
        assert!(lines.is_empty());
    }

    /// The header of a line table claims 2⁶² files, each described by nothing.
    #[test]
    fn line_tables_with_endless_files_yield_no_lines() {
        let (mut abbreviations, mut information) = nested(0);
        abbreviations.splice(7..7, [0x10, 0x17]); // its line table
        information.splice(12 + 8 + 4..12 + 8 + 4, [0, 0, 0, 0]);
        let length = information.len() as u32 - 4;
        information[..4].copy_from_slice(&length.to_le_bytes());
        let count = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40];
        let tables = [&[1, 1, 0x19][..], &count, &[1, 1, 0x19], &count].concat();
        let rest = [&[1, 1, 1, 0xfb, 14, 1][..], &tables].concat();
        let header = [&[5, 0, 8, 0][..], &(rest.len() as u32).to_le_bytes(), &rest].concat();
        let line = [&(header.len() as u32).to_le_bytes()[..], &header].concat();
        let sections: [(&str, &[u8]); 3] =
            [(".debug_abbrev", &abbreviations), (".debug_info", &information), (".debug_line", &line)];
        // The unit is not read at all.
        assert_eq!(by(&sections, 0x1010), Some(Vec::new()));
        let mut harmless = line.clone();
        let form = harmless.iter().position(|byte| *byte == 0x19).unwrap();
        harmless[form..form + 2].copy_from_slice(&[8, 0]);
        let without = [sections[0], sections[1], (".debug_line", &harmless[..])];
        assert!(by(&without, 0x1010).is_some());
    }

    #[test]
    fn a_symbol_ends_at_its_size() {
        let holds = |start, size, address| Symbol { start, size, name_at: 0 }.holds(address);
        assert!(!holds(10, 5, 9) && holds(10, 5, 10) && holds(10, 5, 14) && !holds(10, 5, 15));
        assert!(holds(20, 0, 20) && !holds(20, 0, 21));
        assert!(holds(u64::MAX, 5, u64::MAX) && holds(7, u64::MAX, u64::MAX - 1));
    }
}
