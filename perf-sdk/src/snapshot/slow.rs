//! The slowest calls of roots, with what they did.

#[cfg(feature = "enabled")]
use serde::{Serialize, Serializer};

use crate::outcome::Outcome;

/// The slowest calls of functions marked as [roots](crate::profiled#roots), and those that failed,
/// by [`Handle::slowest`](crate::Handle::slowest). Times are in nanoseconds.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize))]
#[non_exhaustive]
pub struct SlowCalls {
    /// When they were read, since the Unix epoch.
    pub at_unix_ns: u64,
    /// The length of a window. Calls of the window that goes on, and of the one before, are here.
    pub window_ns: u64,
    /// Memory of what is recorded of calls one by one, in bytes.
    pub memory_bytes: u64,
    /// By name.
    pub functions: Vec<SlowFunction>,
}

/// The slowest calls of one function.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize))]
#[non_exhaustive]
pub struct SlowFunction {
    /// The function.
    pub name: String,
    /// Its module.
    pub module: String,
    /// The slowest calls, at most 8, the slowest first.
    pub slowest: Vec<SlowCall>,
    /// The slowest of the calls that ended otherwise than [`Outcome::Ok`], at most 8, the slowest
    /// first.
    pub failed: Vec<SlowCall>,
}

/// One call, and what it did.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize))]
#[non_exhaustive]
pub struct SlowCall {
    /// When it began, since the Unix epoch.
    pub began_unix_ns: u64,
    /// How long it took.
    pub duration_ns: u64,
    /// Its CPU time.
    pub cpu_ns: u64,
    /// Bytes that were allocated in it.
    pub allocated_bytes: u64,
    /// How it ended.
    #[cfg_attr(feature = "enabled", serde(serialize_with = "name_of"))]
    pub outcome: Outcome,
    /// The number of calls for which it stands: 1, unless the program set a rate for this function.
    pub stands_for: u32,
    /// The number of the thread on which it ended, as the kernel has it.
    pub thread_id: u32,
    /// Labels that were in effect in it: of several sets the largest.
    pub labels: Vec<(String, String)>,
    /// The trace, in hexadecimal; empty if it is unknown.
    pub trace_id: String,
    /// The span, in hexadecimal; empty if it is unknown.
    pub span_id: String,
    /// What it did, in the order in which it began: the tree of its calls, each after its caller.
    pub steps: Vec<SlowStep>,
    /// Polls, if it is a future.
    pub polls: Vec<SlowPoll>,
    /// Samples of stacks that fell in it: of CPU time, if bundles of evidence are on.
    pub samples: Vec<SlowSample>,
    /// The number of steps that are missing, because there was no room. At least that many.
    pub dropped: u32,
}

/// What a step is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "enabled", derive(Serialize))]
#[cfg_attr(feature = "enabled", serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum SlowStepKind {
    /// A profiled function.
    #[default]
    Call,
    /// A wait for a lock of [`perf_sdk::sync`](crate::sync).
    Lock,
    /// A statement of a database.
    Query,
}

/// A call that another one made, a wait for a lock, or a statement of a database.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize))]
#[non_exhaustive]
pub struct SlowStep {
    /// What it is.
    pub kind: SlowStepKind,
    /// The function, the type of the lock, the statement's shape.
    pub name: String,
    /// The number of the step that made it, in the same list. `None`: the call itself.
    pub parent: Option<u32>,
    /// The number of steps between it and the call.
    pub depth: u32,
    /// Functions between it and the step that made it whose calls were not measured, outermost
    /// first.
    pub through: Vec<String>,
    /// When it began, after the call's begin.
    pub after_ns: u64,
    /// How long it took.
    pub duration_ns: u64,
    /// How it ended.
    #[cfg_attr(feature = "enabled", serde(serialize_with = "name_of"))]
    pub outcome: Outcome,
    /// The number of calls for which it stands: more than 1 if the calls of the function are
    /// sampled.
    pub stands_for: u32,
    /// Bytes that were allocated in it, by what it called too.
    pub allocated_bytes: u64,
    /// Of a lock: the scope that held it when the wait began. Empty if it is unknown.
    pub held_by: String,
}

/// One poll of a future.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "enabled", derive(Serialize))]
#[non_exhaustive]
pub struct SlowPoll {
    /// When it began, after the call's begin.
    pub after_ns: u64,
    /// How long it took.
    pub duration_ns: u64,
    /// The number of its thread, as the kernel has it.
    pub thread_id: u32,
}

/// One sample of a thread that was on a CPU.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "enabled", derive(Serialize))]
#[non_exhaustive]
pub struct SlowSample {
    /// When it was taken, after the call's begin.
    pub after_ns: u64,
    /// The CPU time for which it stands.
    pub time_ns: u64,
    /// The number of the thread, as the kernel has it.
    pub thread_id: u32,
    /// Functions, outermost first.
    pub frames: Vec<String>,
}

impl Default for SlowCall {
    fn default() -> Self {
        Self {
            began_unix_ns: 0,
            duration_ns: 0,
            cpu_ns: 0,
            allocated_bytes: 0,
            outcome: Outcome::Ok,
            stands_for: 1,
            thread_id: 0,
            labels: Vec::new(),
            trace_id: String::new(),
            span_id: String::new(),
            steps: Vec::new(),
            polls: Vec::new(),
            samples: Vec::new(),
            dropped: 0,
        }
    }
}

impl Default for SlowStep {
    fn default() -> Self {
        Self {
            kind: SlowStepKind::Call,
            name: String::new(),
            parent: None,
            depth: 0,
            through: Vec::new(),
            after_ns: 0,
            duration_ns: 0,
            outcome: Outcome::Ok,
            stands_for: 1,
            allocated_bytes: 0,
            held_by: String::new(),
        }
    }
}

impl SlowFunction {
    /// `module::name`.
    #[must_use]
    pub fn full_name(&self) -> String {
        if self.module.is_empty() { self.name.clone() } else { format!("{}::{}", self.module, self.name) }
    }

    /// All calls, each once: the slowest ones, and those that failed beside.
    pub fn calls(&self) -> impl Iterator<Item = &SlowCall> {
        let is_new = |call: &&SlowCall| !self.slowest.contains(call);
        self.slowest.iter().chain(self.failed.iter().filter(is_new))
    }
}

#[cfg(feature = "enabled")]
fn name_of<S: Serializer>(outcome: &Outcome, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(outcome.name())
}
