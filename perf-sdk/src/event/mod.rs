//! Everything that happens, as it happens: alerts, leaks, memory pressure, sampling rates, actions,
//! bundles of evidence, flags, marks.
//!
//! ```
//! use perf_sdk::event::Event;
//!
//! # fn main() -> Result<(), perf_sdk::Error> {
//! let perf = perf_sdk::builder().listen("off").report(false).start()?;
//! let mut events = perf.events();
//! perf.set_flag("short answers", true);
//! # perf.set_flag("short answers", false);
//! if let Some(record) = events.next() {
//!     println!("{}: {:?}", record.at_unix_ns, record.event);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The same is at `/api/v1/events`, as server-sent events.
//!
//! | file | job |
//! |---|---|
//! | `kind` | what may happen: data |
//! | `ring` | the last 512 events, and who reads them |
//! | `stream` | one reader |

mod kind;
#[cfg(feature = "enabled")]
mod ring;
#[cfg(feature = "enabled")]
mod stream;

#[cfg(not(feature = "enabled"))]
pub use crate::off::Events;
pub use kind::{Event, EventRecord, FlagChange, Mark, PressureChange, RateChange, RateChanges, Relief};
#[cfg(feature = "enabled")]
pub(crate) use ring::{Opened, emit, is_listened};
#[cfg(feature = "serve")]
pub(crate) use ring::{is_open, start};
#[cfg(feature = "enabled")]
pub use stream::Events;
