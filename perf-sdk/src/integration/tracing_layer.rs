//! Measures existing `tracing` spans as scopes.

use std::cell::{Cell, RefCell};
#[cfg(feature = "flight")]
use std::fmt::{self, Write as _};
use std::sync::Mutex;
#[cfg(feature = "flight")]
use std::time::{SystemTime, UNIX_EPOCH};

use tracing_core::Subscriber;
#[cfg(feature = "flight")]
use tracing_core::field::{Field, Visit};
use tracing_core::span::{Attributes, Id};
#[cfg(feature = "flight")]
use tracing_core::{Event, Level};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use crate::base::unpoisoned::Unpoisoned as _;
#[cfg(feature = "flight")]
use crate::flight::{LogLine, note_log};
use crate::memory;
use crate::outcome::Outcome;
use crate::record::{Call, OpenPoll, set_span, trace_hook};
use crate::scope::{Options, intern};
#[cfg(feature = "flight")]
use crate::scope::{callers, current_path};
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
/// The function's name is that of the span, and its module is the span's target. A span may be
/// entered many times and on many threads, such as that of an instrumented future. The time inside
/// is busy time, and the time in between is idle time. The call begins when the span is first
/// entered, and ends when it closes. Its outcome is ok, or panic if it closes while its thread
/// unwinds.
///
/// With the feature `flight`, warnings and errors that the program logs are kept for bundles of
/// evidence: the latest 1,000, at most 500 characters of each.
///
/// With a [trace hook](crate::set_trace_hook), which is called when a span is first entered, stack
/// samples within the span have its trace id and span id.
///
/// **Cost.** That of a profiled call for each entry, plus the registry's own look-ups, which cost
/// several times as much. The hook is called once for each span. **Blind spots.** A span that is
/// never entered is not a call. Spans that are entered and exited out of order on one thread are
/// repaired, and counted in `perf_dropped_total{reason="out_of_order"}`.
#[must_use]
pub fn tracing_layer() -> TracingLayer {
    TracingLayer {}
}

/// See [`tracing_layer`].
#[derive(Debug)]
#[non_exhaustive]
pub struct TracingLayer {}

/// Stored in the span's extensions. It has a lock, because a span may be entered on several threads
/// at once.
struct Spanned(Mutex<Inner>);

struct Inner {
    call: Call,
    /// `None` before the hook was called.
    trace: Option<Option<TraceContext>>,
}

/// A span that this thread has entered.
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

/// The trace of this thread. A span that the hook itself enters has none.
fn ask_hook() -> Option<TraceContext> {
    thread_local! {
        static ASKING: Cell<bool> = const { Cell::new(false) };
    }
    /// Marks that the hook is being called.
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
        // Not while the span is locked, because the hook may access it.
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
            // The trace of the innermost span that has one.
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

    /// Warnings and errors are kept for bundles of evidence.
    #[cfg(feature = "flight")]
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        if *metadata.level() > Level::WARN {
            return;
        }
        memory::uncounted(|| {
            let mut fields = Fields::default();
            event.record(&mut fields);
            let at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64);
            note_log(LogLine {
                at_unix_ns: at,
                level: if *metadata.level() == Level::ERROR { "ERROR" } else { "WARN" },
                target: metadata.target().to_owned(),
                thread: std::thread::current().name().unwrap_or_default().to_owned(),
                scope: callers(current_path()).last().map(|site| site.label().name.clone()).unwrap_or_default(),
                text: fields.text(),
            });
        });
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let outcome = if std::thread::panicking() { Outcome::Panic } else { Outcome::Ok };
        with_inner(&id, &context, |inner| inner.call.finish(outcome));
    }
}

/// The fields of an event as text.
#[cfg(feature = "flight")]
#[derive(Debug, Default)]
struct Fields {
    message: String,
    others: String,
}

#[cfg(feature = "flight")]
impl Fields {
    fn text(self) -> String {
        [self.message, self.others].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(feature = "flight")]
impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let to = if field.name() == "message" { &mut self.message } else { &mut self.others };
        // What is longer is cut off anyway.
        if to.len() > 4_096 {
            return;
        }
        if field.name() == "message" {
            let _ = write!(to, "{value:?}");
        } else {
            let space = if to.is_empty() { "" } else { " " };
            let _ = write!(to, "{space}{}={value:?}", field.name());
        }
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
