//! The begin and the end of calls: guards, futures, labels.

pub(in crate::record) mod absence;
#[cfg(test)]
mod both_paths;
pub(in crate::record) mod error_text;
pub(in crate::record) mod fast;
pub(in crate::record) mod future;
pub(in crate::record) mod guard;
pub(in crate::record) mod inherit;
pub(in crate::record) mod labelled;
pub(in crate::record) mod measure;
pub(in crate::record) mod root;
pub(in crate::record) mod slow;
pub(in crate::record) mod timing;
