//! All metrics in one table, independent of the format. A new metric is a new row, in the file of
//! its subject.

mod alerts;
mod distributions;
mod functions;
mod health;
mod memory;
mod pools;
mod profiler;
mod readings;
mod stacks;
mod targets;

pub(super) use distributions::families as of_distributions;
pub(super) use readings::families as of_readings;

use super::row::Row;

/// All of the profiler's metrics, in the order in which they are written.
const TABLES: [&[Row]; 8] = [
    functions::ROWS,
    memory::ROWS,
    pools::ROWS,
    stacks::ROWS,
    targets::ROWS,
    alerts::ROWS,
    health::ROWS,
    profiler::ROWS,
];

/// The row with this index. `None` beyond the last.
pub(super) fn row(mut at: usize) -> Option<&'static Row> {
    for table in TABLES {
        match table.get(at) {
            Some(row) => return Some(row),
            None => at -= table.len(),
        }
    }
    None
}

pub(super) fn rows() -> impl Iterator<Item = &'static Row> {
    TABLES.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::metrics::family::Kind;

    #[test]
    fn names_end_with_the_suffix_of_their_kind_and_unit() {
        for row in rows() {
            assert_eq!(row.name.ends_with("_total"), row.kind == Kind::Counter, "{}", row.name);
            assert_eq!(row.name.ends_with("_info"), row.kind == Kind::Info, "{}", row.name);
            let stem = row.name.strip_suffix("_total").unwrap_or(row.name);
            assert!(row.unit.is_empty() || stem.ends_with(&format!("_{}", row.unit)), "{}", row.name);
            assert!(row.help.ends_with('.'), "{}", row.name);
        }
    }
}
