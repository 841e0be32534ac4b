//! Why something was not read.

use crate::reading::{Description, Sheet};

/// The reason under a [sandbox](crate::base::sandbox) that was installed after the start.
pub(super) const TIGHTER: &str = "a filter of system calls was installed after the start";

/// None of these could be read.
pub(super) fn absent(descriptions: &[&Description], why: &'static str, into: &mut Sheet) {
    descriptions.iter().for_each(|description| into.absent(description.name, why));
}
