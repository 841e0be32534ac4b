//! Metrics of arenas, pools and memory pressure.

use std::borrow::Cow;

use crate::export::metrics::family::{Kind, Metric, Value};
use crate::export::metrics::row::{Metrics, Of, Row, Source, optional};
use crate::snapshot::{ArenaAccount, BumpAccount, Checkout, PoolAccount, PressureAccount};

const fn gauge(
    name: &'static str,
    unit: &'static str,
    help: &'static str,
    metrics: for<'a> fn(Source<'a>) -> Metrics<'a>,
) -> Row {
    Row { name, help, unit, kind: Kind::Gauge, of: Of::Process, metrics }
}

const fn counter(name: &'static str, help: &'static str, metrics: for<'a> fn(Source<'a>) -> Metrics<'a>) -> Row {
    Row { name, help, unit: "", kind: Kind::Counter, of: Of::Process, metrics }
}

pub(super) const ROWS: &[Row] = &[
    gauge("arena_allocated_bytes", "bytes", "Bytes allocated from an arena and not freed.", |source| {
        arenas(source, |arena| Some(arena.allocated_bytes))
    }),
    gauge("arena_high_water_bytes", "bytes", "High-water mark of the bytes allocated from an arena.", |source| {
        arenas(source, |arena| Some(arena.high_water_bytes))
    }),
    gauge("arena_active_bytes", "bytes", "Bytes in the active pages of an arena.", |source| {
        arenas(source, |arena| Some(arena.active_bytes))
    }),
    gauge("arena_mapped_bytes", "bytes", "Bytes that an arena with a hard limit has mapped.", |source| {
        arenas(source, |arena| arena.mapped_bytes)
    }),
    gauge("arena_soft_limit_bytes", "bytes", "Allocated bytes above which the arena's callback is called.", |source| {
        arenas(source, |arena| arena.soft_limit_bytes)
    }),
    gauge("arena_hard_limit_bytes", "bytes", "Mapped bytes above which the arena's allocations fail.", |source| {
        arenas(source, |arena| arena.hard_limit_bytes)
    }),
    counter("arena_allocations_total", "Allocations from an arena.", |source| {
        arenas(source, |arena| Some(arena.allocations))
    }),
    counter("arena_refused_total", "Failed allocations from an arena.", |source| {
        arenas(source, |arena| Some(arena.refused))
    }),
    counter("pool_taken_total", "Objects taken from a pool.", |source| pools(source, |pool| Some(pool.taken as f64))),
    counter("pool_made_total", "Objects that a pool made. Other objects taken from it were reused.", |source| {
        pools(source, |pool| Some(pool.made as f64))
    }),
    counter("pool_discarded_total", "Objects that were dropped instead of reused, by reason.", discarded),
    counter("pool_timeouts_total", "Waits for an object of a pool that timed out.", |source| {
        pools(source, |pool| Some(pool.timeouts as f64))
    }),
    gauge("pool_outstanding", "", "Objects of a pool that are in use.", |source| {
        pools(source, |pool| Some(pool.outstanding as f64))
    }),
    gauge("pool_idle", "", "Idle objects in a pool.", |source| pools(source, |pool| Some(pool.idle as f64))),
    gauge("pool_hit_ratio", "ratio", "Share of the objects taken from a pool that were reused.", |source| {
        pools(source, PoolAccount::hit_ratio)
    }),
    gauge(
        "pool_oldest_checkout_seconds",
        "seconds",
        "Time for which an object of a pool has been in use, the longest, by the scope that took it.",
        oldest,
    ),
    counter("bump_requests_total", "Bump arenas taken from a pool.", |source| {
        bumps(source, |bump| Some(bump.pool.taken as f64))
    }),
    Row {
        unit: "bytes",
        ..counter("bump_used_bytes_total", "Bytes used in bump arenas that were returned.", |source| {
            bumps(source, |bump| Some(bump.used_bytes as f64))
        })
    },
    gauge("bump_high_water_bytes", "bytes", "High-water mark of the bytes used in one bump arena.", |source| {
        bumps(source, |bump| Some(bump.high_water_bytes as f64))
    }),
    gauge("bump_idle_bytes", "bytes", "Bytes held by idle bump arenas.", |source| {
        bumps(source, |bump| Some(bump.idle_bytes as f64))
    }),
    gauge("bump_outstanding", "", "Bump arenas that are in use.", |source| {
        bumps(source, |bump| Some(bump.pool.outstanding as f64))
    }),
    gauge("bump_waste_ratio", "ratio", "Share of the bytes held by bump arenas that was not used.", |source| {
        bumps(source, BumpAccount::waste_ratio)
    }),
    gauge(
        "memory_used_bytes",
        "bytes",
        "Memory used by the process, a control group or the machine, whichever is closest to its limit.",
        |source| pressure(source, |account| account.used_bytes as f64),
    ),
    gauge("memory_limit_bytes", "bytes", "Limit of memory_used_bytes.", |source| {
        pressure(source, |account| account.limit_bytes as f64)
    }),
    gauge("memory_pressure_level", "", "Memory pressure: 0 normal, 1 high, 2 critical.", |source| {
        pressure(source, |account| f64::from(account.level as u8))
    }),
    counter("memory_reliefs_total", "How often pools were trimmed and pages returned to the system.", |source| {
        pressure(source, |account| account.reliefs as f64)
    }),
    Row {
        name: "memory_relief_pause_seconds",
        help: "Duration of each step of memory relief, on a thread of the profiler.",
        unit: "seconds",
        kind: Kind::Histogram,
        of: Of::Process,
        metrics: |source| {
            let account = source.snapshot.pressure.as_ref().filter(|account| account.reliefs > 0);
            Box::new(account.into_iter().map(|account| {
                let sum = account.pauses.sum_in_base_unit();
                let value = Value::Distribution { histogram: &account.pauses, sum, exemplars: &[] };
                Metric { function: None, labels: Vec::new(), value }
            }))
        },
    },
];

fn named<'a>(label: &'static str, name: &'a str, value: f64) -> Metric<'a> {
    Metric { function: None, labels: vec![(label, name.into())], value: Value::Number(value) }
}

fn arenas<'a>(source: Source<'a>, value: fn(&ArenaAccount) -> Option<u64>) -> Metrics<'a> {
    let arenas = source.snapshot.arenas.iter();
    Box::new(arenas.filter_map(move |arena| Some(named("arena", &arena.name, value(arena)? as f64))))
}

fn pools<'a>(source: Source<'a>, value: fn(&PoolAccount) -> Option<f64>) -> Metrics<'a> {
    let pools = source.snapshot.pools.iter();
    Box::new(pools.filter_map(move |pool| Some(named("pool", &pool.name, value(pool)?))))
}

fn bumps<'a>(source: Source<'a>, value: fn(&BumpAccount) -> Option<f64>) -> Metrics<'a> {
    let bumps = source.snapshot.bumps.iter();
    Box::new(bumps.filter_map(move |bump| Some(named("pool", &bump.pool.name, value(bump)?))))
}

fn pressure<'a>(source: Source<'a>, value: fn(&PressureAccount) -> f64) -> Metrics<'a> {
    optional(source.snapshot.pressure.as_ref().map(value))
}

fn discarded(source: Source<'_>) -> Metrics<'_> {
    Box::new(source.snapshot.pools.iter().flat_map(|pool| {
        let reasons = [
            ("beyond", pool.beyond),
            ("poisoned", pool.poisoned),
            ("unfit", pool.unfit),
            ("surplus", pool.surplus),
            ("trimmed", pool.trimmed),
        ];
        reasons.into_iter().map(|(reason, count)| Metric {
            function: None,
            labels: vec![("pool", pool.name.as_str().into()), ("reason", reason.into())],
            value: Value::Number(count as f64),
        })
    }))
}

fn oldest(source: Source<'_>) -> Metrics<'_> {
    let out = source.snapshot.pools.iter().filter_map(|pool| Some((pool, pool.oldest.as_ref()?)));
    Box::new(out.map(|(pool, Checkout { age_ns, function, module, .. })| {
        let labels: Vec<(&str, Cow<'_, str>)> = vec![
            ("pool", pool.name.as_str().into()),
            ("function", function.as_str().into()),
            ("module", module.as_str().into()),
        ];
        Metric { function: None, labels, value: Value::Number(*age_ns as f64 / 1e9) }
    }))
}
