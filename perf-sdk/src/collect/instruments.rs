//! What instruments recorded, as public data.

use crate::instrument::{self, Use};
use crate::snapshot::{Distribution, InstrumentUse, StatementFigures, sort_distributions};

pub(super) fn distributions() -> Vec<Distribution> {
    let mut all = instrument::distributions();
    sort_distributions(&mut all);
    all
}

/// The statements of all databases that ran, the costliest first.
pub(crate) fn statements() -> Vec<StatementFigures> {
    instrument::statements()
}

/// `None` without an operation.
pub(super) fn public(used: &Use) -> Option<InstrumentUse> {
    let of = || InstrumentUse {
        kind: used.kind.name().to_owned(),
        name: used.name.to_owned(),
        operations: used.operations,
        bytes: used.bytes,
        wait_ns: used.wait_ns,
    };
    (used.operations > 0).then(of)
}
