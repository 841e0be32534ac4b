//! The questions of simulated users: words of the corpus, frequent ones more often, and occasional
//! mistakes.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::query;
use crate::random::{Random, Zipf};

/// One request of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    Search(String),
    /// An item of an earlier answer, or an outdated bookmark.
    Document(i64),
    Complete(String),
}

/// The number of searches that are repeated often.
const POPULAR: usize = 2_000;

/// All words that may occur in questions, and the popular searches.
#[derive(Clone, Debug)]
pub(crate) struct Questions {
    words: Vec<Arc<str>>,
    word_ranks: Zipf,
    popular: Vec<String>,
    popular_ranks: Zipf,
}

impl Questions {
    /// `words` are ordered by frequency, the most frequent first.
    pub(crate) fn new(words: Vec<Arc<str>>, seed: u64) -> Self {
        let word_ranks = Zipf::new(words.len());
        let mut questions = Self { words, word_ranks, popular: Vec::new(), popular_ranks: Zipf::new(POPULAR) };
        let mut random = Random::new(seed, u64::MAX);
        questions.popular = (0..POPULAR).map(|_| questions.search(&mut random)).collect();
        questions
    }

    /// Of 100 questions, 84 are searches, most of them popular, 8 read an earlier result, 5
    /// complete a word, 2 are invalid, and 1 reads an item that no longer exists.
    pub(crate) fn pick(&self, random: &mut Random, last_results: &[i64]) -> Question {
        match random.below(100) {
            0..2 => Question::Search(self.mistake(random)),
            2 => Question::Document(i64::MAX - random.below(1000) as i64),
            3..8 => {
                let word = self.word(random);
                Question::Complete(word.chars().take(3).collect())
            }
            8..16 if !last_results.is_empty() => Question::Document(last_results[random.below(last_results.len())]),
            16..76 => Question::Search(self.popular[self.popular_ranks.pick(random)].clone()),
            _ => Question::Search(self.search(random)),
        }
    }

    /// One to three words. Some questions restrict the kind, or exclude a word.
    fn search(&self, random: &mut Random) -> String {
        let count = 1 + random.below(3);
        let mut text: Vec<&str> = (0..count).map(|_| self.word(random)).collect();
        let unwanted = format!("-{}", self.word(random));
        match random.below(10) {
            0 => text.push("kind:fn"),
            1 => text.push(["kind:struct", "kind:trait", "kind:impl", "kind:enum"][random.below(4)]),
            2 => text.push(&unwanted),
            _ => {}
        }
        text.join(" ")
    }

    fn mistake(&self, random: &mut Random) -> String {
        let word = self.word(random);
        match random.below(4) {
            0 => String::new(),
            1 => format!("{word} kind:class"),
            2 => format!("-{word}"),
            _ => format!("{word} ").repeat(query::MAX_BYTES / 2), // an accidental paste
        }
    }

    fn word(&self, random: &mut Random) -> &str {
        self.words.get(self.word_ranks.pick(random)).map_or("nothing", |word| word)
    }
}

impl Question {
    /// The request's path and query.
    pub(crate) fn path(&self) -> String {
        match self {
            Self::Search(text) => format!("/search?q={}", escape(text)),
            Self::Document(id) => format!("/documents/{id}"),
            Self::Complete(prefix) => format!("/complete?prefix={}", escape(prefix)),
        }
    }
}

/// Percent-encoded, with spaces as `+`.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => escaped.push(char::from(byte)),
            b' ' => escaped.push('+'),
            _ => write!(escaped, "%{byte:02X}").expect("a String takes everything"),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::Query;

    #[test]
    fn questions_come_in_the_stated_proportions() {
        let words = (0..500).map(|number| Arc::from(format!("word{number}"))).collect();
        let (questions, mut random) = (Questions::new(words, 1), Random::new(1, 1));
        let (mut mistakes, mut read, mut gone, mut completed) = (0, 0, 0, 0);
        for _ in 0..10_000 {
            match questions.pick(&mut random, &[1, 2, 3]) {
                Question::Search(text) => mistakes += u32::from(Query::parse(&text).is_err()),
                Question::Document(1..=3) => read += 1,
                Question::Document(_) => gone += 1,
                Question::Complete(_) => completed += 1,
            }
        }
        for (count, percent) in [(mistakes, 2), (read, 8), (gone, 1), (completed, 5)] {
            assert!((percent * 75..percent * 125).contains(&count), "{count}, expected {percent} %");
        }
    }

    #[test]
    fn paths_are_escaped() {
        assert_eq!(Question::Search("a-b kind:fn é".into()).path(), "/search?q=a-b+kind%3Afn+%C3%A9");
        assert_eq!(Question::Document(-1).path(), "/documents/-1");
    }
}
