//! Runtimes and pools that are not watched.

use std::marker::PhantomData;

/// Does nothing. With the feature `tokio`, the handle is one of tokio's.
#[inline(always)]
pub fn watch_runtime<H>(_name: &str, _handle: &H) {}

/// A pool that is not watched.
#[inline(always)]
pub fn watch_workers(_name: &str, _workers: usize) -> Workers {
    Workers(())
}

/// A pool that is not watched.
#[derive(Clone, Debug)]
pub struct Workers(());

impl Workers {
    /// Runs the task.
    #[inline(always)]
    pub fn run<R>(&self, task: impl FnOnce() -> R) -> R {
        task()
    }

    /// Runs the task.
    ///
    /// # Errors
    /// That of the task.
    #[inline(always)]
    pub fn try_run<T, E>(&self, task: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        task()
    }

    /// A task that is not counted.
    #[inline(always)]
    pub fn begin(&self) -> RunningTask<'_> {
        RunningTask(PhantomData)
    }

    /// A task that is not counted.
    #[inline(always)]
    pub fn queue(&self) -> QueuedTask {
        QueuedTask(())
    }
}

/// A task that waits, and is not counted.
#[derive(Debug)]
#[must_use = "the task waits until this drops"]
pub struct QueuedTask(());

impl QueuedTask {
    /// Runs the task.
    #[inline(always)]
    pub fn run<R>(self, task: impl FnOnce() -> R) -> R {
        task()
    }

    /// Runs the task.
    ///
    /// # Errors
    /// That of the task.
    #[inline(always)]
    pub fn try_run<T, E>(self, task: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        task()
    }

    /// A task that is not counted.
    #[inline(always)]
    pub fn begin(self) -> RunningTask<'static> {
        RunningTask(PhantomData)
    }
}

impl Drop for QueuedTask {
    #[inline(always)]
    fn drop(&mut self) {}
}

/// A task that runs, and is not counted.
#[derive(Debug)]
#[must_use = "the task ends when this drops"]
pub struct RunningTask<'a>(PhantomData<(&'a Workers, *const ())>);

impl RunningTask<'_> {
    /// Ends the task.
    #[inline(always)]
    pub fn fail(self) {}
}

impl Drop for RunningTask<'_> {
    #[inline(always)]
    fn drop(&mut self) {}
}
