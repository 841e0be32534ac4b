//! A table that only grows, without a lock: a signal handler or a forked child could find a lock
//! that is never released.
#![allow(unsafe_code)]

use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

/// Values in `N` chains by hash. Never freed.
pub(super) struct Chains<T: 'static, const N: usize> {
    newest: [AtomicPtr<Entry<T>>; N],
    count: AtomicUsize,
}

struct Entry<T> {
    value: T,
    next: *const Self,
}

// SAFETY: entries are published with release, read with acquire, and never changed or freed after
// that.
unsafe impl<T: Send + Sync, const N: usize> Sync for Chains<T, N> {}

impl<T, const N: usize> Chains<T, N> {
    pub(super) const fn new() -> Self {
        Self { newest: [const { AtomicPtr::new(ptr::null_mut()) }; N], count: AtomicUsize::new(0) }
    }

    /// The number of values.
    pub(super) fn count(&self) -> usize {
        self.count.load(Relaxed)
    }

    pub(super) fn find(&self, hash: u32, is: impl Fn(&T) -> bool) -> Option<&'static T> {
        find(self.newest[hash as usize % N].load(Acquire), &is)
    }

    /// The value for which `is` holds: an existing one, or else `value`, which is added. Also
    /// returns whether it existed.
    pub(super) fn find_or_add(&self, hash: u32, value: T, is: impl Fn(&T) -> bool) -> (&'static T, bool) {
        let chain = &self.newest[hash as usize % N];
        let mut newest = chain.load(Acquire);
        if let Some(found) = find(newest, &is) {
            return (found, false);
        }
        let entry = Box::into_raw(Box::new(Entry { value, next: newest }));
        loop {
            match chain.compare_exchange(newest, entry, Release, Acquire) {
                Ok(_) => {
                    self.count.fetch_add(1, Relaxed);
                    // SAFETY: the entry came from a box and is never freed.
                    return (unsafe { &(*entry).value }, true);
                }
                Err(now) => {
                    if let Some(found) = find(now, &is) {
                        // SAFETY: no other thread has seen the entry.
                        drop(unsafe { Box::from_raw(entry) });
                        return (found, false);
                    }
                    newest = now;
                    // SAFETY: no other thread has seen the entry.
                    unsafe { (*entry).next = newest };
                }
            }
        }
    }
}

/// Searches a chain, beginning with its newest entry.
fn find<T: 'static>(newest: *const Entry<T>, is: &impl Fn(&T) -> bool) -> Option<&'static T> {
    let mut at = newest;
    loop {
        // SAFETY: null, or an entry that is never freed. The `Acquire` load of the chain's head
        // pairs with the entry's publication, and older entries were published before.
        let entry: &'static Entry<T> = unsafe { at.as_ref() }?;
        if is(&entry.value) {
            return Some(&entry.value);
        }
        at = entry.next;
    }
}

/// A hash of several texts. It is not safe against keys chosen by an attacker, but no chain is
/// longer than the total number of values.
pub(super) fn hash_texts(texts: &[&str]) -> u32 {
    let mut hash = Hash(0);
    for text in texts {
        let (words, rest) = text.as_bytes().as_chunks::<8>();
        words.iter().for_each(|word| hash.add(u64::from_le_bytes(*word)));
        let last = rest.iter().fold(0, |last, byte| last << 8 | u64::from(*byte));
        // The length separates the texts.
        hash.add(last ^ (text.len() as u64) << 56);
    }
    hash.finish()
}

pub(super) fn hash_words(words: impl IntoIterator<Item = u64>) -> u32 {
    let mut hash = Hash(0);
    words.into_iter().for_each(|word| hash.add(word));
    hash.finish()
}

/// One multiplication for each word, of which both halves are used, as in wyhash.
struct Hash(u64);

impl Hash {
    #[inline]
    fn add(&mut self, word: u64) {
        // The golden ratio as an odd number.
        let product = u128::from(self.0.wrapping_add(0x9e37_79b9_7f4a_7c15) ^ word) * 0x9e37_79b9_7f4a_7c15;
        self.0 = (product >> 64) as u64 ^ product as u64;
    }

    fn finish(self) -> u32 {
        (self.0 >> 32) as u32 ^ self.0 as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(miri, ignore = "thousands of texts, and nothing unsafe")]
    fn texts_are_told_apart_and_spread() {
        let hashes: std::collections::HashSet<u32> =
            (0..10_000).map(|n| hash_texts(&["user", &format!("number {n}")])).collect();
        assert!(hashes.len() > 9_990, "{}", hashes.len());
        assert_ne!(hash_texts(&["ab", "c"]), hash_texts(&["a", "bc"]));
        assert_ne!(hash_texts(&["a"]), hash_texts(&["a\0"]));
        let chains: std::collections::HashSet<u32> =
            (0..1_024).map(|n| hash_texts(&["user", &n.to_string()]) % 1_024).collect();
        assert!(chains.len() > 500, "{}", chains.len());
    }

    #[test]
    fn equal_values_are_kept_once() {
        static CHAINS: Chains<u32, 4> = Chains::new();
        let found: Vec<(u32, bool)> =
            [7, 7, 8].map(|n| CHAINS.find_or_add(n, n, |known| *known == n)).map(|(n, new)| (*n, new)).into();
        assert_eq!((found, CHAINS.count()), (vec![(7, true), (7, false), (8, true)], 2));
        assert_eq!((CHAINS.find(8, |known| *known == 8), CHAINS.find(8, |known| *known == 9)), (Some(&8), None));
    }
}
