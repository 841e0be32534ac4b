//! Changes of alerts as events of `tracing`, for programs that log through it.

use tracing_core::callsite::{Callsite as _, DefaultCallsite};
use tracing_core::field::Value;
use tracing_core::metadata::{Kind, Level, Metadata};
use tracing_core::subscriber::NoSubscriber;
use tracing_core::{Event, dispatcher, metadata};

use crate::alert::{AlertChange, AlertEvent, AlertSeverity};

const FIELDS: &[&str] = &["message", "rule", "subject", "change", "evidence", "bundle"];
const TARGET: &str = "perf_sdk::alert";

macro_rules! levels {
    ($($callsite:ident $metadata:ident $level:ident),+) => {
        $(
            static $callsite: DefaultCallsite = DefaultCallsite::new(&$metadata);
            static $metadata: Metadata<'static> = metadata! {
                name: "alert",
                target: TARGET,
                level: Level::$level,
                fields: FIELDS,
                callsite: &$callsite,
                kind: Kind::EVENT,
            };
        )+
    };
}

levels! { CRITICAL CRITICAL_METADATA ERROR, WARNING WARNING_METADATA WARN, INFORMS INFORMS_METADATA INFO }

/// Whether the program has a subscriber, for all of its threads or for some.
pub(crate) fn may_log() -> bool {
    dispatcher::has_been_set()
}

/// Logs a change, with this message: of a critical alert as an error, of a warning as one, of
/// others, and of an alert that is over, as information. False if this thread has no subscriber, or
/// that does not want it.
pub(crate) fn log_alert(event: &AlertEvent, message: &str) -> bool {
    let callsite = match (event.change, event.severity) {
        (AlertChange::Resolved, _) | (_, AlertSeverity::Info) => &INFORMS,
        (_, AlertSeverity::Warning) => &WARNING,
        (_, AlertSeverity::Critical) => &CRITICAL,
    };
    let metadata = callsite.metadata();
    if callsite.register().is_never() {
        return false;
    }
    let change = match event.change {
        AlertChange::Fired => "fired",
        AlertChange::Escalated => "escalated",
        AlertChange::Resolved => "resolved",
    };
    let texts: [&str; 6] = [message, &event.rule, &event.subject, change, &event.evidence, &event.bundle];
    // What is empty is no field of the event.
    let value = |at: usize| (!texts[at].is_empty()).then_some(&texts[at] as &dyn Value);
    let fields = metadata.fields();
    let Some(all) = FIELDS.iter().map(|name| fields.field(name)).collect::<Option<Vec<_>>>() else { return false };
    let [message, rule, subject, change, evidence, bundle] = &all[..] else { return false };
    let values = [
        (message, value(0)),
        (rule, value(1)),
        (subject, value(2)),
        (change, value(3)),
        (evidence, value(4)),
        (bundle, value(5)),
    ];
    let values = fields.value_set(&values);
    dispatcher::get_default(|subscriber| {
        let is_wanted = !subscriber.is::<NoSubscriber>() && subscriber.enabled(metadata);
        if is_wanted {
            subscriber.event(&Event::new(metadata, &values));
        }
        is_wanted
    })
}

#[cfg(test)]
mod tests {
    use std::fmt;
    use std::sync::{Arc, Mutex};

    use tracing_core::field::{Field, Visit};
    use tracing_core::{Subscriber, dispatcher::Dispatch};
    use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

    use super::*;

    #[derive(Clone, Default)]
    struct Seen(Arc<Mutex<Vec<String>>>);

    struct Text(String);

    impl Visit for Text {
        fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
            self.0 += &format!(" {}={value:?}", field.name());
        }
    }

    impl<S: Subscriber> Layer<S> for Seen {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            let mut text = Text(event.metadata().level().to_string());
            event.record(&mut text);
            self.0.lock().expect("nobody panicked").push(text.0);
        }
    }

    #[test]
    fn a_change_is_an_event_of_its_level() {
        let seen = Seen::default();
        let subscriber = tracing_subscriber::registry().with(seen.clone());
        let event = |severity, change| AlertEvent {
            at_unix_ns: 1,
            rule: "cpu".into(),
            subject: String::new(),
            fingerprint: String::new(),
            change,
            severity,
            evidence: "cpu is 97%".into(),
            value: None,
            summary: String::new(),
            since_unix_ns: 1,
            fired_seconds: 0.0,
            explained_by: String::new(),
            bundle: String::new(),
        };
        dispatcher::with_default(&Dispatch::new(subscriber), || {
            for (severity, change) in [
                (AlertSeverity::Critical, AlertChange::Fired),
                (AlertSeverity::Warning, AlertChange::Escalated),
                (AlertSeverity::Info, AlertChange::Fired),
                (AlertSeverity::Critical, AlertChange::Resolved),
            ] {
                assert!(log_alert(&event(severity, change), "said"));
            }
        });
        let critical = event(AlertSeverity::Critical, AlertChange::Fired);
        let outside = std::thread::spawn(move || log_alert(&critical, "said")).join();
        assert!(!outside.expect("no panic"), "a thread without a subscriber");
        let line = |level: &str, change: &str| {
            format!("{level} message=\"said\" rule=\"cpu\" change=\"{change}\" evidence=\"cpu is 97%\"")
        };
        let wanted =
            [line("ERROR", "fired"), line("WARN", "escalated"), line("INFO", "fired"), line("INFO", "resolved")];
        assert_eq!(*seen.0.lock().expect("nobody panicked"), wanted);
    }
}
