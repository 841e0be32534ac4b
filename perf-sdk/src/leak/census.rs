//! What lives at the end of a window: the detector's input.

use std::collections::HashMap;
use std::sync::Arc;

use crate::snapshot::LeakSubject;

/// Where something was born, and what it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) watched: LeakSubject,
    pub(crate) module: String,
    /// Of the callers and the function itself, outermost first.
    pub(crate) scopes: Vec<String>,
    /// Of what was taken from a pool: its name.
    pub(crate) pool: String,
    /// Usable sizes from half of it up to it; 0 where sizes play no part.
    pub(crate) below_bytes: u64,
    /// What the annotations allow this path to hold, and whose annotation it is: together with
    /// other paths beneath the same scopes.
    pub(crate) bound: Option<Bound>,
}

/// A declared bound.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Bound {
    /// How many of the path's scopes lead to the annotated one.
    pub(crate) depth: usize,
    /// The annotated one's: what is allocated beneath it may be in another.
    pub(crate) module: String,
    pub(crate) bytes: u64,
}

/// What was born in one window at one place and lives.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Cohort {
    pub(crate) window: u32,
    /// As seen: statistics rest on these.
    pub(crate) samples: u64,
    /// What they stand for.
    pub(crate) bytes: u64,
    pub(crate) objects: f64,
}

/// All of one place.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Population {
    /// Samples ever.
    pub(crate) born: u64,
    /// By window, oldest first, each window once.
    pub(crate) living: Vec<Cohort>,
}

impl Population {
    pub(crate) fn bytes(&self) -> u64 {
        self.living.iter().map(|cohort| cohort.bytes).sum()
    }

    pub(crate) fn objects(&self) -> f64 {
        self.living.iter().map(|cohort| cohort.objects).sum()
    }
}

/// Everything at the end of one window.
#[derive(Clone, Debug, Default)]
pub(crate) struct Census {
    /// The window that ends; counts up by one.
    pub(crate) window: u32,
    pub(crate) places: HashMap<Arc<Place>, Population>,
    /// What is only counted.
    pub(crate) counts: Vec<Number>,
    /// The allocator's allocated and the process's resident bytes.
    pub(crate) process: Option<ProcessBytes>,
    /// Bytes that one sample stands for, in the mean.
    pub(crate) sample_bytes: u64,
}

/// Something of which only the number is known.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Number {
    pub(crate) watched: LeakSubject,
    pub(crate) module: String,
    pub(crate) function: String,
    pub(crate) count: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ProcessBytes {
    pub(crate) allocated: u64,
    pub(crate) resident: u64,
}
