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

/// What was seen at an address or in all, in each unit.
type Weights<const N: usize> = [u64; N];

fn add<const N: usize>(to: &mut Weights<N>, more: Weights<N>) {
    to.iter_mut().zip(more).for_each(|(sum, more)| *sum = sum.saturating_add(more));
}

/// Whether enough was seen at an address, in one of the units.
fn is_worth_it<const N: usize>(seen: Weights<N>, total: Weights<N>) -> bool {
    seen.iter().zip(total).any(|(seen, total)| *seen >= (total / WORTH).max(LEAST))
}

impl Code {
    /// The addresses of these stacks, each with how much was seen there, and the index of each
    /// address.
    pub(super) fn of<'a, const N: usize>(
        images: &[Image],
        stacks: impl Iterator<Item = (&'a [u64], Weights<N>)>,
        names: Names,
    ) -> (Self, HashMap<u64, u32>) {
        let mut all: BTreeMap<u64, Weights<N>> = BTreeMap::new();
        let mut total = [0; N];
        for (frames, seen) in stacks {
            add(&mut total, seen);
            frames.iter().for_each(|address| add(all.entry(*address).or_insert([0; N]), seen));
        }
        let mut lines = match names {
            Names::LookedUp => {
                stacks::resolve(images, all.iter().map(|(address, seen)| (*address, is_worth_it(*seen, total))))
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

#[cfg(test)]
mod tests {
    use super::is_worth_it;

    #[test]
    fn what_matters_in_one_unit_is_worth_its_lines() {
        assert!(is_worth_it([5], [100]) && !is_worth_it([4], [100]));
        assert!(!is_worth_it([4], [4]), "too few to tell");
        // Of the heap: all that is held, or all that was allocated and is freed again.
        let total = [1 << 20, 1 << 40];
        assert!(is_worth_it([0, 1 << 39], total) && is_worth_it([1 << 19, 1 << 19], total));
        assert!(!is_worth_it([1 << 10, 1 << 30], total));
    }
}
