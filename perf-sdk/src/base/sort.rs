//! Sorts for where time does not matter. The standard library's sort is compiled anew for each type
//! and each comparison, to some 8 KiB each. Here, numbers of places are sorted, by one copy of it
//! for all types.

use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Sorts as the slice's own `sort_by`: equal items stay in their order.
pub(crate) fn sort_by<T>(items: &mut [T], mut compare: impl FnMut(&T, &T) -> Ordering) {
    let swaps = swaps(items.len(), &mut |a, b| compare(&items[a], &items[b]));
    for (a, b) in swaps {
        items.swap(a, b);
    }
}

/// Sorts as the slice's own `sort_by_key`.
pub(crate) fn sort_by_key<T, K: Ord>(items: &mut [T], mut key: impl FnMut(&T) -> K) {
    sort_by(items, |a, b| key(a).cmp(&key(b)));
}

/// A map of these entries; of two with one key, the later one. Collecting into a map would sort
/// them first.
pub(crate) fn map_of<K: Ord, V>(entries: impl IntoIterator<Item = (K, V)>) -> BTreeMap<K, V> {
    let mut map = BTreeMap::new();
    for (key, value) in entries {
        map.insert(key, value);
    }
    map
}

/// The exchanges that sort so many places, one after the other. Equal ones stay in their order.
pub(crate) fn swaps(count: usize, compare: &mut dyn FnMut(usize, usize) -> Ordering) -> Vec<(usize, usize)> {
    // The place from which each place gets its item.
    let mut from: Vec<usize> = (0..count).collect();
    from.sort_by(|a, b| compare(*a, *b));
    let mut swaps = Vec::new();
    for first in 0..count {
        let mut to = first;
        // Around a cycle of places. An item that has to wait is always in the place that is next.
        loop {
            let next = from[to];
            from[to] = to;
            if next == first || next == to {
                break;
            }
            swaps.push((to, next));
            to = next;
        }
    }
    swaps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_sorts_as_the_standard_library_does() {
        let mut random = 7_u64;
        for count in 0..70 {
            let mut items: Vec<(u64, usize)> = (0..count)
                .map(|place| {
                    random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    // Some are equal, so that their order shows.
                    ((random >> 33) % 20, place)
                })
                .collect();
            let mut expected = items.clone();
            expected.sort_by_key(|(key, _)| *key);
            let mut by_key = items.clone();
            sort_by_key(&mut by_key, |(key, _)| *key);
            sort_by(&mut items, |a, b| a.0.cmp(&b.0));
            assert_eq!((&items, &by_key), (&expected, &expected));
        }
    }

    #[test]
    fn the_later_entry_of_a_key_stays() {
        assert_eq!(map_of([("b", 1), ("a", 2), ("b", 3)]), BTreeMap::from([("a", 2), ("b", 3)]));
    }
}
