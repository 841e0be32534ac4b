//! The history as a whole, against lists of all that it was told.

mod figures;
mod files;
mod kills;
mod marks;
mod memory;
mod oracle;
mod paces;
mod quantiles;

use super::store::{History, Reserved};
use crate::reading::{Description, Kind, Labels, Reading, Unit};

/// A Monday in 2026, not at the beginning of any interval.
const START: u64 = 1_795_000_007;

macro_rules! descriptions {
    ($($item:ident, $name:literal, $unit:ident, $kind:ident;)*) => {
        $(static $item: Description =
            Description { name: $name, help: "", unit: Unit::$unit, kind: Kind::$kind };)*
    };
}

descriptions! {
    LEVEL, "test_level", Count, Gauge;
    BYTES, "test_bytes", Bytes, Gauge;
    SHARE, "test_ratio", Ratio, Gauge;
    EVENTS, "test_events_total", Count, Counter;
}

fn history(bytes: usize) -> History {
    History::with(Reserved::beside(bytes), 0).expect("memory")
}

fn reading(description: &'static Description, labels: &Labels, value: f64) -> Reading {
    Reading { description, labels: labels.clone(), value }
}

fn numbered(number: usize) -> Labels {
    Labels::of(&[("number", &number.to_string())])
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 8
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// From 0 to 1.
    fn share(&mut self) -> f64 {
        self.next() as f64 / (1_u64 << 56) as f64
    }

    /// Of mean 0 and variance 1, nearly normal.
    fn noise(&mut self) -> f64 {
        (0..6).map(|_| self.share()).sum::<f64>() * std::f64::consts::SQRT_2 - 3.0 * std::f64::consts::SQRT_2
    }
}
