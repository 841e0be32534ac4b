//! Histograms in the cells of a Prometheus native histogram.
//!
//! | file | job |
//! |---|---|
//! | `scale` | the two scales, integer nanoseconds over seconds and integer bytes, and their exact constants |
//! | `buckets` | pure arithmetic: value → cell → bounds |
//! | `page` | the counters of one octave, written by one thread and read by others |
//! | `shard` | the histogram of one site on one thread |
//! | `shared` | the histogram of one site for threads that have no shard of their own |
//! | `merged` | the form that readers use: merge, subtract, quantiles |
//! | `views` | the merged form as classic and as native buckets |
//! | `classic` | counts of classic buckets alone |
//! | `hdr` | conversion to and from `hdrhistogram`, with the feature `hdr` |

mod buckets;
#[cfg(feature = "enabled")]
mod classic;
#[cfg(feature = "hdr")]
mod hdr;
mod merged;
#[cfg(feature = "enabled")]
mod page;
mod scale;
#[cfg(feature = "enabled")]
mod shard;
#[cfg(feature = "enabled")]
mod shared;
mod views;

/// The number of cells: their indices are below it.
#[cfg(feature = "enabled")]
pub(crate) const CELLS: usize = scale::OCTAVES * buckets::SLOTS;

#[cfg(any(feature = "otlp", feature = "serve"))]
pub(crate) use classic::{CLASSIC_SIZES, CLASSIC_TIMES};
pub use merged::Histogram;
#[cfg(feature = "enabled")]
pub(crate) use page::Page;
pub(crate) use scale::SECONDS_LE;
pub use scale::Scale;
#[cfg(feature = "enabled")]
pub(crate) use shard::{Located, Shard};
#[cfg(feature = "enabled")]
pub(crate) use shared::{OwnedShard, SharedPage, SharedShard};
#[cfg(feature = "enabled")]
pub(crate) use views::runs;
pub use views::{BucketSpan, NativeBuckets};
