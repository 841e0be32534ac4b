//! The program's callbacks, on the worker.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::latest::Latest;
use super::worker::Worker;
use crate::settings::Callback;

/// The number of values that wait for a callback.
const MOST_WAITING: usize = 1_000;

/// Hands values over to a callback, in their order.
pub(super) struct Telling<T>(Latest<Vec<T>>);

impl<T: Send + 'static> Telling<T> {
    pub(super) fn new(callback: Callback<T>, worker: Worker) -> Self {
        Self(Latest::new(worker, add, move |values: Vec<T>| tell(&callback, &values)))
    }

    pub(super) fn hand_over(&self, values: Vec<T>) {
        if !values.is_empty() {
            self.0.hand_over(values);
        }
    }
}

/// Behind a callback that hangs, the oldest are lost.
fn add<T>(waiting: &mut Vec<T>, more: Vec<T>) {
    waiting.extend(more);
    waiting.drain(..waiting.len().saturating_sub(MOST_WAITING));
}

fn tell<T>(callback: &Callback<T>, values: &[T]) {
    for value in values {
        // A panic in the callback must not keep it from the other values.
        let _ = catch_unwind(AssertUnwindSafe(|| (callback.0)(value))).map_err(std::mem::forget);
    }
}
