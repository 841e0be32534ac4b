//! What the plan of a statement says.

/// The maximum length of a plan, in bytes.
const MAX_PLAN_BYTES: usize = 4 << 10;
/// The maximum number of tables that are named.
const MAX_TABLES: usize = 16;

/// A plan as text, and which tables it reads from the first row to the last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) text: String,
    pub(crate) full_scans: Vec<String>,
}

impl Plan {
    pub(crate) fn of(text: &str) -> Self {
        let text = crate::scope::beginning(text.trim(), MAX_PLAN_BYTES);
        let mut full_scans: Vec<String> = text.lines().filter_map(scanned).map(str::to_owned).collect();
        full_scans.sort();
        full_scans.dedup();
        full_scans.truncate(MAX_TABLES);
        Self { text: text.to_owned(), full_scans }
    }
}

/// The table that a line of a plan scans: `SCAN t` of SQLite, `Seq Scan on t` of `PostgreSQL`,
/// `Table scan on t` of `MySQL`. A scan of an index reads all of it, but is not one of a table.
fn scanned(line: &str) -> Option<&str> {
    let line = line.trim_start_matches(|c: char| !c.is_alphanumeric());
    let table = ["Seq Scan on ", "Table scan on "].iter().find_map(|scan| {
        let (before, table) = line.split_once(scan)?;
        (before.is_empty() || before.ends_with(' ')).then_some(table)
    });
    let table = match table {
        Some(table) => table,
        None => {
            // A line of `EXPLAIN QUERY PLAN` may begin with its numbers: `3|0|216|SCAN t`.
            let at = line.find("SCAN ").filter(|at| !line[..*at].contains(char::is_alphabetic))?;
            let table = &line[at + "SCAN ".len()..];
            let table = table.strip_prefix("TABLE ").unwrap_or(table);
            if table.starts_with("CONSTANT ROW") || table.starts_with('(') || table.contains(" INDEX ") {
                return None;
            }
            table
        }
    };
    let end = table.find(|c: char| c.is_whitespace() || c == '(').unwrap_or(table.len());
    Some(&table[..end]).filter(|table| !table.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_scans_are_those_of_tables() {
        for (plan, tables) in [
            ("SCAN orders", vec!["orders"]),
            ("QUERY PLAN\n|--SCAN o\n`--SEARCH i USING INDEX item_order (order_id=?)", vec!["o"]),
            ("3|0|216|SCAN TABLE t1 AS a", vec!["t1"]),
            ("SCAN CONSTANT ROW\nSCAN (subquery-1)\nSCAN t USING COVERING INDEX i", vec![]),
            ("SEARCH t USING INTEGER PRIMARY KEY (rowid=?)", vec![]),
            ("Seq Scan on items  (cost=0.00..35.50 rows=10 width=4)\n  Filter: (a = 1)", vec!["items"]),
            (
                "Hash Join  (cost=…)\n  ->  Parallel Seq Scan on public.b  (cost=…)\n  ->  Hash\n        ->  Seq Scan on a",
                vec!["a", "public.b"],
            ),
            ("Index Scan using a_pkey on a  (cost=…)\n  Index Cond: (id = 1)", vec![]),
            ("Bitmap Heap Scan on a", vec![]),
            ("-> Filter: (t.a = 1)  (cost=0.35)\n    -> Table scan on t  (cost=0.35 rows=1)", vec!["t"]),
            ("", vec![]),
        ] {
            assert_eq!(Plan::of(plan).full_scans, tables, "{plan}");
        }
    }

    #[test]
    fn a_plan_is_bounded() {
        let plan = Plan::of(&(0..10_000).map(|n| format!("SCAN ö{n}\n")).collect::<String>());
        assert!(plan.text.len() <= MAX_PLAN_BYTES && plan.full_scans.len() == MAX_TABLES);
    }
}
