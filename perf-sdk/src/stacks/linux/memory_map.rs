//! The mapped parts of the address space.

use super::own_files;

/// A reading of `/proc/self/maps`.
#[derive(Debug)]
pub(super) struct Map(Vec<[u64; 2]>);

impl Map {
    /// The mappings that are readable and writable.
    pub(super) fn read() -> Option<Self> {
        Some(Self::parse(&own_files::maps().ok()?))
    }

    fn parse(text: &str) -> Self {
        Self(
            text.lines()
                .filter_map(|line| {
                    let (range, rest) = line.split_once(' ')?;
                    let (start, end) = range.split_once('-')?;
                    let bound = |text| u64::from_str_radix(text, 16).ok();
                    rest.starts_with("rw").then_some([bound(start)?, bound(end)?])
                })
                .collect(),
        )
    }

    /// The mapping that contains this address.
    pub(super) fn holding(&self, address: u64) -> Option<[u64; 2]> {
        self.0.iter().copied().find(|[start, end]| (*start..*end).contains(&address))
    }
}

/// The file that is mapped at `address`.
pub(super) fn mapped_file(address: u64) -> Option<String> {
    file_at(&own_files::maps().ok()?, address)
}

/// Parses lines such as `1000-3000 r-xp 00000000 08:01 1234 /a path`.
fn file_at(maps: &str, address: u64) -> Option<String> {
    let bound = |text| u64::from_str_radix(text, 16).ok();
    maps.lines().find_map(|line| {
        let (start, end) = line.split_once(' ')?.0.split_once('-')?;
        let path = line.find('/').map(|at| &line[at..])?;
        (bound(start)?..bound(end)?).contains(&address).then(|| path.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_by_any_address_within() {
        let maps = "1000-3000 r-xp 0 08:01 12    /a b/c\n3000-4000 rw-p 0 00:00 0 \n4000-5000 r--p 0 08:01 7 /d\nodd\n";
        assert_eq!(file_at(maps, 0x2fff).as_deref(), Some("/a b/c"));
        assert_eq!((file_at(maps, 0x3000), file_at(maps, 0x4000).as_deref()), (None, Some("/d")));
    }

    #[test]
    fn mappings_are_found_by_any_address_within() {
        let map =
            Map::parse("1000-3000 rw-p 0 00:00 0 \n3000-4000 ---p 0 00:00 0 \n8000-9000 rw-p 0 00:00 0 [stack]\nodd\n");
        assert_eq!(map.holding(0x1000), Some([0x1000, 0x3000]));
        assert_eq!(map.holding(0x2fff), Some([0x1000, 0x3000]));
        assert_eq!((map.holding(0x3000), map.holding(0x9000)), (None, None));
    }

    #[test]
    fn the_mapping_of_a_local_variable_is_found() {
        let local = 0_u8;
        let address = (&raw const local).addr() as u64;
        assert!(Map::read().unwrap().holding(address).is_some());
    }
}
