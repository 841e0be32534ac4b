//! What arenas and pools hold.

use std::borrow::Cow;

use crate::export::metrics::family::{Kind, Metric, Value};
use crate::export::metrics::row::{Metrics, Row, Source, optional};
use crate::snapshot::{ArenaAccount, BumpAccount, Checkout, PoolAccount, PressureAccount};

const fn gauge(
    name: &'static str,
    unit: &'static str,
    help: &'static str,
    metrics: for<'a> fn(Source<'a>) -> Metrics<'a>,
) -> Row {
    Row { name, help, unit, kind: Kind::Gauge, is_per_function: false, metrics }
}

const fn counter(name: &'static str, help: &'static str, metrics: for<'a> fn(Source<'a>) -> Metrics<'a>) -> Row {
    Row { name, help, unit: "", kind: Kind::Counter, is_per_function: false, metrics }
}

pub(super) const ROWS: &[Row] = &[
    gauge("arena_allocated_bytes", "bytes", "Allocated from an arena by its users and not freed.", |source| {
        arenas(source, |arena| Some(arena.allocated_bytes))
    }),
    gauge("arena_high_water_bytes", "bytes", "The most that was ever allocated from an arena at a time.", |source| {
        arenas(source, |arena| Some(arena.high_water_bytes))
    }),
    gauge("arena_active_bytes", "bytes", "Pages of an arena that hold something allocated.", |source| {
        arenas(source, |arena| Some(arena.active_bytes))
    }),
    gauge("arena_mapped_bytes", "bytes", "Taken from the system for an arena with a hard limit.", |source| {
        arenas(source, |arena| arena.mapped_bytes)
    }),
    gauge("arena_soft_limit_bytes", "bytes", "Above it the arena's callback is called.", |source| {
        arenas(source, |arena| arena.soft_limit_bytes)
    }),
    gauge("arena_hard_limit_bytes", "bytes", "Above it the arena's allocations fail.", |source| {
        arenas(source, |arena| arena.hard_limit_bytes)
    }),
    counter("arena_allocations_total", "Allocations from an arena.", |source| {
        arenas(source, |arena| Some(arena.allocations))
    }),
    counter("arena_refused_total", "Allocations from an arena that failed.", |source| {
        arenas(source, |arena| Some(arena.refused))
    }),
    counter("pool_taken_total", "Objects taken from a pool.", |source| pools(source, |pool| Some(pool.taken as f64))),
    counter("pool_made_total", "Objects that a pool made; taken ones that were not made were used again.", |source| {
        pools(source, |pool| Some(pool.made as f64))
    }),
    counter("pool_discarded_total", "Objects that were not used again, by reason.", discarded),
    counter("pool_timeouts_total", "Waits for an object of a pool's that ended without one.", |source| {
        pools(source, |pool| Some(pool.timeouts as f64))
    }),
    gauge("pool_outstanding", "", "Objects of a pool's that are out.", |source| {
        pools(source, |pool| Some(pool.outstanding as f64))
    }),
    gauge("pool_idle", "", "Objects that wait in a pool.", |source| pools(source, |pool| Some(pool.idle as f64))),
    gauge("pool_hit_ratio", "ratio", "Part of what was taken from a pool that had been used before.", |source| {
        pools(source, PoolAccount::hit_ratio)
    }),
    gauge(
        "pool_oldest_checkout_seconds",
        "seconds",
        "How long an object of a pool's is out, the longest, by who took it.",
        oldest,
    ),
    counter("bump_requests_total", "Bump arenas taken from a pool.", |source| {
        bumps(source, |bump| Some(bump.pool.taken as f64))
    }),
    Row {
        unit: "bytes",
        ..counter("bump_used_bytes_total", "Used of bump arenas that came back.", |source| {
            bumps(source, |bump| Some(bump.used_bytes as f64))
        })
    },
    gauge("bump_high_water_bytes", "bytes", "The most that one bump arena used.", |source| {
        bumps(source, |bump| Some(bump.high_water_bytes as f64))
    }),
    gauge("bump_idle_bytes", "bytes", "Held by bump arenas that wait.", |source| {
        bumps(source, |bump| Some(bump.idle_bytes as f64))
    }),
    gauge("bump_outstanding", "", "Bump arenas that are out.", |source| {
        bumps(source, |bump| Some(bump.pool.outstanding as f64))
    }),
    gauge("bump_waste_ratio", "ratio", "Part of what bump arenas held that was not used.", |source| {
        bumps(source, BumpAccount::waste_ratio)
    }),
    gauge(
        "memory_used_bytes",
        "bytes",
        "Used of what is nearest to its limit: the process, a control group, or the machine.",
        |source| pressure(source, |account| account.used_bytes as f64),
    ),
    gauge("memory_limit_bytes", "bytes", "Its limit.", |source| pressure(source, |account| account.limit_bytes as f64)),
    gauge("memory_pressure_level", "", "How short memory is: 0 normal, 1 high, 2 critical.", |source| {
        pressure(source, |account| f64::from(account.level as u8))
    }),
    counter("memory_reliefs_total", "Times that pools were trimmed and pages given back.", |source| {
        pressure(source, |account| account.reliefs as f64)
    }),
    Row {
        name: "memory_relief_pause_seconds",
        help: "How long each step of that took, on a thread of the profiler's.",
        unit: "seconds",
        kind: Kind::Histogram,
        is_per_function: false,
        metrics: |source| {
            let account = source.snapshot.pressure.as_ref().filter(|account| account.reliefs > 0);
            Box::new(account.into_iter().map(|account| {
                let sum = account.pauses.sum_in_base_unit();
                let value = Value::Distribution { histogram: &account.pauses, sum, exemplars: &[] };
                Metric { labels: Vec::new(), value }
            }))
        },
    },
];

fn named<'a>(label: &'static str, name: &'a str, value: f64) -> Metric<'a> {
    Metric { labels: vec![(label, name.into())], value: Value::Number(value) }
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
        Metric { labels, value: Value::Number(*age_ns as f64 / 1e9) }
    }))
}
