//! The library's, as far as threads without a record of their own share them.

#[path = "../../../perf-sdk/src/histogram/buckets.rs"]
mod buckets;
#[path = "../../../perf-sdk/src/histogram/classic.rs"]
#[allow(dead_code, reason = "it is not run here")]
mod classic;
#[path = "../../../perf-sdk/src/histogram/merged.rs"]
mod merged;
#[path = "../../../perf-sdk/src/histogram/page.rs"]
mod page;
#[path = "../../../perf-sdk/src/histogram/scale.rs"]
mod scale;
#[path = "../../../perf-sdk/src/histogram/shard.rs"]
mod shard;
#[path = "../../../perf-sdk/src/histogram/shared.rs"]
mod shared;

pub(crate) use merged::Histogram;
pub(crate) use scale::Scale;
pub(crate) use shard::Located;
pub(crate) use shared::{SharedPage, SharedShard};
