//! The text that was stored last, never torn. Readers and writers never wait for each other.

use std::array;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, fence};
use std::sync::atomic::{Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

use crate::base::fork;

/// The maximum length of the text. The rest is cut off.
pub(crate) const MAX_BYTES: usize = 256;
const WORDS: usize = MAX_BYTES / 8;

/// How often a reader retries because two texts were stored while it read one.
const TRIES: u32 = 1_000;

/// As large as a pointer until the first text is stored, and half a KiB from then on.
#[derive(Debug)]
pub(crate) struct LastText(OnceLock<Box<Texts>>);

/// The text that was stored last, and the slot of the one that is being written.
#[derive(Debug)]
struct Texts {
    is_written: AtomicBool,
    /// The number of texts stored so far. The last one is in the slot of this parity.
    kept: AtomicUsize,
    slots: [Slot; 2],
}

#[derive(Debug)]
struct Slot {
    length: AtomicUsize,
    words: [AtomicU64; WORDS],
}

impl LastText {
    pub(crate) const fn new() -> Self {
        Self(OnceLock::new())
    }

    /// Stores `text`. Returns false, and stores nothing, if another thread is storing one at this
    /// moment.
    pub(crate) fn keep(&self, text: &str) -> bool {
        // A fork waits for the end of this moment, so a forked child never finds an unfinished
        // write.
        let _moment = fork::Moment::begin();
        let texts = self.0.get_or_init(|| Box::new(Texts::new()));
        if texts.is_written.swap(true, Acquire) {
            return false;
        }
        let next = texts.kept.load(Relaxed).wrapping_add(1);
        // No reader sees words of this text before it sees that the text in the other slot was
        // stored.
        fence(Release);
        texts.slots[next % 2].write(text.as_bytes());
        texts.kept.store(next, Release);
        texts.is_written.store(false, Release);
        true
    }

    /// The last text. `None` if none was stored, or if texts were stored so fast that none could be
    /// read whole.
    pub(crate) fn get(&self) -> Option<String> {
        let texts = self.0.get()?;
        for _ in 0..TRIES {
            let kept = texts.kept.load(Acquire);
            if kept == 0 {
                return None;
            }
            let bytes = texts.slots[kept % 2].read();
            // Pairs with the fence in `keep`.
            fence(Acquire);
            if texts.kept.load(Relaxed) == kept {
                return String::from_utf8(bytes).ok();
            }
        }
        None
    }
}

impl Texts {
    fn new() -> Self {
        let slot = || Slot { length: AtomicUsize::new(0), words: array::from_fn(|_| AtomicU64::new(0)) };
        Self { is_written: AtomicBool::new(false), kept: AtomicUsize::new(0), slots: [slot(), slot()] }
    }
}

impl Slot {
    fn write(&self, text: &[u8]) {
        let text = &text[..text.len().min(MAX_BYTES)];
        self.length.store(text.len(), Relaxed);
        for (word, bytes) in self.words.iter().zip(text.chunks(8)) {
            let mut whole = [0; 8];
            whole[..bytes.len()].copy_from_slice(bytes);
            word.store(u64::from_ne_bytes(whole), Relaxed);
        }
    }

    /// The content of the slot. It is meaningless if the slot was written meanwhile.
    fn read(&self) -> Vec<u8> {
        let length = self.length.load(Relaxed).min(MAX_BYTES);
        let words = self.words[..length.div_ceil(8)].iter();
        let mut bytes: Vec<u8> = words.flat_map(|word| word.load(Relaxed).to_ne_bytes()).collect();
        bytes.truncate(length);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;
    use std::thread;

    #[test]
    fn the_last_text_is_kept_whole() {
        let last = LastText::new();
        assert_eq!(last.get(), None);
        for text in ["first", "", "é", &"x".repeat(MAX_BYTES), "12345678", "last"] {
            assert!(last.keep(text));
            assert_eq!(last.get().as_deref(), Some(text));
        }
    }

    /// A regression: readers took each other's lock and found no text although there was one.
    #[test]
    fn readers_hide_no_text_from_each_other_nor_from_the_writer() {
        let last = LastText::new();
        assert!(last.keep("text 0"));
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !done.load(Relaxed) {
                        let text = last.get();
                        assert!(text.as_deref().is_some_and(|text| text.starts_with("text ")), "{text:?}");
                    }
                });
            }
            let kept = (0..if cfg!(miri) { 20 } else { 2_000 }).filter(|round| last.keep(&format!("text {round}")));
            let kept = kept.count();
            done.store(true, Relaxed);
            assert_eq!(kept, if cfg!(miri) { 20 } else { 2_000 });
        });
    }

    #[test]
    fn no_text_is_put_together_from_two() {
        let last = LastText::new();
        let rounds = if cfg!(miri) { 20 } else { 5_000 };
        thread::scope(|scope| {
            for letter in ["a", "b"] {
                let last = &last;
                scope.spawn(move || {
                    for length in 0..rounds {
                        last.keep(&letter.repeat(length % MAX_BYTES));
                    }
                });
            }
            for _ in 0..rounds {
                let text = last.get().unwrap_or_default();
                assert!(text.chars().all(|letter| text.starts_with(letter)), "{text}");
            }
        });
    }
}
