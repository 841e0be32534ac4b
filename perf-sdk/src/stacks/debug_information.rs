//! Functions, inlined calls and lines by the debug information of a file.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use addr2line::Context;
use gimli::SectionId;

use super::elf::Elf;
use super::function_name::{cut, demangled, in_module_of, without_generics};
use super::metered_reader::{Kind, Meter, Metered};
use super::name_cache::Line;
use super::section::{Room, Section};

/// The sections from which functions and lines are read; variables and types are not needed.
pub(super) const NEEDED: [SectionId; 10] = [
    SectionId::DebugAbbrev,
    SectionId::DebugAddr,
    SectionId::DebugAranges,
    SectionId::DebugInfo,
    SectionId::DebugLine,
    SectionId::DebugLineStr,
    SectionId::DebugRanges,
    SectionId::DebugRngLists,
    SectionId::DebugStr,
    SectionId::DebugStrOffsets,
];

/// Whether the file has debug information.
pub(super) fn is_in(file: &Elf) -> bool {
    file.has(".debug_info")
}

/// The functions at each of the addresses. `None` if there is no readable debug information.
///
/// In a build with overflow checks, such as a debug build, some damaged files cause a panic, which
/// ends here.
pub(super) fn lines_of(file: &Elf, addresses: &[u64], room: usize) -> Option<Vec<Vec<Line>>> {
    catch_unwind(AssertUnwindSafe(|| read(file, addresses, room))).ok().flatten()
}

fn read(file: &Elf, addresses: &[u64], room: usize) -> Option<Vec<Vec<Line>>> {
    if !is_in(file) {
        return None;
    }
    let room = Room::new(room);
    let sections = NEEDED.map(|id| (id, file.section(id.name(), &room).unwrap_or_default()));
    let meter = Meter::new(sections.iter().map(|(_, section)| section.len() as u64).sum());
    let empty = Section::default();
    let reader = |id| -> Result<Metered<'_>, gimli::Error> {
        let section = sections.iter().find(|(known, _)| *known == id).map_or(&empty, |(_, section)| section);
        let kind = match id {
            SectionId::DebugAbbrev => Kind::Abbreviations,
            SectionId::DebugLine => Kind::Lines,
            _ => Kind::Other,
        };
        Ok(Metered::new(section, kind, &meter))
    };
    let dwarf = gimli::Dwarf::load(reader).ok()?;
    let context = Context::from_dwarf(dwarf).ok()?;
    Some(addresses.iter().map(|address| lines_at(&context, *address).unwrap_or_default()).collect())
}

fn lines_at(context: &Context<Metered<'_>>, address: u64) -> Option<Vec<Line>> {
    // NOTE: the look-up adds one to the address, which would overflow.
    if address == u64::MAX {
        return None;
    }
    let mut frames = context.find_frames(address).skip_all_loads().ok()?;
    let mut lines = Vec::new();
    while let Ok(Some(frame)) = frames.next() {
        let location = frame.location;
        let name = frame.function.as_ref().and_then(|function| function.raw_name().ok());
        // With line tables only, a function without inlined calls has no name here, and the others
        // have only the last part of theirs.
        let file = cut(location.as_ref().and_then(|location| location.file).unwrap_or_default());
        lines.push(Line {
            function: match name.as_deref().map(cut) {
                None => Arc::default(),
                Some(name) if name.starts_with('_') => demangled(name).into(),
                Some(name) => in_module_of(file, without_generics(name)).into(),
            },
            file: file.into(),
            line: location.and_then(|location| location.line).unwrap_or(0),
        });
    }
    (!lines.is_empty()).then_some(lines)
}
