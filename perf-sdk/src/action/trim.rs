//! Memory is returned to the system, as under memory pressure.

use std::time::Duration;

use crate::alert::Ended;

/// `all`: not only pages that were unused for long.
#[cfg(feature = "pool")]
pub(crate) fn give_back(all: bool) -> Ended {
    use crate::pool::{Pressure, relieve};
    let relief = relieve(if all { Pressure::Critical } else { Pressure::High });
    let took: Duration = relief.pauses.iter().sum();
    let which = if all { "all unused pages" } else { "pages that were unused for long" };
    Ended {
        detail: format!("{} objects of pools were dropped, {which} returned", relief.trimmed),
        attempts: 1,
        took_seconds: took.as_secs_f64(),
        ..Ended::default()
    }
}

/// Rules do not ask for it without pools.
#[cfg(not(feature = "pool"))]
pub(crate) fn give_back(_all: bool) -> Ended {
    let detail = "the feature pool is off".to_owned();
    Ended { detail, took_seconds: Duration::ZERO.as_secs_f64(), has_failed: true, ..Ended::default() }
}
