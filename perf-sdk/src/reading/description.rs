//! What a reading is.

pub(crate) use crate::snapshot::{ReadingKind as Kind, ReadingUnit as Unit};

/// One metric. Readings refer to the static item, and are equal in kind if they refer to the same.
#[derive(Debug)]
pub(crate) struct Description {
    /// As it is scraped: with the unit, and `_total` if it only grows.
    pub(crate) name: &'static str,
    /// A sentence.
    pub(crate) help: &'static str,
    pub(crate) unit: Unit,
    pub(crate) kind: Kind,
}

impl Description {
    pub(crate) const fn gauge(name: &'static str, unit: Unit, help: &'static str) -> Self {
        Self { name, help, unit, kind: Kind::Gauge }
    }

    pub(crate) const fn counter(name: &'static str, unit: Unit, help: &'static str) -> Self {
        Self { name, help, unit, kind: Kind::Counter }
    }
}
