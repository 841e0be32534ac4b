//! The trace and the span that a thread is in, readable by a signal handler.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed, Ordering::SeqCst, compiler_fence};

/// Written by the thread, and read by signal handlers on the same thread only, so no reader sees it
/// half written.
#[derive(Debug)]
pub(crate) struct SpanIds {
    is_set: AtomicBool,
    /// The trace id, upper word first, then the span id.
    words: [AtomicU64; 3],
}

impl SpanIds {
    pub(crate) const fn new() -> Self {
        Self { is_set: AtomicBool::new(false), words: [const { AtomicU64::new(0) }; 3] }
    }

    /// Call it on the thread itself.
    pub(crate) fn set(&self, words: Option<[u64; 3]>) {
        self.is_set.store(false, Relaxed);
        let Some(words) = words else { return };
        compiler_fence(SeqCst);
        for (word, new) in self.words.iter().zip(words) {
            word.store(new, Relaxed);
        }
        compiler_fence(SeqCst);
        self.is_set.store(true, Relaxed);
    }

    /// Call it on the thread itself, or in a signal handler on it.
    #[allow(dead_code, reason = "read where stacks are sampled")]
    pub(crate) fn get(&self) -> Option<[u64; 3]> {
        if !self.is_set.load(Relaxed) {
            return None;
        }
        compiler_fence(SeqCst);
        let [a, b, c] = &self.words;
        Some([a, b, c].map(|word| word.load(Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_what_was_set_last() {
        let ids = SpanIds::new();
        assert_eq!(ids.get(), None);
        ids.set(Some([1, 2, 3]));
        assert_eq!(ids.get(), Some([1, 2, 3]));
        ids.set(None);
        assert_eq!(ids.get(), None);
    }
}
