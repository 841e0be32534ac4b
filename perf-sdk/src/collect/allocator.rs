//! Readings of jemalloc: its figures at intervals, by the names that the scrape has for them.

use super::jemalloc;
use crate::reading::{Description, Producer, Sheet, Unit};

macro_rules! bytes {
    ($name:literal, $help:literal) => {{
        static DESCRIPTION: Description = Description::gauge($name, Unit::Bytes, $help);
        &DESCRIPTION
    }};
}

/// In the order of [`AllocatorMonitor::read`]. The scrape has these as rows, which are as recent as
/// it is; a reading of the same name is left out there.
static ALL: [&Description; 7] = [
    bytes!("allocator_allocated_bytes", "Bytes allocated from jemalloc and not freed, as usable sizes."),
    bytes!("allocator_active_bytes", "Bytes in jemalloc's active pages, which contain allocations."),
    bytes!("allocator_resident_bytes", "Upper bound of jemalloc's physical memory."),
    bytes!("allocator_mapped_bytes", "Memory in jemalloc's active extents."),
    bytes!("allocator_retained_bytes", "Address space that jemalloc retains for reuse, without physical memory."),
    bytes!("allocator_metadata_bytes", "jemalloc's book-keeping."),
    &FRAGMENTATION,
];

static FRAGMENTATION: Description = Description::gauge(
    "allocator_fragmentation_ratio",
    Unit::Ratio,
    "Share of the active pages that is not allocated.",
);

/// Reads what jemalloc says of the whole process.
#[derive(Debug)]
pub(crate) struct AllocatorMonitor;

impl Producer for AllocatorMonitor {
    fn name(&self) -> &'static str {
        "allocator"
    }

    fn runs_anywhere(&self) -> bool {
        true
    }

    fn read(&mut self, into: &mut Sheet) {
        let Some(figures) = jemalloc::figures() else {
            ALL.iter().for_each(|description| into.absent(description.name, "the global allocator is not jemalloc"));
            return;
        };
        let bytes = [
            figures.allocated_bytes,
            figures.active_bytes,
            figures.resident_bytes,
            figures.mapped_bytes,
            figures.retained_bytes,
            figures.metadata_bytes,
        ];
        ALL.into_iter().zip(bytes).for_each(|(description, bytes)| into.push(description, bytes as f64));
        match figures.fragmentation_ratio() {
            Some(ratio) => into.push(&FRAGMENTATION, ratio),
            None => into.absent(FRAGMENTATION.name, "nothing is allocated"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::test_allocator::allocations;
    use crate::export::Exposition;
    use crate::snapshot::{Allocator, Snapshot};

    #[test]
    #[cfg_attr(miri, ignore = "it calls jemalloc")]
    fn each_is_a_row_of_the_scrape_with_the_same_words() {
        let allocator = Allocator { active_bytes: 1, ..Allocator::default() };
        let readings = super::super::described(ALL.into_iter());
        let snapshot = Snapshot { allocator: Some(allocator), readings, ..Snapshot::default() };
        let mut text = Vec::new();
        Exposition::new().write(crate::export::Format::Text, &snapshot, None, &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        for Description { name, help, .. } in ALL {
            assert_eq!(text.matches(&format!("# TYPE {name} gauge\n")).count(), 1, "{name} once");
            assert!(text.contains(&format!("# HELP {name} {help}\n")), "{name}");
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "it calls jemalloc")]
    fn all_are_read_without_an_allocation_or_all_have_a_reason() {
        let mut sheet = Sheet::default();
        AllocatorMonitor.read(&mut sheet);
        assert_eq!(sheet.readings().len() + sheet.absences().len(), ALL.len());
        let count = allocations(|| {
            sheet.clear();
            AllocatorMonitor.read(&mut sheet);
        });
        assert_eq!(count, 0);
    }
}
