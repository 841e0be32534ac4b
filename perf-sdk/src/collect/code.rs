//! Resolves code addresses by the loaded images.

use std::collections::{BTreeSet, HashMap};

use crate::scope::Site;
use crate::snapshot::{Address, Code, Frame, LoadedImage, SourceLine};
use crate::stacks::{self, Image};

impl Code {
    /// Resolves these addresses. Also returns the index of each.
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

    /// The index of the same address with the name of a measured function.
    pub(super) fn named(&mut self, number: u32, site: &'static Site) -> u32 {
        let frame = Frame::of(site);
        let line = SourceLine { function: frame.full_name(), file: frame.file, line: frame.line };
        let address = self.addresses.get(number as usize).cloned().unwrap_or_default();
        self.addresses.push(Address { lines: vec![line], ..address });
        self.addresses.len() as u32 - 1
    }
}
