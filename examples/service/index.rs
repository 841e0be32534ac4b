//! The inverted index: for every word, the items that contain it.

use std::collections::HashMap;
use std::sync::Arc;

use crate::kind::Kind;
use crate::memory::{self, List};
use crate::postings;
use crate::store::{self, Reader};

/// An item that contains a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Posting {
    /// The item's position in the index.
    pub(crate) place: u32,
    /// How often the item contains the word.
    pub(crate) count: u32,
}

/// The index's data of an item. The rest is in the store, under `id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) id: i64,
    pub(crate) kind: Kind,
    /// The number of words.
    pub(crate) length: u32,
}

/// A part of the items, which is read by one thread.
#[derive(Debug, Default)]
pub(crate) struct Segment {
    items: Vec<Item>,
    /// Words, with positions in this segment.
    postings: Vec<(u32, Posting)>,
}

/// All items and all words. Immutable.
#[derive(Debug, Default)]
pub(crate) struct Index {
    numbers: HashMap<Arc<str>, u32>,
    /// Words that occur, in alphabetical order.
    sorted: Vec<Arc<str>>,
    /// The beginning of each word's postings, and the end of the last one.
    starts: Vec<u32>,
    postings: List<Posting>,
    items: Vec<Item>,
    mean_length: f32,
}

#[perf_sdk::profiled]
impl Segment {
    /// Reads the items with numbers from `first` to `last`.
    pub(crate) fn read(reader: &Reader, first: i64, last: i64) -> store::Result<Self> {
        let mut segment = Self::default();
        reader.entries(first, last, |entry| {
            let item = Item { id: entry.id, kind: entry.kind, length: entry.length };
            segment.push(item, |each| postings::decode(entry.words, each));
        })?;
        Ok(segment)
    }

    // Not measured: called for every item, it would take less time than the measurement.
    #[perf_sdk::profiled(skip)]
    fn push(&mut self, item: Item, words: impl FnOnce(&mut dyn FnMut(u32, u32))) {
        let place = self.items.len() as u32;
        self.items.push(item);
        words(&mut |word, count| self.postings.push((word, Posting { place, count })));
    }
}

#[perf_sdk::profiled]
impl Index {
    /// Merges segments. A word is identified by its position in `words`.
    pub(crate) fn new(words: Vec<Arc<str>>, segments: &[Segment]) -> Self {
        let mut starts = vec![0_u32; words.len() + 1];
        for (word, _) in segments.iter().flat_map(|segment| &segment.postings) {
            if let Some(count) = starts.get_mut(*word as usize + 1) {
                *count += 1;
            }
        }
        for word in 0..words.len() {
            starts[word + 1] += starts[word];
        }
        let mut ends = starts.clone();
        let mut sorted_postings = memory::list(Posting { place: 0, count: 0 }, starts[words.len()] as usize);
        let mut items = Vec::new();
        for segment in segments {
            let base = items.len() as u32;
            items.extend_from_slice(&segment.items);
            for (word, posting) in &segment.postings {
                // A word that another process has added since belongs only to that process's items.
                if (*word as usize) < words.len() {
                    let end = &mut ends[*word as usize];
                    sorted_postings[*end as usize] = Posting { place: base + posting.place, count: posting.count };
                    *end += 1;
                }
            }
        }
        let length: f64 = items.iter().map(|item| f64::from(item.length)).sum();
        let mut index = Self {
            mean_length: (length / items.len().max(1) as f64) as f32,
            numbers: HashMap::new(),
            sorted: Vec::new(),
            starts,
            postings: sorted_postings,
            items,
        };
        index.sorted = (0..words.len()).filter(|word| index.occurs(*word)).map(|word| words[word].clone()).collect();
        index.sorted.sort_unstable();
        index.numbers = words.into_iter().zip(0..).collect();
        index
    }

    /// All items, by position.
    #[perf_sdk::profiled(skip)]
    pub(crate) fn items(&self) -> &[Item] {
        &self.items
    }

    #[perf_sdk::profiled(skip)]
    pub(crate) fn mean_length(&self) -> f32 {
        self.mean_length
    }

    /// The number of different words.
    #[perf_sdk::profiled(skip)]
    pub(crate) fn word_count(&self) -> usize {
        self.sorted.len()
    }

    /// The items that contain `word`, by position.
    #[perf_sdk::profiled(skip)] // not measured: it takes nanoseconds
    pub(crate) fn postings(&self, word: &str) -> &[Posting] {
        self.numbers.get(word).map_or(&[], |number| {
            let number = *number as usize;
            &self.postings[self.starts[number] as usize..self.starts[number + 1] as usize]
        })
    }

    /// Words that begin with `prefix`, the most frequent ones first.
    pub(crate) fn complete(&self, prefix: &str, limit: usize) -> Vec<(Arc<str>, usize)> {
        let first = self.sorted.partition_point(|word| **word < *prefix);
        let words = self.sorted[first..].iter().take_while(|word| word.starts_with(prefix));
        let mut found: Vec<_> = words.map(|word| (word.clone(), self.postings(word).len())).collect();
        found.sort_by(|(a, in_a), (b, in_b)| in_b.cmp(in_a).then_with(|| a.cmp(b)));
        found.truncate(limit);
        found
    }

    /// All words, the most frequent ones first.
    pub(crate) fn by_frequency(&self) -> Vec<Arc<str>> {
        self.complete("", usize::MAX).into_iter().map(|(word, _)| word).collect()
    }

    #[perf_sdk::profiled(skip)]
    fn occurs(&self, word: usize) -> bool {
        self.starts[word] < self.starts[word + 1]
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::tokenize;

    /// An index of these texts, as functions numbered from 100, in two segments.
    pub(crate) fn index_of(texts: &[&str]) -> Index {
        let mut words: Vec<Arc<str>> = vec!["unused".into()];
        let mut segments = [Segment::default(), Segment::default()];
        for (number, text) in texts.iter().enumerate() {
            let mut counts: HashMap<u32, u32> = HashMap::new();
            let list = tokenize::list(text);
            for word in &list {
                let known = words.iter().position(|known| **known == **word);
                let place = known.unwrap_or_else(|| {
                    words.push(word.as_str().into());
                    words.len() - 1
                });
                *counts.entry(place as u32).or_default() += 1;
            }
            let item = Item { id: 100 + number as i64, kind: Kind::Fn, length: list.len() as u32 };
            let segment = &mut segments[usize::from(number >= texts.len() / 2)];
            segment.push(item, |each| counts.iter().for_each(|(word, count)| each(*word, *count)));
        }
        Index::new(words, &segments)
    }

    #[test]
    fn a_word_leads_to_the_items_that_have_it() {
        let index = index_of(&["open file", "read file file", "close socket", "file"]);
        let found: Vec<_> = index.postings("file").iter().map(|posting| (posting.place, posting.count)).collect();
        assert_eq!(found, [(0, 1), (1, 2), (3, 1)]);
        assert_eq!(index.postings("absent"), []);
        assert_eq!(index.postings("unused"), []);
        assert_eq!(index.items()[2].id, 102);
        assert_eq!((index.word_count(), index.mean_length()), (5, 2.0));
    }

    #[test]
    fn completions_are_ordered_by_frequency() {
        let index = index_of(&["read reader", "read ready", "reader read write"]);
        let complete = |prefix, limit| -> Vec<String> {
            index.complete(prefix, limit).into_iter().map(|(word, count)| format!("{word} {count}")).collect()
        };
        assert_eq!(complete("rea", 10), ["read 3", "reader 2", "ready 1"]);
        assert_eq!(complete("rea", 1), ["read 3"]);
        assert!(complete("x", 10).is_empty() && complete("unu", 10).is_empty());
        assert_eq!(index.by_frequency().len(), 4);
    }
}
