//! Bundles of evidence: their settings, and panics and signals that ask for one.

use std::panic;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

#[cfg(target_os = "linux")]
use super::scheduler::Job;
use crate::error::Error;
use crate::flight::{self, Opened, Plan, Trigger};
#[cfg(target_os = "linux")]
use crate::record::Part;
use crate::settings::{ServiceName, Settings};
use crate::snapshot::TriggerKind;

/// How far a bundle goes back that nobody asked for. What is kept of the time before is compared
/// with it.
const LAST: Duration = Duration::from_secs(60);
/// How long a panic waits for its bundle.
const PANIC_PATIENCE: Duration = Duration::from_secs(2);
/// The time between two looks whether the signal came.
#[cfg(target_os = "linux")]
const LOOK: Duration = Duration::from_secs(1);

/// Whether panics make bundles. The hook stays when the profiler ends.
static PANICS: AtomicBool = AtomicBool::new(false);

/// While the result exists, bundles can be made. `None` if that is off.
///
/// # Errors
/// The folder cannot be written to.
pub(super) fn open(settings: &Settings) -> Result<Option<Opened>, Error> {
    let Some(length) = settings.flight else { return Ok(None) };
    let service = settings.push_name.clone().unwrap_or_else(ServiceName::of_executable);
    let keep = settings.evidence_keep.as_bytes();
    let plan = Plan {
        service: service.as_str().to_owned(),
        last: LAST.min(length / 2),
        folder: settings.evidence.clone().map(|folder| (folder, keep)),
    };
    let opened = Opened::new(plan)
        .map_err(|source| Error::Evidence { folder: settings.evidence.clone().unwrap_or_default(), source })?;
    PANICS.store(settings.evidence_panic, Relaxed);
    if settings.evidence_panic {
        hook();
    }
    Ok(Some(opened))
}

/// From now on, panics make bundles while a profiler runs; the hook of before is called first.
fn hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            before(info);
            if !PANICS.load(Relaxed) {
                return;
            }
            let place = info.location().map(ToString::to_string).unwrap_or_default();
            let payload = info.payload();
            let message = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let message = message.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default();
            if let Some(name) = flight::request(Trigger::now(TriggerKind::Panic, place, message), None).name() {
                // The process may be about to end.
                flight::wait_until_over(name, PANIC_PATIENCE);
            }
        }));
    });
}

/// Looks whether the signal came. It is taken over while the job exists.
#[cfg(target_os = "linux")]
pub(super) fn job(settings: &Settings) -> Option<Job> {
    use crate::settings::EvidenceSignal;

    let signal = settings.evidence_signal.filter(|_| settings.flight.is_some())?;
    let number = match signal {
        EvidenceSignal::Usr1 => libc::SIGUSR1,
        EvidenceSignal::Usr2 => libc::SIGUSR2,
        EvidenceSignal::Hup => libc::SIGHUP,
    };
    Some(Job::new(Part::Flight, LOOK, move || {
        let came = signal::Came::listen(number);
        if came.is_none() {
            let text = format!("SIG{signal} makes no bundles of evidence: the program handles or ignores it");
            crate::base::notice::say(&text);
        }
        Box::new(move || match &came {
            None => Duration::MAX,
            Some(came) => {
                if came.take() {
                    flight::request(Trigger::now(TriggerKind::Signal, format!("SIG{signal}"), String::new()), None);
                }
                LOOK
            }
        })
    }))
}

#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
mod signal {
    //! A signal that is noted.

    use std::mem::MaybeUninit;
    use std::ptr;
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

    use libc::c_int;

    use crate::base::process_identity::{AtomicProcess, Process};

    static CAME: AtomicBool = AtomicBool::new(false);
    /// The process in which it is noted.
    static PROCESS: AtomicProcess = AtomicProcess::none();

    /// Notes that the signal came, until this drops. Then it has its default effect again.
    pub(super) struct Came(c_int);

    impl Came {
        /// `None` if the signal does not have its default action.
        pub(super) fn listen(signal: c_int) -> Option<Self> {
            let now = action(signal)?.sa_sigaction;
            // A forked child has the parent's.
            let is_default = now == libc::SIG_DFL || now == note as *const () as libc::sighandler_t;
            // SAFETY: zero bytes are a valid action.
            let mut ours: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
            ours.sa_sigaction = note as *const () as libc::sighandler_t;
            ours.sa_flags = libc::SA_RESTART | libc::SA_ONSTACK;
            // SAFETY: `note` makes only calls that are allowed in a handler. Both pointers are
            // valid or null.
            let is_set = is_default && unsafe { libc::sigaction(signal, &raw const ours, ptr::null_mut()) } == 0;
            CAME.store(false, Relaxed);
            PROCESS.store(Some(Process::current()), Relaxed);
            is_set.then_some(Self(signal))
        }

        /// Whether it came since the last call.
        pub(super) fn take(&self) -> bool {
            CAME.swap(false, Relaxed)
        }
    }

    impl Drop for Came {
        fn drop(&mut self) {
            if action(self.0).is_some_and(|now| now.sa_sigaction == note as *const () as libc::sighandler_t) {
                // SAFETY: sets a constant.
                unsafe { libc::signal(self.0, libc::SIG_DFL) };
            }
        }
    }

    extern "C" fn note(signal: c_int) {
        if PROCESS.load(Relaxed).is_some_and(Process::is_current) {
            CAME.store(true, Relaxed);
            return;
        }
        // In a forked child it has its default effect, once this has returned. SAFETY: both may be
        // called in a handler.
        unsafe {
            libc::signal(signal, libc::SIG_DFL);
            libc::raise(signal);
        }
    }

    fn action(signal: c_int) -> Option<libc::sigaction> {
        let mut now = MaybeUninit::uninit();
        // SAFETY: writes only to `now`, which is initialised if the call succeeds.
        unsafe { (libc::sigaction(signal, ptr::null(), now.as_mut_ptr()) == 0).then(|| now.assume_init()) }
    }
}
