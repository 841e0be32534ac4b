//! How many processes the load of this one needs. Nothing is started or stopped here: whoever runs
//! the processes reads it.
//!
//! | file | job |
//! |---|---|
//! | `load` | one rule at one moment |
//! | `decision` | out, in or neither, from all rules |
//! | `past`, `forecast` | what a rule's metric was, and what it will be in half an hour |
//! | `readings` | the same as readings |

mod decision;
mod forecast;
mod load;
mod past;
mod readings;

pub(crate) use decision::Decider;
pub(crate) use forecast::Forecast;
pub(crate) use load::{Absent, Load};
pub(crate) use past::Past;
pub(crate) use readings::{Shown, descriptions};
