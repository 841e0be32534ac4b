//! A cache of answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::page::Page;
use crate::query::Query;

/// The most useful answers; fewer than there are different questions.
#[derive(Debug)]
pub(crate) struct Cache {
    pages: moka::sync::Cache<(Query, usize), Arc<Page>>,
    hits: AtomicU64,
    misses: AtomicU64,
}

#[perf_sdk::profiled]
impl Cache {
    #[perf_sdk::profiled(skip)]
    pub(crate) fn new(capacity: u64) -> Self {
        Self { pages: moka::sync::Cache::new(capacity), hits: AtomicU64::new(0), misses: AtomicU64::new(0) }
    }

    /// The answer with this number of results, if it is cached.
    pub(crate) fn get(&self, key: &(Query, usize)) -> Option<Arc<Page>> {
        let page = self.pages.get(key);
        let (count, result) = if page.is_some() { (&self.hits, "hit") } else { (&self.misses, "miss") };
        count.fetch_add(1, Ordering::Relaxed);
        metrics::counter!("service_cache_lookups_total", "result" => result).increment(1);
        page
    }

    /// Caches an answer, possibly in place of a less useful one.
    pub(crate) fn put(&self, key: (Query, usize), page: Arc<Page>) {
        self.pages.insert(key, page);
        metrics::gauge!("service_cache_entries").set(self.pages.entry_count() as f64);
    }

    /// The share of look-ups that were answered from the cache. `None` if there were none.
    #[perf_sdk::profiled(skip)]
    pub(crate) fn hit_ratio(&self) -> Option<f64> {
        let (hits, misses) = (self.hits.load(Ordering::Relaxed), self.misses.load(Ordering::Relaxed));
        (hits + misses > 0).then(|| hits as f64 / (hits + misses) as f64)
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
        assert_eq!(cache.hit_ratio(), None);
        for number in 0..100 {
            cache.put(key(number), page.clone());
        }
        cache.pages.run_pending_tasks();
        let kept = (0..100).filter(|number| cache.get(&key(*number)).is_some()).count();
        assert_eq!(kept, 10);
        assert_eq!(cache.hit_ratio(), Some(0.1));
        assert!(cache.get(&(key(0).0, 11)).is_none(), "another number of results is another answer");
    }
}
