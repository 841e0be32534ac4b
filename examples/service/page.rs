//! A page of results, as the user gets it.

use std::time::Instant;

use serde::Serialize;

use crate::index::Index;
use crate::query::Query;
use crate::readers;
use crate::refresh::Desk;
use crate::search::{self, Found};
use crate::snippet::{self, Line};

/// The number of lines shown of each result.
const LINES: usize = 3;

/// The results of one question.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Page {
    /// The number of items that contain one of the words.
    pub(crate) total: usize,
    /// The time that the search took.
    pub(crate) milliseconds: f64,
    pub(crate) results: Vec<Row>,
}

/// One result.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) id: i64,
    pub(crate) score: f32,
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) line: u32,
    pub(crate) lines: Vec<Line>,
}

#[perf_sdk::profiled]
impl Page {
    /// Searches, and reads the found items from the store.
    pub(crate) fn find(index: &Index, query: &Query, limit: usize, desk: &mut Desk) -> Result<Self, readers::Error> {
        let begin = Instant::now();
        let Found { hits, total } = search::search(index, query, limit, &mut desk.scratch);
        metrics::histogram!("service_items_matched").record(total as f64);
        let ids: Vec<i64> = hits.iter().map(|hit| index.items()[hit.place as usize].id).collect();
        let mut results = Vec::with_capacity(hits.len());
        // Without those that a refresh in another process has removed since.
        for document in desk.readers.take()?.documents(&ids)? {
            let Some(place) = ids.iter().position(|id| *id == document.id) else { continue };
            let lines = snippet::snippet(&document.text, document.first_line, &query.words, LINES);
            results.push(Row {
                id: document.id,
                score: hits[place].score,
                kind: document.kind.to_string(),
                name: document.name,
                path: document.path,
                line: document.first_line,
                lines,
            });
        }
        Ok(Self { total, milliseconds: begin.elapsed().as_secs_f64() * 1e3, results })
    }
}
