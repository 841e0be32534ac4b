//! Ranks the items that match a question, by BM25.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::index::Index;
use crate::query::Query;

/// How quickly further occurrences of a word stop to count: BM25's k1.
const SATURATION: f32 = 1.2;

/// How much longer items are penalized: BM25's b.
const LENGTH_NORM: f32 = 0.75;

/// A found item.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Hit {
    /// The item's position in the index.
    pub(crate) place: u32,
    pub(crate) score: f32,
}

/// The result of a search.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Found {
    /// Best first.
    pub(crate) hits: Vec<Hit>,
    /// The number of items that contain one of the words.
    pub(crate) total: usize,
}

/// A thread's buffers, which are reused by all of its searches.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// Indexed by position; all zero between searches.
    scores: Vec<f32>,
    /// Positions with a score.
    touched: Vec<u32>,
}

/// The `limit` best items for `query`.
#[perf_sdk::profiled]
pub(crate) fn search(index: &Index, query: &Query, limit: usize, scratch: &mut Scratch) -> Found {
    let items = index.items();
    scratch.scores.resize(items.len(), 0.0);
    {
        perf_sdk::scope!("score");
        for word in &query.words {
            let postings = index.postings(word);
            let rarity = rarity(postings.len(), items.len());
            for posting in postings {
                let place = posting.place as usize;
                let score = &mut scratch.scores[place];
                if *score == 0.0 {
                    scratch.touched.push(posting.place);
                }
                *score += rarity * weight(posting.count, items[place].length, index.mean_length());
            }
        }
    }
    for word in &query.without {
        for posting in index.postings(word) {
            scratch.scores[posting.place as usize] = 0.0;
        }
    }
    perf_sdk::scope!("rank");
    let mut best = BinaryHeap::with_capacity(limit + 1);
    let mut total = 0;
    for place in scratch.touched.drain(..) {
        let score = std::mem::take(&mut scratch.scores[place as usize]);
        if score == 0.0 || query.kind.is_some_and(|kind| kind != items[place as usize].kind) {
            continue;
        }
        total += 1;
        // Positive floats are ordered like their bits. Among equal scores, the first item of the
        // corpus wins.
        best.push(Reverse((score.to_bits(), Reverse(place))));
        if best.len() > limit {
            best.pop();
        }
    }
    let sorted = best.into_sorted_vec().into_iter();
    let hits = sorted.map(|Reverse((bits, Reverse(place)))| Hit { place, score: f32::from_bits(bits) }).collect();
    Found { hits, total }
}

/// Inverse document frequency, in the form that is never negative: Robertson and Zaragoza, "The
/// Probabilistic Relevance Framework: BM25 and Beyond" (2009), with the 1 that Lucene adds inside
/// the logarithm.
fn rarity(with_word: usize, all: usize) -> f32 {
    let (with_word, all) = (with_word as f32, all as f32);
    (1.0 + (all - with_word + 0.5) / (with_word + 0.5)).ln()
}

/// The weight of `count` occurrences of a word in an item of `length` words.
fn weight(count: u32, length: u32, mean_length: f32) -> f32 {
    let count = count as f32;
    let norm = 1.0 - LENGTH_NORM + LENGTH_NORM * length as f32 / mean_length;
    count * (SATURATION + 1.0) / (count + SATURATION * norm)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::tests::index_of;

    const TEXTS: [&str; 5] = [
        "read file",
        "read file and then write the same file to another place on disk again",
        "read socket",
        "parse header",
        "parse parse parse header",
    ];

    fn places(query: &str, limit: usize) -> Vec<u32> {
        let query = Query::parse(query).unwrap();
        let found = search(&index_of(&TEXTS), &query, limit, &mut Scratch::default());
        found.hits.iter().map(|hit| hit.place).collect()
    }

    #[test]
    fn rare_words_short_items_and_repetition_rank_higher() {
        assert_eq!(places("file", 9), [0, 1], "the shorter first");
        assert_eq!(places("read socket", 9)[0], 2, "the rarer word decides");
        assert_eq!(places("parse", 9), [4, 3], "the more often the better");
        assert_eq!(places("read file", 9)[0], 0, "both words before one");
        assert_eq!(places("read", 9), [0, 2, 1], "equals in the order of the corpus");
    }

    #[test]
    fn limits_exclusions_and_kinds_hold() {
        assert_eq!(places("read", 2), [0, 2]);
        assert_eq!(places("read -socket", 9), [0, 1]);
        assert_eq!(places("read kind:fn", 9).len(), 3);
        assert!(places("read kind:struct", 9).is_empty());
        assert!(places("absent", 9).is_empty());
    }

    #[test]
    fn scores_are_those_of_the_formula() {
        let (index, mut scratch) = (index_of(&TEXTS), Scratch::default());
        let query = Query::parse("parse").unwrap();
        let found = search(&index, &query, 9, &mut scratch);
        // 5 items, 2 with the word; 3 occurrences in 4 words; 24 words in 5 items.
        let rarity = (1.0_f32 + 3.5 / 2.5).ln();
        let expected = rarity * 3.0 * 2.2 / (3.0 + 1.2 * (0.25 + 0.75 * 4.0 / 4.8));
        assert!((found.hits[0].score - expected).abs() < 1e-5, "{} {expected}", found.hits[0].score);
        assert_eq!(found.total, 2);
        assert_eq!(search(&index, &query, 9, &mut scratch), found, "the buffers are clean again");
    }
}
