//! All live objects at the end of a window: the detector's input.

use std::collections::HashMap;
use std::sync::Arc;

use crate::snapshot::LeakSubject;

/// Where and of what kind objects were allocated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) watched: LeakSubject,
    pub(crate) module: String,
    /// The callers and the function itself, outermost first.
    pub(crate) scopes: Vec<String>,
    /// The name of the pool, for objects taken from one.
    pub(crate) pool: String,
    /// The upper end of the size class: usable sizes from half of it up to it. 0 where sizes do not
    /// apply.
    pub(crate) below_bytes: u64,
    /// The bound that applies to this path, together with other paths below the same scopes.
    pub(crate) bound: Option<Bound>,
}

/// A declared bound.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Bound {
    /// The number of the path's scopes up to the annotated one.
    pub(crate) depth: usize,
    /// The module of the annotated scope. Its callees may be in other modules.
    pub(crate) module: String,
    pub(crate) bytes: u64,
}

/// The live objects that were allocated in one window at one place.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Cohort {
    pub(crate) window: u32,
    /// The number of samples, on which the statistics are based.
    pub(crate) samples: u64,
    /// The bytes for which the samples stand.
    pub(crate) bytes: u64,
    pub(crate) objects: f64,
}

/// All live objects of one place.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Population {
    /// The number of samples ever allocated here.
    pub(crate) born: u64,
    /// By window, oldest first, with one entry for each window.
    pub(crate) living: Vec<Cohort>,
}

impl Population {
    /// Adds live objects.
    pub(crate) fn add(&mut self, objects: Cohort) {
        match self.living.binary_search_by_key(&objects.window, |cohort| cohort.window) {
            Ok(at) => {
                let cohort = &mut self.living[at];
                cohort.samples += objects.samples;
                cohort.bytes += objects.bytes;
                cohort.objects += objects.objects;
            }
            Err(at) => self.living.insert(at, objects),
        }
    }

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
    /// The number of the window that ends. Increases by one.
    pub(crate) window: u32,
    pub(crate) places: HashMap<Arc<Place>, Population>,
    /// Subjects of which only the number is known.
    pub(crate) counts: Vec<Number>,
    /// The allocator's allocated bytes, and the process's resident bytes.
    pub(crate) process: Option<ProcessBytes>,
    /// The mean number of bytes for which one sample stands.
    pub(crate) sample_bytes: u64,
}

/// A subject of which only the number is known.
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
