//! Why jemalloc does not sample.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "jemalloc"), allow(dead_code))]
pub(super) enum Unavailable {
    /// The program's own configuration of jemalloc says `prof:false`, or jemalloc was built without
    /// profiling.
    Off,
    /// jemalloc reported an error.
    Refused,
}
