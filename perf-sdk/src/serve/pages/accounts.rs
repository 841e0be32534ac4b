//! The section of the index page on arenas, pools and memory pressure.

use std::fmt::Write as _;

use super::html::escape;
use crate::base::units::{bytes, count, time};
use crate::snapshot::{PoolAccount, Snapshot};

/// Writes nothing if there are none.
pub(in crate::serve) fn write(page: &mut String, snapshot: &Snapshot) {
    if !snapshot.arenas.is_empty() {
        arenas(page, snapshot);
    }
    if !snapshot.bumps.is_empty() {
        bumps(page, snapshot);
    }
    if !snapshot.pools.is_empty() {
        pools(page, snapshot);
    }
}

/// Memory in use and its limit, for the head of the page.
pub(in crate::serve) fn memory(page: &mut String, snapshot: &Snapshot) {
    if let Some(account) = snapshot.pressure.as_ref().filter(|account| account.limit_bytes > 0) {
        let class = if account.level as u8 > 0 { " class=\"bad\"" } else { "" };
        let _ = write!(
            page,
            " · <span{class}>memory {}</span>: {} of {}",
            account.level,
            bytes(account.used_bytes as f64),
            bytes(account.limit_bytes as f64),
        );
    }
}

fn begin(page: &mut String, heads: &[(&str, &str)]) {
    page.push_str("<div class=\"scroll\"><table><thead><tr>");
    for (head, hint) in heads {
        let _ = write!(page, "<th title=\"{hint}\">{head}</th>");
    }
    page.push_str("</tr></thead><tbody>");
}

fn name(page: &mut String, name: &str) {
    let name = escape(name);
    let _ = write!(page, "<tr><td data-v=\"{name}\">{name}</td>");
}

/// The number by which a column is sorted, and its formatter.
type Cell = (Option<f64>, fn(f64) -> String);

fn cells(page: &mut String, cells: &[Cell]) {
    for (value, show) in cells {
        let _ = match value {
            Some(value) => write!(page, "<td data-v=\"{value}\">{}</td>", show(*value)),
            None => write!(page, "<td data-v=\"-1\"></td>"),
        };
    }
}

fn end(page: &mut String) {
    page.push_str("</tbody></table></div>");
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn arenas(page: &mut String, snapshot: &Snapshot) {
    begin(
        page,
        &[
            ("arena", "jemalloc arenas made by the program"),
            ("allocated", "and not freed"),
            ("high water", "maximum of allocated"),
            ("active", "pages that contain allocations"),
            ("mapped", "from the system; known only with a hard limit"),
            ("soft limit", "above it a callback is called"),
            ("hard limit", "above it allocations fail"),
            ("allocations", "ever"),
            ("refused", "allocations that failed"),
        ],
    );
    for arena in &snapshot.arenas {
        name(page, &arena.name);
        let some = |n: Option<u64>| n.map(|n| n as f64);
        cells(
            page,
            &[
                (Some(arena.allocated_bytes as f64), bytes),
                (Some(arena.high_water_bytes as f64), bytes),
                (Some(arena.active_bytes as f64), bytes),
                (some(arena.mapped_bytes), bytes),
                (some(arena.soft_limit_bytes), bytes),
                (some(arena.hard_limit_bytes), bytes),
                (Some(arena.allocations as f64), count),
                (Some(arena.refused as f64), count),
            ],
        );
        page.push_str("</tr>");
    }
    end(page);
}

fn bumps(page: &mut String, snapshot: &Snapshot) {
    begin(
        page,
        &[
            ("bump arenas", "one for each request, reused"),
            ("requests", "ever"),
            ("out", "now"),
            ("idle", "bytes held by idle ones"),
            ("used", "mean bytes for each request"),
            ("high water", "maximum of one request"),
            ("waste", "share of held bytes that was not used"),
        ],
    );
    for bump in &snapshot.bumps {
        name(page, &bump.pool.name);
        let ended = bump.pool.taken.saturating_sub(bump.pool.outstanding);
        cells(
            page,
            &[
                (Some(bump.pool.taken as f64), count),
                (Some(bump.pool.outstanding as f64), count),
                (Some(bump.idle_bytes as f64), bytes),
                ((ended > 0).then(|| bump.used_bytes as f64 / ended as f64), bytes),
                (Some(bump.high_water_bytes as f64), bytes),
                (bump.waste_ratio(), percent),
            ],
        );
        page.push_str("</tr>");
    }
    end(page);
}

fn pools(page: &mut String, snapshot: &Snapshot) {
    begin(
        page,
        &[
            ("pool", "reusable objects"),
            ("taken", "ever"),
            ("hits", "share of reused objects"),
            ("out", "now"),
            ("idle", "waiting"),
            ("discarded", "not reused: beyond the maximum, poisoned, unfit, surplus, trimmed"),
            ("timeouts", "waits that timed out"),
            ("oldest checkout", "and the scope that took it"),
        ],
    );
    for pool in &snapshot.pools {
        name(page, &pool.name);
        let discarded = pool.beyond + pool.poisoned + pool.unfit + pool.surplus + pool.trimmed;
        cells(
            page,
            &[
                (Some(pool.taken as f64), count),
                (pool.hit_ratio(), percent),
                (Some(pool.outstanding as f64), count),
                (Some(pool.idle as f64), count),
                (Some(discarded as f64), count),
                (Some(pool.timeouts as f64), count),
            ],
        );
        oldest(page, pool);
        page.push_str("</tr>");
    }
    end(page);
}

fn oldest(page: &mut String, pool: &PoolAccount) {
    match &pool.oldest {
        Some(out) => {
            let _ = write!(
                page,
                "<td data-v=\"{}\">{} <small>{}</small></td>",
                out.age_ns,
                time(out.age_ns as f64),
                escape(&out.scopes.join(" → "))
            );
        }
        None => page.push_str("<td data-v=\"-1\"></td>"),
    }
}
