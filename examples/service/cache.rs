//! A cache of answers.

use std::sync::Arc;

use moka::notification::RemovalCause;

use crate::page::Page;
use crate::query::Query;

type Pages = moka::sync::Cache<(Query, usize), Arc<Page>>;

/// The most useful answers; fewer than there are different questions.
#[derive(Debug)]
pub(crate) struct Cache {
    pages: Pages,
    watched: perf_sdk::instrument::Cache,
}

#[perf_sdk::profiled]
impl Cache {
    #[perf_sdk::profiled(skip)]
    pub(crate) fn new(capacity: u64) -> Self {
        let watched = perf_sdk::watch_cache("answers");
        watched.evicted(0); // there are such events
        let listener = watched.clone();
        let pages = Pages::builder()
            .max_capacity(capacity)
            .eviction_listener(move |_, _, cause| {
                if cause == RemovalCause::Size {
                    listener.evicted(1);
                }
            })
            .build();
        let told = pages.clone();
        Self { pages, watched: watched.entries(move || told.entry_count()) }
    }

    /// The answer with this number of results, if it is cached.
    pub(crate) fn get(&self, key: &(Query, usize)) -> Option<Arc<Page>> {
        self.watched.get(|| self.pages.get(key))
    }

    /// Caches an answer, possibly in place of a less useful one.
    pub(crate) fn put(&self, key: (Query, usize), page: Arc<Page>) {
        self.pages.insert(key, page);
        self.watched.inserted(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_kept_up_to_the_capacity() {
        let cache = Cache::new(10);
        let key = |number: usize| (Query::parse(&format!("word{number}")).unwrap(), 10);
        let page = Arc::new(Page { total: 0, milliseconds: 0.0, results: Vec::new() });
        for number in 0..100 {
            cache.put(key(number), page.clone());
        }
        cache.pages.run_pending_tasks();
        let kept = (0..100).filter(|number| cache.get(&key(*number)).is_some()).count();
        assert_eq!(kept, 10);
        assert!(cache.get(&(key(0).0, 11)).is_none(), "another number of results is another answer");
    }
}
