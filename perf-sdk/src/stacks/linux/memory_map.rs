//! Which parts of the address space are mapped.

/// A reading of `/proc/self/maps`.
#[derive(Debug)]
pub(in super::super) struct Map(Vec<[u64; 2]>);

impl Map {
    /// What can be read and written.
    pub(in super::super) fn read() -> Option<Self> {
        let text = std::fs::read_to_string("/proc/self/maps").ok()?;
        Some(Self::parse(&text))
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

    /// The mapping that holds this address.
    pub(in super::super) fn holding(&self, address: u64) -> Option<[u64; 2]> {
        self.0.iter().copied().find(|[start, end]| (*start..*end).contains(&address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mappings_are_found_by_any_address_within() {
        let map =
            Map::parse("1000-3000 rw-p 0 00:00 0 \n3000-4000 ---p 0 00:00 0 \n8000-9000 rw-p 0 00:00 0 [stack]\nodd\n");
        assert_eq!(map.holding(0x1000), Some([0x1000, 0x3000]));
        assert_eq!(map.holding(0x2fff), Some([0x1000, 0x3000]));
        assert_eq!((map.holding(0x3000), map.holding(0x9000)), (None, None));
    }

    #[test]
    fn a_local_lies_in_a_mapping() {
        let local = 0_u8;
        let address = (&raw const local).addr() as u64;
        assert!(Map::read().unwrap().holding(address).is_some());
    }
}
