//! The hot path: what a profiled call records, and where.

mod arena;
mod block;
mod budget;
mod calibration;
mod call;
mod counter;
mod dropped;
mod error_text;
mod exemplar;
mod future;
mod governor;
mod guard;
mod index;
mod node;
mod overhead;
mod place;
mod registry;
mod reserve;
mod ring;
mod sampling;
mod shard;
mod shared;
mod stack;
mod switch;
mod thread;
mod user;
mod usual;

pub(crate) use error_text::note_error;
pub use exemplar::set_trace_hook;
pub use future::{Judge, Judged, Profiled, Returned};
pub use guard::{Guard, enter};
pub use user::{FutureExt, measure, record};

pub(crate) use arena::{DEFAULT_LIMIT_BYTES, limit_bytes, mapped_bytes, set_limit_bytes};
pub(crate) use counter::Counter;
pub(crate) use dropped::{counts as dropped_counts, torn_read};
#[cfg(feature = "tracing")]
pub(crate) use future::{Call, OpenPoll};
pub(crate) use governor::{Governor, OwnThread, reading as budget_reading};
pub(crate) use node::{Node, Sums};
pub(crate) use overhead::{Cost, cost, refresh as refresh_cost};
pub(crate) use registry::{began, records};
pub(crate) use ring::Finished;
pub(crate) use sampling::{Rule, add as add_rules};
pub(crate) use shard::SiteShard;
pub(crate) use shared::{SharedSite, shared_calls, shared_sites};
pub(crate) use switch::{is_off, set_recording};
pub(crate) use thread::ThreadRecord;
