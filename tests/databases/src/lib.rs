//! Planted programs and their mended twins: see `tests/`.
//!
//! There are 500 orders of 10 items each. The planted program asks for the items of each of 10
//! orders by a statement of its own, where no index helps, and for those of one order twice; then
//! it runs a statement until it was slow. The mended one asks for all of them at once, with an
//! index.

use std::time::Duration;

use perf_sdk::instrument::Query;
use perf_sdk::snapshot::StatementFigures;

/// What is slow. No other statement of the programs takes that long, also on a busy machine.
pub const SLOW: Duration = Duration::from_secs(2);

pub const ORDERS: [i64; 11] = [3, 50, 77, 101, 150, 222, 300, 333, 404, 450, 3];
pub const BY_ORDER: &str = "SELECT name FROM items WHERE order_id = $1";
pub const BY_ORDERS: &str = "SELECT name FROM items WHERE order_id IN ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

/// What the planted program has, found for each statement with its plan.
pub fn assert_planted(db: Query, slow: &str, caller: &str) {
    let statements = db.statements();
    let of = |shape: &str| -> &StatementFigures {
        let found = statements.iter().find(|statement| statement.statement.starts_with(shape));
        found.unwrap_or_else(|| panic!("{shape} in {statements:#?}"))
    };
    let by_order = of("SELECT name FROM items WHERE order_id = ?");
    assert_eq!((by_order.calls, by_order.n_plus_one, by_order.duplicates), (11, 1, 1), "{by_order:#?}");
    assert_eq!(by_order.callers, [caller]);
    assert_eq!((by_order.slow, by_order.errors), (0, 0));
    assert!(by_order.full_scans > 0, "{by_order:#?}");
    assert_eq!(by_order.scanned_tables, ["items"], "{by_order:#?}");
    let slow = of(slow);
    assert!(slow.slow > 0 && slow.slowest >= SLOW, "{slow:#?}");
    assert!(slow.plan.is_some(), "{slow:#?}");
    assert_eq!((slow.n_plus_one, slow.duplicates), (0, 0));
}

/// What the mended program lacks. The plan of its statement is known nevertheless.
pub fn assert_mended(db: Query, calls: u64) {
    let statements = db.statements();
    let all = |figure: fn(&StatementFigures) -> u64| statements.iter().map(figure).sum::<u64>();
    assert_eq!(all(|statement| statement.calls), calls, "{statements:#?}");
    let problems = all(|statement| statement.slow + statement.n_plus_one + statement.duplicates + statement.full_scans);
    assert_eq!(problems, 0, "{statements:#?}");
    let by_orders = statements.iter().find(|one| one.statement == "SELECT name FROM items WHERE order_id IN (?)");
    let by_orders = by_orders.unwrap_or_else(|| panic!("{statements:#?}"));
    assert!(by_orders.plan.is_some() && by_orders.scanned_tables.is_empty(), "{by_orders:#?}");
}
