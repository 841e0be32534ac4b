//! The page of statements of databases.

use std::fmt::Write as _;

use super::html::{self, escape};
use crate::base::units::{count, time};
use crate::snapshot::StatementFigures;

pub(in crate::serve) fn queries(statements: &[StatementFigures]) -> String {
    let mut page = html::begin("perf-sdk: queries", None);
    page.push_str("<header><h1><a href=\".\">perf-sdk</a></h1>");
    if statements.is_empty() {
        page.push_str(
            "</header><p class=\"empty\">No statement ran yet that is measured. Give them to \
             <code>perf_sdk::watch_query(\"db\")</code>.</p>",
        );
    } else {
        let runs: u64 = statements.iter().map(|statement| statement.calls).sum();
        let _ = write!(
            page,
            "<span class=\"facts\">{} statements by shape, run {} times</span></header>\
             <nav><b>also</b><a href=\"queries?format=json\">json</a></nav>",
            statements.len(),
            count(runs as f64),
        );
        table(&mut page, statements);
    }
    html::end(&mut page);
    page
}

fn table(page: &mut String, statements: &[StatementFigures]) {
    page.push_str(
        "<div class=\"scroll\"><table class=\"targets\"><thead><tr><th>statement</th><th>runs</th><th>rows</th>\
         <th title=\"median duration\">p50</th><th title=\"99 % of the runs are at most this long\">p99</th>\
         <th aria-sort=\"descending\">total</th></tr></thead><tbody>",
    );
    statements.iter().for_each(|statement| row(page, statement));
    page.push_str("</tbody></table></div>");
}

fn row(page: &mut String, statement: &StatementFigures) {
    let shape = escape(&statement.statement);
    let _ = write!(page, "<tr><td data-v=\"{shape}\"><code>{shape}</code><small>{}</small>", remarks(statement));
    if let Some(plan) = &statement.plan {
        let _ = write!(page, "<details><summary>plan</summary><pre>{}</pre></details>", escape(plan));
    }
    page.push_str("</td>");
    let durations = &statement.durations;
    let mut cell = |value: Option<f64>, show: fn(f64) -> String| {
        let _ = match value {
            Some(value) => write!(page, "<td data-v=\"{value}\">{}</td>", show(value)),
            None => write!(page, "<td data-v=\"-1\"></td>"),
        };
    };
    cell(Some(statement.calls as f64), count);
    cell((statement.rows > 0).then_some(statement.rows as f64), count);
    cell(durations.quantile(0.5), time);
    cell(durations.quantile(0.99), time);
    cell(Some(durations.sum() as f64), time);
    page.push_str("</tr>");
}

/// What is to be said of a statement: where it is asked, and what is wrong with it.
fn remarks(statement: &StatementFigures) -> String {
    let bad = |number: u64, said: String| (number > 0).then(|| format!("<span class=\"bad\">{said}</span>"));
    let number = |number: u64| count(number as f64);
    let callers: Vec<String> = statement.callers.iter().map(|caller| escape(caller).to_string()).collect();
    let scanned: Vec<String> = statement.scanned_tables.iter().map(|table| escape(table).to_string()).collect();
    let scanned = if scanned.is_empty() { String::new() } else { format!(" of {}", scanned.join(", ")) };
    let all = [
        Some(escape(&statement.database).to_string()),
        bad(statement.errors, format!("{} errors", number(statement.errors))),
        (statement.cancelled > 0).then(|| format!("{} cancelled", number(statement.cancelled))),
        bad(statement.slow, {
            format!("{} slow, up to {}", number(statement.slow), time(statement.slowest.as_nanos() as f64))
        }),
        bad(u64::from(statement.is_slow_on_average()), "20 ms and more on average".to_owned()),
        bad(statement.n_plus_one, {
            format!("several times in one call, {} times, by {}", number(statement.n_plus_one), callers.join(" and "))
        }),
        bad(statement.duplicates, format!("{} duplicates", number(statement.duplicates))),
        bad(statement.full_scans, format!("{} full scans{scanned}", number(statement.full_scans))),
    ];
    all.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_out_of_the_page() {
        let bad = || "<script>alert(\"1\")</script>".to_owned();
        let statement = StatementFigures {
            database: bad(),
            statement: bad(),
            plan: Some(bad()),
            scanned_tables: vec![bad()],
            callers: vec![bad()],
            full_scans: 1,
            n_plus_one: 1,
            ..StatementFigures::default()
        };
        let page = queries(&[statement]);
        assert!(!page.contains("<script>alert"), "{page}");
        assert_eq!(page.matches("&lt;script&gt;").count(), 6, "{page}");
    }

    #[test]
    fn a_row_says_what_is_wrong_with_a_statement() {
        let mut statement = StatementFigures {
            database: "db".into(),
            statement: "SELECT a FROM t".into(),
            calls: 1_200,
            slow: 3,
            slowest: std::time::Duration::from_millis(750),
            n_plus_one: 2,
            callers: vec!["search > load".into()],
            plan: Some("SCAN t".into()),
            scanned_tables: vec!["t".into()],
            full_scans: 9,
            ..StatementFigures::default()
        };
        statement.durations.record(2_000_000, 1_200);
        let page = queries(&[statement]);
        for part in [
            "1 statements by shape, run 1\u{202f}200 times",
            "<code>SELECT a FROM t</code><small>db · ",
            "3 slow, up to 750 ms",
            "several times in one call, 2 times, by search &gt; load",
            "9 full scans of t",
            "<pre>SCAN t</pre>",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
    }

    #[test]
    fn without_statements_the_page_says_how_to_measure_them() {
        assert!(queries(&[]).contains("perf_sdk::watch_query"));
    }
}
