//! There is no limit.

pub(crate) enum Part {
    Stacks,
    Calls,
}

pub(crate) fn take(_: Part, _: u64) -> bool {
    true
}

pub(crate) fn give(_: Part, _: u64) {}
