//! The routes of one server, and what is counted of each.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering::Acquire, Ordering::Release};

use crate::base::fork::Lock;
use crate::instrument::durations::Durations;
use crate::instrument::kind::Kind;
use crate::instrument::registry::{Entry, Measured, Registry};
use crate::instrument::stripes::Counts;
use crate::memory;
use crate::reading::{Description, Labels, Sheet, Unit};
use crate::scope::{Options, Site, bounded, intern};
use crate::snapshot::Distribution;

/// The maximum number of routes of one server. Requests of further ones are those of [`OTHER`].
const MAX_ROUTES: usize = 128;
const OTHER: &str = "(other)";
/// The route of requests that match none, or whose route is unknown. It is one, so that a path
/// never becomes a label.
const UNKNOWN: &str = "(unknown)";

/// Methods that are in the name of a route. Any other one is `_OTHER`, as in OpenTelemetry's
/// conventions.
const METHODS: [&str; 9] = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "CONNECT"];

macro_rules! metrics {
    ($($name:ident $make:ident $metric:literal $unit:ident $help:literal),+ $(,)?) => {
        $(static $name: Description = Description::$make($metric, Unit::$unit, $help);)+
        static ALL: &[&Description] = &[$(&$name),+];
    };
}

metrics! {
    REQUESTS counter "http_requests_total" Count "Requests by class of their status; `cancelled` ones were dropped before their end, `failed` ones had no response.",
    IN_FLIGHT gauge "http_requests_in_flight" Count "Requests whose response has not ended.",
    REQUEST_BYTES counter "http_request_bytes_total" Bytes "Bytes of requests' bodies, where their length is declared.",
    RESPONSE_BYTES counter "http_response_bytes_total" Bytes "Bytes of responses' bodies that were sent.",
    UNCOMPRESSED counter "http_response_uncompressed_bytes_total" Bytes "Bytes of responses' bodies before they were compressed.",
    COMPRESSED counter "http_response_compressed_bytes_total" Bytes "Bytes of the same bodies after that.",
    COMPRESSION_SECONDS counter "http_compression_seconds_total" Seconds "Time in which responses' bodies were compressed.",
    NOT_MODIFIED counter "http_not_modified_total" Count "Requests that were answered with 304.",
    BODY_ERRORS counter "http_body_errors_total" Count "Responses whose body ended with an error.",
    CONNECTIONS counter "http_connection_requests_total" Count "Requests, by whether they were the first one of their connection.",
}

pub(crate) const DISTRIBUTION: (&str, &str) =
    ("http_request_duration_seconds", "Time from a request until its response ended, by class of the status.");

/// How a request ended, which is a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// With a status from `n` × 100 on.
    Status(u16),
    Cancelled,
    /// The service returned an error.
    Failed,
}

const ENDS: [&str; 7] = ["1xx", "2xx", "3xx", "4xx", "5xx", "cancelled", "failed"];

impl Ended {
    fn index(self) -> usize {
        match self {
            Self::Status(status) => usize::from(status / 100).clamp(1, 5) - 1,
            Self::Cancelled => 5,
            Self::Failed => 6,
        }
    }
}

/// What is summed up of a route.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sum {
    /// Requests that began.
    Begun,
    RequestBytes,
    ResponseBytes,
    Uncompressed,
    Compressed,
    CompressionNs,
    NotModified,
    BodyErrors,
}

const SUMS: usize = 8;

/// One route of a server.
#[derive(Debug)]
pub(super) struct Route {
    method: &'static str,
    template: Box<str>,
    labels: Labels,
    /// Labels with how requests ended, in the order of [`ENDS`].
    ended_labels: [Labels; ENDS.len()],
    /// The profiled function that a request is.
    pub(super) site: Option<&'static Site>,
    /// Of those that ended, in the order of [`ENDS`].
    durations: [OnceLock<Durations>; ENDS.len()],
    sums: Counts<SUMS>,
}

/// A server.
#[derive(Debug)]
pub(super) struct Server {
    routes: [OnceLock<&'static Route>; MAX_ROUTES],
    number: AtomicUsize,
    other: OnceLock<&'static Route>,
    /// First requests of a connection, and later ones.
    connections: Counts<2>,
    /// Their labels.
    connection_labels: [OnceLock<Labels>; 2],
}

static SERVERS: Registry<Server> = Registry::new(Kind::Http);
static ADDING: Lock<()> = Lock::new(());

pub(super) fn server(name: &str) -> &'static Entry<Server> {
    let new = || Server {
        routes: [const { OnceLock::new() }; MAX_ROUTES],
        number: AtomicUsize::new(0),
        other: OnceLock::new(),
        connections: Counts::new(),
        connection_labels: [const { OnceLock::new() }; 2],
    };
    SERVERS.join(name, new)
}

impl Server {
    /// The route, by its template: not by its path.
    ///
    /// **Cost.** A comparison with each route, some nanoseconds for ten. The first request of a
    /// route takes a lock.
    pub(super) fn route(entry: &'static Entry<Self>, method: &str, template: Option<&str>) -> &'static Route {
        let (method, template) = match template {
            Some(template) => (METHODS.into_iter().find(|known| *known == method).unwrap_or("_OTHER"), template),
            None => ("", UNKNOWN),
        };
        entry.find(method, template).unwrap_or_else(|| memory::uncounted(|| Self::add(entry, method, template)))
    }

    fn all(&self) -> impl Iterator<Item = &'static Route> {
        let number = self.number.load(Acquire);
        self.routes[..number].iter().chain([&self.other]).filter_map(|route| route.get().copied())
    }

    #[inline]
    fn find(&self, method: &str, template: &str) -> Option<&'static Route> {
        self.all().find(|route| *route.template == *template && route.method == method)
    }

    #[cold]
    fn add(entry: &'static Entry<Self>, method: &'static str, template: &str) -> &'static Route {
        let _adding = ADDING.lock();
        let number = entry.number.load(Acquire);
        if let Some(known) = entry.find(method, template) {
            return known;
        }
        let Some(place) = entry.routes.get(number) else {
            return entry.other.get_or_init(|| Route::allocate(entry, "", OTHER));
        };
        let route = place.get_or_init(|| Route::allocate(entry, method, template));
        entry.number.store(number + 1, Release);
        route
    }

    pub(super) fn note_connection(&self, is_known: bool) {
        self.connections.add(usize::from(is_known), 1);
    }
}

impl Route {
    /// It is never freed: there are [`MAX_ROUTES`] of a server at most.
    fn allocate(entry: &'static Entry<Server>, method: &'static str, template: &str) -> &'static Self {
        let name = if method.is_empty() { template.to_owned() } else { format!("{method} {template}") };
        let name: &'static str = bounded(&name).into_owned().leak();
        let ended = |ended| entry.labels_and(&[("route", name), ("status", ended)]);
        Box::leak(Box::new(Self {
            method,
            template: template.into(),
            labels: entry.labels_and(&[("route", name)]),
            ended_labels: ENDS.map(ended),
            site: intern(name, entry.name, file!(), line!(), Options { root: true, ..Options::DEFAULT })
                .or(Some(Site::other())),
            durations: [const { OnceLock::new() }; ENDS.len()],
            sums: Counts::new(),
        }))
    }

    #[inline]
    pub(super) fn add(&self, sum: Sum, n: u64) {
        if n > 0 {
            self.sums.add(sum as usize, n);
        }
    }

    pub(super) fn end(&self, ended: Ended, ns: u64) {
        let durations = &self.durations[ended.index()];
        durations.get().unwrap_or_else(|| memory::uncounted(|| durations.get_or_init(Durations::new))).record(ns);
        if ended == Ended::Status(304) {
            self.add(Sum::NotModified, 1);
        }
    }

    fn read(&self, into: &mut Sheet) {
        let mut all_ended = 0;
        for (durations, labels) in self.durations.iter().zip(&self.ended_labels) {
            if let Some(durations) = durations.get() {
                let ended = durations.count();
                all_ended += ended;
                into.push_of(&REQUESTS, labels, ended as f64);
            }
        }
        // Read later than those that ended, of which thus none is missing here.
        let sums = self.sums.sums();
        let of = |sum: Sum| sums[sum as usize] as f64;
        into.push_of(&IN_FLIGHT, &self.labels, sums[Sum::Begun as usize].saturating_sub(all_ended) as f64);
        for (description, sum) in [
            (&REQUEST_BYTES, Sum::RequestBytes),
            (&RESPONSE_BYTES, Sum::ResponseBytes),
            (&NOT_MODIFIED, Sum::NotModified),
            (&BODY_ERRORS, Sum::BodyErrors),
        ] {
            into.push_of(description, &self.labels, of(sum));
        }
        // Unknown without a layer before the compression.
        if sums[Sum::Uncompressed as usize] > 0 {
            into.push_of(&UNCOMPRESSED, &self.labels, of(Sum::Uncompressed));
            into.push_of(&COMPRESSED, &self.labels, of(Sum::Compressed));
            into.push_of(&COMPRESSION_SECONDS, &self.labels, of(Sum::CompressionNs) / 1e9);
        }
    }
}

impl Measured for Server {
    fn read(entry: &Entry<Self>, into: &mut Sheet) {
        entry.all().for_each(|route| route.read(into));
        let requests = entry.connections.sums();
        if requests[0] > 0 {
            for ((connection, labels), requests) in
                ["new", "reused"].into_iter().zip(&entry.connection_labels).zip(requests)
            {
                let labels = labels.get_or_init(|| entry.labels_and(&[("connection", connection)]));
                into.push_of(&CONNECTIONS, labels, requests as f64);
            }
        }
    }

    fn distributions(entry: &Entry<Self>, into: &mut Vec<Distribution>) {
        for route in entry.all() {
            for (durations, labels) in route.durations.iter().zip(&route.ended_labels) {
                if let Some(durations) = durations.get() {
                    let labels = labels.to_map();
                    let histogram = durations.read();
                    into.push(Distribution {
                        name: DISTRIBUTION.0.into(),
                        help: DISTRIBUTION.1.into(),
                        labels,
                        histogram,
                    });
                }
            }
        }
    }

    fn reset(&self) {
        for route in self.all() {
            route.durations.iter().filter_map(OnceLock::get).for_each(Durations::reset);
            route.sums.reset();
        }
        self.connections.reset();
    }
}

/// Everything that a server may have.
pub(super) fn descriptions() -> impl Iterator<Item = &'static Description> {
    ALL.iter().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_bounded_and_paths_are_none() {
        let entry = server("bounded routes");
        let name = |method: &str, template: Option<&str>| {
            Server::route(entry, method, template).labels.pairs().last().map(|(_, route)| route.to_owned()).unwrap()
        };
        assert_eq!(name("GET", Some("/user/{id}")), "GET /user/{id}");
        assert_eq!(name("BREW", Some("/user/{id}")), "_OTHER /user/{id}");
        assert_eq!([name("GET", None), name("POST", None)], ["(unknown)"; 2]);
        for n in 0..2 * MAX_ROUTES {
            name("GET", Some(&format!("/{n}")));
        }
        assert_eq!(name("GET", Some("/never")), "(other)");
        assert_eq!(entry.all().count(), MAX_ROUTES + 1);
        assert_eq!(name("GET", Some("/user/{id}")), "GET /user/{id}");
    }

    #[test]
    fn a_status_has_a_class() {
        let class = |status| ENDS[Ended::Status(status).index()];
        assert_eq!([100, 204, 304, 404, 599, 999, 0].map(class), ["1xx", "2xx", "3xx", "4xx", "5xx", "5xx", "1xx"]);
    }
}
