//! The thread for the program's callbacks and for work that takes long.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::thread::Thread;
use std::time::Duration;

use crate::base::background::Background;
use crate::base::unpoisoned::Unpoisoned as _;
use crate::record::{OwnThread, Part};

type Task = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Queue(Mutex<VecDeque<Task>>);

/// Hands tasks to the thread.
#[derive(Clone)]
pub(super) struct Worker {
    queue: Arc<Queue>,
    thread: Thread,
}

impl Worker {
    /// Runs tasks until the background is dropped.
    pub(super) fn start() -> io::Result<(Self, Background)> {
        let queue: Arc<Queue> = Arc::default();
        let tasks = Arc::clone(&queue);
        let background = Background::start("perf-sdk-worker", move |pauses| {
            let _own = OwnThread::enter(Part::Callbacks);
            loop {
                while let Some(task) = tasks.next().filter(|_| !pauses.is_over()) {
                    // A panic in the program's callback must not end the thread. It was reported
                    // already; dropping its payload could panic once more.
                    let _ = catch_unwind(AssertUnwindSafe(task)).map_err(std::mem::forget);
                }
                if !pauses.wait_or_call(Duration::MAX) {
                    break;
                }
            }
        })?;
        Ok((Self { queue, thread: background.thread().clone() }, background))
    }

    /// Runs `task` on the thread, after those that wait. It is not run if the thread must end
    /// before its turn comes. A callback may hang: callers keep [one task](super::latest) waiting
    /// at most.
    pub(super) fn run(&self, task: impl FnOnce() + Send + 'static) {
        self.queue.add(Box::new(task));
        self.thread.unpark();
    }
}

impl Queue {
    fn add(&self, task: Task) {
        self.0.lock().unpoisoned().push_back(task);
    }

    fn next(&self) -> Option<Task> {
        self.0.lock().unpoisoned().pop_front()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn tasks_run_in_their_order_and_a_panic_ends_one_only() {
        let (worker, background) = Worker::start().unwrap();
        let (say, hear) = channel();
        for n in 0..3 {
            let say = say.clone();
            worker.run(move || {
                say.send(n).unwrap();
                assert!(n != 1, "a task that panics, on purpose");
            });
        }
        drop(say);
        assert_eq!(hear.iter().collect::<Vec<_>>(), [0, 1, 2]);
        drop(background);
    }
}
