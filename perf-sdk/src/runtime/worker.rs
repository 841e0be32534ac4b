//! The thread for the program's callbacks and for work that takes long.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::thread::Thread;
use std::time::Duration;

use crate::base::background::Background;
use crate::base::unpoisoned::Unpoisoned as _;
use crate::record::{self, OwnThread, Part};

/// The maximum number of tasks that wait behind a callback that hangs. Further ones are left out
/// and counted.
const MOST: usize = 64;

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
    /// before its turn comes. Returns whether there was room.
    pub(super) fn run(&self, task: impl FnOnce() + Send + 'static) -> bool {
        let has_room = self.queue.add(Box::new(task));
        if has_room {
            self.thread.unpark();
        } else {
            record::left_out_callback();
        }
        has_room
    }
}

impl Queue {
    fn add(&self, task: Task) -> bool {
        let mut tasks = self.0.lock().unpoisoned();
        let has_room = tasks.len() < MOST;
        if has_room {
            tasks.push_back(task);
        }
        has_room
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

    #[test]
    fn behind_a_callback_that_hangs_few_tasks_wait() {
        let (worker, background) = Worker::start().unwrap();
        let (begin, begun) = channel();
        let (go, told) = channel::<()>();
        let (say, hear) = channel();
        worker.run(move || {
            begin.send(()).unwrap();
            let _ = told.recv();
        });
        begun.recv().unwrap();
        let left_out = || record::dropped_counts().find(|(reason, _)| *reason == "callbacks").unwrap().1;
        let before = left_out();
        for n in 0..MOST + 3 {
            let say = say.clone();
            worker.run(move || say.send(n).unwrap());
        }
        assert_eq!(left_out() - before, 3);
        drop((go, say));
        assert_eq!(hear.iter().count(), MOST);
        drop(background);
    }
}
