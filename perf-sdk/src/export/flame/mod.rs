//! Stacks with weights, in the formats of flamegraph viewers.
//!
//! | file | job |
//! |---|---|
//! | `weight`, `stacks` | the weights; the call tree as stacks |
//! | `drawing` | the common model of the formats that show one weight |
//! | `flamegraph`, `folded`, `speedscope` | these formats |
//! | `document` | what the viewer shows: stacks with all weights, and a base for the difference |
//! | `sampled` | documents of samples |
//! | `times`, `timed`, `strings` | samples one by one, and how they are added; the table of strings |
//! | `viewer` | the viewer's scripts, and one file that has them with the data |

mod document;
mod drawing;
#[cfg(feature = "svg")]
pub mod flamegraph;
pub mod folded;
#[cfg(feature = "stacks")]
mod sampled;
#[cfg(feature = "enabled")]
pub mod speedscope;
mod stacks;
mod strings;
#[cfg(all(feature = "flight", feature = "stacks"))]
mod timed;
mod times;
#[cfg(feature = "enabled")]
mod viewer;
mod weight;

pub use document::FlameDocument;
pub use stacks::has_function;
#[cfg(feature = "enabled")]
pub(crate) use viewer::{FILE as VIEWER_FILE, STYLE as VIEWER_STYLE, script as viewer_script};
#[cfg(feature = "stacks")]
pub use weight::WallWeight;
pub use weight::{UnknownWeight, Weight};
