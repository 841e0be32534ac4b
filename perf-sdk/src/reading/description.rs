//! What a reading is.

/// One metric. Readings refer to the static item, and are equal in kind if they refer to the same.
#[derive(Debug)]
pub(crate) struct Description {
    /// As it is scraped: with the unit, and `_total` if it only grows.
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    pub(crate) unit: Unit,
    pub(crate) kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Seconds,
    Bytes,
    /// From 0 to 1.
    Ratio,
    Hertz,
    /// A number of things, or of events.
    Count,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It rises and falls.
    Gauge,
    /// It only grows, from the start of what it counts.
    Counter,
}
