//! Resolves code addresses by the loaded images.

use std::collections::{BTreeMap, HashMap};

use crate::scope::Site;
use crate::snapshot::{Address, Code, Frame, LoadedImage, SourceLine};
use crate::stacks::{self, Image};

/// Whether a profile has the names of functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    LookedUp,
    /// Its reader looks them up by address and build id.
    #[cfg_attr(not(feature = "serve"), allow(dead_code, reason = "only requests leave them out"))]
    LeftOut,
}

/// An address is worth the time to read its lines if this part of everything was seen there.
const WORTH: u64 = 20;
/// And if that are at least so many samples or bytes.
const LEAST: u64 = 5;

impl Code {
    /// The addresses of these stacks, each with how much was seen there, and the index of each
    /// address.
    pub(super) fn of<'a>(
        images: &[Image],
        stacks: impl Iterator<Item = (&'a [u64], u64)>,
        names: Names,
    ) -> (Self, HashMap<u64, u32>) {
        let mut all: BTreeMap<u64, u64> = BTreeMap::new();
        let mut total = 0_u64;
        for (frames, seen) in stacks {
            total = total.saturating_add(seen);
            for address in frames {
                let sum = all.entry(*address).or_default();
                *sum = sum.saturating_add(seen);
            }
        }
        let is_worth_it = |seen: u64| seen >= (total / WORTH).max(LEAST);
        let mut lines = match names {
            Names::LookedUp => {
                stacks::resolve(images, all.iter().map(|(address, seen)| (*address, is_worth_it(*seen))))
            }
            Names::LeftOut => HashMap::new(),
        };
        let mut code = Self { is_unnamed: names == Names::LeftOut, ..Self::default() };
        let mut numbers = HashMap::new();
        for address in all.into_keys() {
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
                function: (*line.function).to_owned(),
                file: (*line.file).to_owned(),
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
