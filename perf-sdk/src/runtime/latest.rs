//! What waits for the worker, of which only the latest matters.

use std::sync::{Arc, Mutex};

use super::worker::Worker;
use crate::base::unpoisoned::Unpoisoned as _;

/// Hands values to the worker. While one waits, further ones are added to it, so that behind a
/// callback that hangs there is one task, and nothing is lost.
pub(super) struct Latest<T> {
    worker: Worker,
    waiting: Arc<Mutex<Option<T>>>,
    add: fn(&mut T, T),
    run: Arc<dyn Fn(T) + Send + Sync>,
}

impl<T: Send + 'static> Latest<T> {
    /// `add` adds a later value to one that waits.
    pub(super) fn new(worker: Worker, add: fn(&mut T, T), run: impl Fn(T) + Send + Sync + 'static) -> Self {
        Self { worker, waiting: Arc::default(), add, run: Arc::new(run) }
    }

    pub(super) fn hand_over(&self, value: T) {
        let mut waiting = self.waiting.lock().unpoisoned();
        if let Some(before) = &mut *waiting {
            (self.add)(before, value);
            return;
        }
        *waiting = Some(value);
        drop(waiting);
        let (waiting, run) = (Arc::clone(&self.waiting), Arc::clone(&self.run));
        self.worker.run(move || {
            let value = waiting.lock().unpoisoned().take();
            value.into_iter().for_each(|value| run(value));
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn behind_a_callback_that_hangs_values_are_added_up() {
        let (worker, background) = Worker::start().unwrap();
        let (begin, begun) = channel();
        let (go, told) = channel::<()>();
        let (say, hear) = channel();
        let (begin, told, say) = (Mutex::new(begin), Mutex::new(told), Mutex::new(say));
        let latest = Latest::new(worker, Vec::append_all, move |values: Vec<u32>| {
            say.lock().unwrap().send(values).unwrap();
            begin.lock().unwrap().send(()).unwrap();
            let _ = told.lock().unwrap().recv();
        });
        latest.hand_over(vec![1]);
        begun.recv().unwrap();
        (2..200).for_each(|n| latest.hand_over(vec![n]));
        drop(go);
        assert_eq!(hear.recv().unwrap(), [1]);
        assert_eq!(hear.recv().unwrap(), (2..200).collect::<Vec<_>>());
        drop(background);
    }

    trait AppendAll {
        fn append_all(&mut self, others: Self);
    }

    impl AppendAll for Vec<u32> {
        fn append_all(&mut self, others: Self) {
            self.extend(others);
        }
    }
}
