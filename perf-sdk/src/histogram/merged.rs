//! The merged, read-side form.

use serde::{Deserialize, Serialize};

/// A merged histogram.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Histogram {}
