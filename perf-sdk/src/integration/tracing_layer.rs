//! Existing tracing spans, measured as scopes.

use std::cell::{Cell, RefCell};
use std::sync::Mutex;

use tracing_core::Subscriber;
use tracing_core::span::{Attributes, Id};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use crate::base::unpoisoned::Unpoisoned as _;
use crate::memory;
use crate::outcome::Outcome;
use crate::record::{Call, OpenPoll, set_span, trace_hook};
use crate::scope::{Options, intern};
use crate::trace::TraceContext;

/// A [`tracing_subscriber`] layer that measures every span as a call, without a change to the
/// instrumented code.
///
/// ```
/// use tracing_subscriber::layer::SubscriberExt as _;
///
/// let subscriber = tracing_subscriber::registry().with(perf_sdk::tracing_layer());
/// ```
///
/// The function's name is the span's, its module the span's target. A span may be entered many
/// times and on many threads, as an instrumented future's is: the time inside is busy time, the
/// time between idle time. The call begins when the span is first entered and ends when it closes.
/// Its outcome is ok, or panic if it closes while its thread unwinds.
///
/// With a [trace hook](crate::set_trace_hook), which is asked when a span is first entered, samples
/// of stacks within the span bear its trace and span id.
///
/// **Cost.** That of a profiled call for each entry, plus the registry's own look-ups, which cost
/// several times as much; and what the hook costs, once a span. **Blind spots.** A span that is
/// never entered is not a call. Spans that are entered and left out of order on one thread are
/// repaired and counted in `perf_dropped_total{reason="out_of_order"}`.
#[must_use]
pub fn tracing_layer() -> TracingLayer {
    TracingLayer {}
}

/// See [`tracing_layer`].
#[derive(Debug)]
#[non_exhaustive]
pub struct TracingLayer {}

/// Kept in the span's extensions. A lock, because a span may be entered on several threads at once.
struct Spanned(Mutex<Inner>);

struct Inner {
    call: Call,
    /// Once the hook was asked.
    trace: Option<Option<TraceContext>>,
}

/// A span that this thread is in.
struct Entered {
    id: u64,
    /// `None`: the entry is not measured.
    open: Option<OpenPoll>,
    trace: Option<TraceContext>,
}

thread_local! {
    /// The spans entered on this thread, innermost last.
    static ENTERED: RefCell<Vec<Entered>> = const { RefCell::new(Vec::new()) };
}

/// The trace that this thread is in. A span that the hook itself enters is in none.
fn ask_hook() -> Option<TraceContext> {
    thread_local! {
        static ASKING: Cell<bool> = const { Cell::new(false) };
    }
    /// While it lives, the hook is being asked.
    struct Asking;
    impl Drop for Asking {
        fn drop(&mut self) {
            ASKING.set(false);
        }
    }
    let hook = trace_hook()?;
    if ASKING.replace(true) {
        return None;
    }
    let _asking = Asking;
    hook()
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
            span.extensions_mut().insert(Spanned(Mutex::new(Inner { call: Call::new(site), trace: None })));
        });
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        // Not while the span is locked: the hook may ask for it.
        let trace = match with_inner(id, &context, |inner| inner.trace) {
            None => return,
            Some(Some(known)) => known,
            Some(None) => {
                let asked = ask_hook();
                with_inner(id, &context, |inner| inner.trace = Some(asked));
                asked
            }
        };
        let open = with_inner(id, &context, |inner| inner.call.enter()).flatten();
        if open.is_some() || trace.is_some() {
            let entered = Entered { id: id.into_u64(), open, trace };
            memory::uncounted(|| ENTERED.try_with(|all| all.borrow_mut().push(entered))).ok();
        }
        if trace.is_some() {
            set_span(trace);
        }
    }

    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        let left = ENTERED.try_with(|all| {
            let mut all = all.borrow_mut();
            let at = all.iter().rposition(|entered| entered.id == id.into_u64())?;
            let left = all.remove(at);
            // That of the innermost one that has any.
            Some((left, all.iter().rev().find_map(|entered| entered.trace)))
        });
        let Ok(Some((left, trace))) = left else { return };
        if left.trace.is_some() {
            set_span(trace);
        }
        if let Some(open) = left.open {
            with_inner(id, &context, |inner| inner.call.leave(open, None));
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let outcome = if std::thread::panicking() { Outcome::Panic } else { Outcome::Ok };
        with_inner(&id, &context, |inner| inner.call.finish(outcome));
    }
}

fn with_inner<S: Subscriber + for<'a> LookupSpan<'a>, T>(
    id: &Id,
    context: &Context<'_, S>,
    f: impl FnOnce(&mut Inner) -> T,
) -> Option<T> {
    let span = context.span(id)?;
    let extensions = span.extensions();
    let Spanned(inner) = extensions.get::<Spanned>()?;
    Some(f(&mut inner.lock().unpoisoned()))
}
