//! Futures that are not measured.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

/// Stands for the outcome of a future's output.
#[derive(Debug)]
pub enum Returned {}

/// The extension trait. It measures nothing.
pub trait FutureExt: Future + Sized {
    /// Returns this future.
    #[inline(always)]
    fn profiled(self, _name: &'static str) -> Profiled<Self, Returned> {
        Profiled { future: self, judge: PhantomData }
    }

    /// Returns this future.
    #[inline(always)]
    fn labelled<const N: usize, V: AsRef<str>>(self, _labels: [(&'static str, V); N]) -> Labelled<Self> {
        Labelled { future: self }
    }
}

impl<F: Future> FutureExt for F {}

/// A scope without content.
#[derive(Clone, Copy, Debug)]
pub struct Scope(());

impl Scope {
    /// An empty scope.
    #[must_use]
    #[inline(always)]
    pub fn current() -> Self {
        Self(())
    }

    /// Returns `future`.
    #[inline(always)]
    pub fn inherit<F: Future>(self, future: F) -> Profiled<Labelled<F>, Returned> {
        Profiled { future: Labelled { future }, judge: PhantomData }
    }
}

pin_project! {
    /// The wrapped future, unchanged.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    #[repr(transparent)]
    pub struct Profiled<F, J> {
        #[pin]
        future: F,
        judge: PhantomData<J>,
    }
}

impl<F: Future, J> Future for Profiled<F, J> {
    type Output = F::Output;

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.project().future.poll(context)
    }
}

pin_project! {
    /// The wrapped future, unchanged.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    #[repr(transparent)]
    pub struct Labelled<F> {
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for Labelled<F> {
    type Output = F::Output;

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.project().future.poll(context)
    }
}
