//! From addresses to functions, files and lines, inlined calls included.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

use addr2line::Context;
use flate2::read::ZlibDecoder;
use gimli::{DwarfSections, EndianSlice, LittleEndian, SectionId};
use memmap2::Mmap;
use object::{CompressionFormat, Object as _, ObjectSection as _, ObjectSymbol as _, SymbolKind};

use super::image::{Image, holding};
use super::mapped::map;

/// Where distributions keep debug files.
const DEBUG_FOLDER: &str = "/usr/lib/debug";
/// Addresses that are remembered.
const MAX_KNOWN: usize = 1 << 16;

/// A function, and where in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Line {
    pub(crate) function: String,
    pub(crate) file: String,
    /// 0: not known.
    pub(crate) line: u32,
}

/// What an address is: the innermost of inlined calls first. Empty: nobody knows.
pub(crate) type Lines = Arc<[Line]>;

/// By image and address within, so that it holds for whatever is loaded there later.
static KNOWN: Mutex<Option<HashMap<Place, Lines>>> = Mutex::new(None);
/// The process in which it was locked last.
static KNOWN_BY: AtomicU32 = AtomicU32::new(0);
/// Reading debug information may take others that long.
const PATIENCE: Duration = Duration::from_secs(5);

/// Addresses outside of all images that are known, as somebody else says.
static ELSEWHERE: Mutex<Option<HashMap<u64, Lines>>> = Mutex::new(None);

/// Build id and path of an image, and an address within.
type Place = (Vec<u8>, String, u64);

/// Says what is at an address which is in no image, unless that is known.
#[cfg(feature = "pprof")]
pub(super) fn learn(address: u64, lines: impl FnOnce() -> Vec<Line>) {
    let Ok(mut elsewhere) = ELSEWHERE.try_lock() else { return };
    let known = elsewhere.get_or_insert_default();
    if known.len() < MAX_KNOWN {
        known.entry(address).or_insert_with(|| lines().into());
    }
}

/// What is at these addresses, which are in code of `images`, or were [learned](learn).
///
/// **Cost.** For addresses that were never asked for, the debug information of their images is read: tens of milliseconds, and as much memory as the
/// units that hold them take, given back at the end.
pub(crate) fn resolve(images: &[Image], addresses: impl Iterator<Item = u64>) -> HashMap<u64, Lines> {
    let mut shared = known();
    let mut own = HashMap::new();
    let known = match shared.as_deref_mut() {
        Some(known) => known.get_or_insert_default(),
        None => &mut own,
    };
    let elsewhere = ELSEWHERE.try_lock().ok();
    let mut found = HashMap::new();
    let mut unknown: HashMap<u64, (&Image, Vec<u64>)> = HashMap::new();
    for address in addresses {
        let Some(image) = holding(images, address) else {
            let elsewhere = elsewhere.as_ref().and_then(|known| known.as_ref()?.get(&address));
            found.extend(elsewhere.map(|lines| (address, Arc::clone(lines))));
            continue;
        };
        let own = address.wrapping_sub(image.base);
        match known.get(&(image.build_id.clone(), image.path.clone(), own)) {
            Some(lines) => drop(found.insert(address, Arc::clone(lines))),
            None => unknown.entry(image.base).or_insert((image, Vec::new())).1.push(own),
        }
    }
    for (image, mut own) in unknown.into_values() {
        own.sort_unstable();
        own.dedup();
        if known.len() + own.len() > MAX_KNOWN {
            known.clear();
        }
        for (own, lines) in own.iter().zip(look_up(image, &own)) {
            let lines: Lines = lines.into();
            found.insert(image.base.wrapping_add(*own), Arc::clone(&lines));
            known.insert((image.build_id.clone(), image.path.clone(), *own), lines);
        }
    }
    found
}

/// What is known, when nobody else is reading. `None`: it takes too long, or whoever has it is not there any more, in a forked child.
fn known() -> Option<MutexGuard<'static, Option<HashMap<Place, Lines>>>> {
    let (process, start) = (std::process::id(), Instant::now());
    loop {
        match KNOWN.try_lock() {
            Ok(known) => {
                KNOWN_BY.store(process, Relaxed);
                return Some(known);
            }
            // Who panicked did so while it read a file, not while it added to what is known.
            Err(TryLockError::Poisoned(known)) => {
                KNOWN.clear_poison();
                KNOWN_BY.store(process, Relaxed);
                return Some(known.into_inner());
            }
            Err(TryLockError::WouldBlock) if KNOWN_BY.load(Relaxed) == process && start.elapsed() < PATIENCE => {
                thread::sleep(Duration::from_millis(5));
            }
            Err(TryLockError::WouldBlock) => return None,
        }
    }
}

/// Of one image; for each address what is there.
fn look_up(image: &Image, addresses: &[u64]) -> Vec<Vec<Line>> {
    let nothing = || vec![Vec::new(); addresses.len()];
    let Some(map) = map(&image.file()) else { return nothing() };
    let Ok(own) = object::File::parse(&*map) else { return nothing() };
    if !is_of(&own, image) {
        return nothing();
    }
    let separate = if has_lines(&own) { None } else { debug_file(&own, image) };
    let separate = separate.as_ref().and_then(|map| object::File::parse(&**map).ok());
    let described = separate.as_ref().unwrap_or(&own);
    let mut lines = from_debug_information(described, addresses).unwrap_or_else(nothing);
    let symbols = Symbols::of([Some(described), Some(&own)].into_iter().flatten());
    for (lines, address) in lines.iter_mut().zip(addresses) {
        // The function that was not inlined has a symbol, which knows its path; debug information need not.
        match (symbols.at(*address), lines.last_mut()) {
            (Some(name), Some(outermost)) => outermost.function = name,
            (Some(function), None) => lines.push(Line { function, ..Line::default() }),
            (None, _) => lines.retain(|line| !line.function.is_empty()),
        }
    }
    lines
}

/// A file that was replaced since it was loaded says nothing about what runs.
fn is_of(file: &object::File<'_>, image: &Image) -> bool {
    match file.build_id() {
        Ok(Some(id)) => image.build_id == id,
        _ => image.build_id.is_empty(),
    }
}

fn has_lines(file: &object::File<'_>) -> bool {
    file.section_by_name(".debug_info").is_some()
}

/// By build id where distributions keep them, and by the name that the file says, beside it.
fn debug_file(file: &object::File<'_>, image: &Image) -> Option<Mmap> {
    let mut candidates: Vec<PathBuf> = Vec::new();
    if let Some((first, rest)) = image.build_id.split_first() {
        let rest: String = rest.iter().map(|byte| format!("{byte:02x}")).collect();
        candidates.push(format!("{DEBUG_FOLDER}/.build-id/{first:02x}/{rest}.debug").into());
    }
    if let Ok(Some((name, _))) = file.gnu_debuglink()
        && let Ok(name) = std::str::from_utf8(name)
        && let Some(folder) = Path::new(&image.path).parent()
    {
        candidates.push(folder.join(name));
        candidates.push(folder.join(".debug").join(name));
        candidates.push(Path::new(DEBUG_FOLDER).join(folder.strip_prefix("/").unwrap_or(folder)).join(name));
    }
    candidates
        .iter()
        .filter_map(|path| map(path))
        .find(|map| object::File::parse(&**map).is_ok_and(|debug| has_lines(&debug) && is_of(&debug, image)))
}

/// `None`: there is none that can be read.
fn from_debug_information(file: &object::File<'_>, addresses: &[u64]) -> Option<Vec<Vec<Line>>> {
    if !has_lines(file) {
        return None;
    }
    let section = |id: SectionId| -> Result<Cow<'_, [u8]>, gimli::Error> {
        Ok(file.section_by_name(id.name()).and_then(|section| contents(&section)).unwrap_or_default())
    };
    let sections = DwarfSections::load(section).ok()?;
    let dwarf = sections.borrow(|section| EndianSlice::new(section, LittleEndian));
    let context = Context::from_dwarf(dwarf).ok()?;
    Some(addresses.iter().map(|address| lines_at(&context, *address).unwrap_or_default()).collect())
}

fn contents<'a>(section: &object::Section<'a, '_>) -> Option<Cow<'a, [u8]>> {
    let data = section.compressed_data().ok()?;
    match data.format {
        CompressionFormat::None => Some(Cow::Borrowed(data.data)),
        CompressionFormat::Zlib => {
            let mut inflated = Vec::with_capacity(usize::try_from(data.uncompressed_size).ok()?);
            ZlibDecoder::new(data.data).take(data.uncompressed_size).read_to_end(&mut inflated).ok()?;
            Some(Cow::Owned(inflated))
        }
        _ => None,
    }
}

fn lines_at(context: &Context<EndianSlice<'_, LittleEndian>>, address: u64) -> Option<Vec<Line>> {
    let mut frames = context.find_frames(address).skip_all_loads().ok()?;
    let mut lines = Vec::new();
    while let Ok(Some(frame)) = frames.next() {
        let location = frame.location;
        let name = frame.function.as_ref().and_then(|function| function.raw_name().ok());
        // With line tables only, a function without inlined calls has no name here, and others have the last part of theirs.
        let file = location.as_ref().and_then(|location| location.file).unwrap_or_default();
        lines.push(Line {
            function: match name {
                None => String::new(),
                Some(name) if name.starts_with('_') => demangled(&name),
                Some(name) => in_module_of(file, without_generics(&name)),
            },
            file: file.to_owned(),
            line: location.and_then(|location| location.line).unwrap_or(0),
        });
    }
    (!lines.is_empty()).then_some(lines)
}

/// Without the hash; names that are not Rust's as they are.
fn demangled(name: &str) -> String {
    rustc_demangle::try_demangle(name).map_or_else(|_| name.to_owned(), |name| format!("{name:#}"))
}

/// `poll<Task>` is `poll`.
fn without_generics(name: &str) -> &str {
    match name.find('<') {
        Some(at) if at > 0 && name.ends_with('>') => &name[..at],
        _ => name,
    }
}

/// With the module that a file of a published crate or of the standard library stands for, since line tables do not say it: modules are files, mostly.
fn in_module_of(file: &str, name: &str) -> String {
    let module = || {
        let (folder, rest) = file.rsplit_once("/src/")?;
        let (above, package) = folder.rsplit_once('/')?;
        let package = match package.rsplit_once('-') {
            Some((package, version)) if version.starts_with(|c: char| c.is_ascii_digit()) => package,
            _ if above.ends_with("/library") => package,
            _ => return None,
        };
        let mut parts = vec![package.replace('-', "_")];
        parts.extend(
            rest.strip_suffix(".rs")?.split('/').filter(|part| !["lib", "mod"].contains(part)).map(str::to_owned),
        );
        Some(parts.join("::"))
    };
    module().map_or_else(|| name.to_owned(), |module| format!("{module}::{name}"))
}

/// Functions by address.
struct Symbols<'a>(Vec<(u64, u64, &'a str)>);

impl<'a> Symbols<'a> {
    fn of(files: impl Iterator<Item = &'a object::File<'a>>) -> Self {
        let mut symbols = Vec::new();
        for file in files {
            for symbol in file.symbols().chain(file.dynamic_symbols()) {
                if symbol.kind() == SymbolKind::Text && symbol.is_definition() {
                    symbols.extend(symbol.name().ok().map(|name| (symbol.address(), symbol.size(), name)));
                }
            }
        }
        symbols.sort_unstable();
        Self(symbols)
    }

    fn at(&self, address: u64) -> Option<String> {
        let after = self.0.partition_point(|(start, _, _)| *start <= address);
        let (_, _, name) =
            self.0[..after].iter().rev().take(8).find(|(start, size, _)| address - start < (*size).max(1))?;
        Some(demangled(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_not_of_rust_stays() {
        assert_eq!(demangled("malloc"), "malloc");
        assert_eq!(demangled("_ZN4core3ptr10drop_thing17h0123456789abcdefE"), "core::ptr::drop_thing");
    }

    #[test]
    fn files_tell_modules() {
        let registry = "/root/.cargo/registry/src/index-1/tokio-util-0.7.1/src/sync/mod.rs";
        assert_eq!(in_module_of(registry, "poll"), "tokio_util::sync::poll");
        assert_eq!(in_module_of("/rustc/1234/library/core/src/hint.rs", "black_box"), "core::hint::black_box");
        assert_eq!(in_module_of("/home/me/service/src/main.rs", "run"), "run");
        assert_eq!(in_module_of("", "run"), "run");
    }

    #[test]
    fn generics_are_cut_and_operators_are_not() {
        for (name, short) in
            [("poll<Task<u8>>", "poll"), ("{closure#0}<T>", "{closure#0}"), ("<T as U>", "<T as U>"), ("main", "main")]
        {
            assert_eq!(without_generics(name), short);
        }
    }

    #[test]
    fn symbols_end_where_they_say() {
        let symbols = Symbols(vec![(10, 5, "a"), (20, 0, "b")]);
        let at = |address| symbols.at(address);
        assert_eq!((at(9), at(10), at(14), at(15)), (None, Some("a".to_owned()), Some("a".to_owned()), None));
        assert_eq!((at(20), at(21)), (Some("b".to_owned()), None));
    }
}
