//! Which of several readings of one description.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::sort;

/// Names and values, in the order in which they are shown. A clone shares them, and does not
/// allocate: a producer makes them once for each thing that it reads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Labels(Option<Arc<[Pair]>>);

type Pair = (&'static str, Box<str>);

impl Labels {
    pub(crate) const NONE: Self = Self(None);

    pub(crate) fn of(pairs: &[(&'static str, &str)]) -> Self {
        Self((!pairs.is_empty()).then(|| pairs.iter().map(|(name, value)| (*name, Box::from(*value))).collect()))
    }

    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().flat_map(|pairs| pairs.iter().map(|(name, value)| (*name, value.as_ref())))
    }

    /// As a snapshot has them.
    pub(crate) fn to_map(&self) -> BTreeMap<String, String> {
        sort::map_of(self.pairs().map(|(name, value)| (name.to_owned(), value.to_owned())))
    }
}
