//! Existing tracing spans, measured as scopes.

use std::cell::RefCell;
use std::sync::Mutex;

use tracing_core::Subscriber;
use tracing_core::span::{Attributes, Id};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use crate::memory;
use crate::outcome::Outcome;
use crate::record::{Call, OpenPoll};
use crate::scope::{Options, intern};

/// A [`tracing_subscriber`] layer that measures every span as a call, without a change to the instrumented code.
///
/// ```
/// use tracing_subscriber::layer::SubscriberExt as _;
///
/// let subscriber = tracing_subscriber::registry().with(perf_sdk::tracing_layer());
/// ```
///
/// The function's name is the span's, its module the span's target. A span may be entered many times and on many threads,
/// as an instrumented future's is: the time inside is busy time, the time between idle time. The call begins when the span
/// is first entered and ends when it closes. Its outcome is ok, or panic if it closes while its thread unwinds.
///
/// **Cost.** That of a profiled call for each entry, plus the registry's own look-ups, which cost several times as much.
/// **Blind spots.** A span that is never entered is not a call. Spans that are entered and left out of order on one
/// thread are repaired and counted in `perf_dropped_total{reason="out_of_order"}`.
#[must_use]
pub fn tracing_layer() -> TracingLayer {
    TracingLayer {}
}

/// See [`tracing_layer`].
#[derive(Debug)]
#[non_exhaustive]
pub struct TracingLayer {}

/// Kept in the span's extensions. A lock, because a span may be entered on several threads at once.
struct Spanned(Mutex<Call>);

thread_local! {
    /// The spans entered on this thread, innermost last.
    static ENTERED: RefCell<Vec<(u64, OpenPoll)>> = const { RefCell::new(Vec::new()) };
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for TracingLayer {
    fn on_new_span(&self, _: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let metadata = span.metadata();
        memory::uncounted(|| {
            let site = intern(
                metadata.name(),
                metadata.target(),
                metadata.file().unwrap_or(""),
                metadata.line().unwrap_or(0),
                Options::DEFAULT,
            );
            span.extensions_mut().insert(Spanned(Mutex::new(Call::new(site))));
        });
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        with_call(id, &context, |call| {
            if let Some(open) = call.enter() {
                memory::uncounted(|| ENTERED.try_with(|entered| entered.borrow_mut().push((id.into_u64(), open)))).ok();
            }
        });
    }

    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        let open = ENTERED.try_with(|entered| {
            let mut entered = entered.borrow_mut();
            let at = entered.iter().rposition(|(entered, _)| *entered == id.into_u64())?;
            Some(entered.remove(at).1)
        });
        if let Ok(Some(open)) = open {
            with_call(id, &context, |call| call.leave(open, None));
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let outcome = if std::thread::panicking() { Outcome::Panic } else { Outcome::Ok };
        with_call(&id, &context, |call| call.finish(outcome));
    }
}

fn with_call<S: Subscriber + for<'a> LookupSpan<'a>>(id: &Id, context: &Context<'_, S>, f: impl FnOnce(&mut Call)) {
    let Some(span) = context.span(id) else { return };
    let extensions = span.extensions();
    if let Some(Spanned(call)) = extensions.get::<Spanned>()
        && let Ok(mut call) = call.lock()
    {
        f(&mut call);
    }
}
