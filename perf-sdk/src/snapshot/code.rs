//! Addresses in code, and what is there.

use std::collections::{BTreeSet, HashMap};

use super::Frame;
use crate::scope::Site;
use crate::stacks::{self, Image};

/// One function at an address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct SourceLine {
    /// The function, demangled.
    pub function: String,
    /// The source file; empty if that is not known.
    pub file: String,
    /// The line; 0 if that is not known.
    pub line: u32,
}

/// An address in code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Address {
    /// Where a thread was, or an address inside of the call that it was in.
    pub address: u64,
    /// The image that it is in, as an index into [`Code::images`].
    pub image: Option<u32>,
    /// What is there: the innermost of inlined calls first. Empty if nobody knows.
    pub lines: Vec<SourceLine>,
}

/// An executable or a library, as it was loaded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoadedImage {
    /// Its file.
    pub path: String,
    /// Its build id, hexadecimal; empty if it has none.
    pub build_id: String,
    /// Where its code began in memory.
    pub start: u64,
    /// Where its code ended in memory.
    pub end: u64,
    /// Where its code begins in the file.
    pub offset: u64,
    /// Where in memory its own address 0 would lie.
    pub base: u64,
}

/// Addresses in code, and what is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Code {
    /// Ascending; behind them some of them again, by the names of the measured functions that run
    /// there, where nothing but their scope tells.
    pub addresses: Vec<Address>,
    /// Images that hold addresses, ascending.
    pub images: Vec<LoadedImage>,
}

impl Code {
    /// These addresses, and the number of each.
    pub(super) fn of(images: &[Image], addresses: impl Iterator<Item = u64>) -> (Self, HashMap<u64, u32>) {
        let all: BTreeSet<u64> = addresses.collect();
        let mut lines = stacks::resolve(images, all.iter().copied());
        let (mut code, mut numbers) = (Self::default(), HashMap::new());
        for address in all {
            let image = stacks::holding(images, address).map(|image| {
                if code.images.last().is_none_or(|last| last.start != image.code.start) {
                    code.images.push(LoadedImage {
                        path: image.path.clone(),
                        build_id: image.build_id.iter().map(|byte| format!("{byte:02x}")).collect(),
                        start: image.code.start,
                        end: image.code.end,
                        offset: image.code_offset,
                        base: image.base,
                    });
                }
                code.images.len() as u32 - 1
            });
            let lines = lines.remove(&address).unwrap_or_default();
            let lines = lines.iter().map(|line| SourceLine {
                function: line.function.clone(),
                file: line.file.clone(),
                line: line.line,
            });
            numbers.insert(address, code.addresses.len() as u32);
            code.addresses.push(Address { address, image, lines: lines.collect() });
        }
        (code, numbers)
    }

    /// The number of the same address with the name of a measured function.
    pub(super) fn named(&mut self, number: u32, site: &'static Site) -> u32 {
        let frame = Frame::of(site);
        let line = SourceLine { function: frame.full_name(), file: frame.file, line: frame.line };
        let address = self.addresses.get(number as usize).cloned().unwrap_or_default();
        self.addresses.push(Address { lines: vec![line], ..address });
        self.addresses.len() as u32 - 1
    }

    /// What `address` is called where nobody knows what is there: `module+0x…`.
    #[must_use]
    pub fn place(&self, address: &Address) -> String {
        let Some(image) = address.image.and_then(|image| self.images.get(image as usize)) else {
            return format!("0x{:x}", address.address);
        };
        let file = image.path.rsplit('/').next().unwrap_or_default();
        format!("{file}+0x{:x}", address.address.wrapping_sub(image.base))
    }
}
