//! Nothing of its own: the targets are in `targets/`, and `tests/regressions.rs` replays what they found.
