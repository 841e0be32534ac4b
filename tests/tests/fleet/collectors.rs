//! Grafana Alloy and Parca collect each of our profiles: this tests the checks that both make
//! before they accept one.

use perf_sdk_tests::eventually;
use perf_sdk_tests::http::get;
use perf_sdk_tests::pprof::Profile;

use super::service::{Service, until};

#[test]
fn alloy_and_parca_accept_every_profile() {
    let service = Service::start("serve", &[]);
    // The first samples of a thread report where its stack is.
    until("samples", || {
        get(service.address, "/metrics").text().contains("function_sampled_cpu_seconds_total{function=\"busy\"")
    });
    let allocations =
        [("alloc_objects", "count"), ("alloc_space", "bytes"), ("inuse_objects", "count"), ("inuse_space", "bytes")];
    let scopes = [
        ("calls", "count"),
        ("wall", "nanoseconds"),
        ("cpu", "nanoseconds"),
        ("off_cpu", "nanoseconds"),
        ("alloc_objects", "count"),
        ("alloc_space", "bytes"),
    ];
    let cpu = [("samples", "count"), ("cpu", "nanoseconds")];
    // The path, the sample types, the period's type and the default type, and a function that must
    // be in the profile.
    let goroutine = [("goroutine", "count")];
    let locks = [("contentions", "count"), ("delay", "nanoseconds")];
    let wall = [("samples", "count"), ("wall", "nanoseconds"), ("offcpu", "nanoseconds")];
    let profiles = [
        ("profile?seconds=1", &cpu[..], ("cpu", "nanoseconds", "cpu"), "fleet::busy"),
        ("profile?seconds=1&hz=250", &cpu[..], ("cpu", "nanoseconds", "cpu"), "fleet::busy"),
        ("profile?seconds=1&trace_id=false", &cpu[..], ("cpu", "nanoseconds", "cpu"), "fleet::busy"),
        ("/debug/fgprof?seconds=1", &wall[..], ("wall", "nanoseconds", "wall"), "fleet::contend"),
        ("mutex", &locks[..], ("contentions", "count", "delay"), "fleet::contend"),
        ("block?seconds=1", &locks[..], ("contentions", "count", "delay"), "fleet::contend"),
        ("heap", &allocations[..], ("space", "bytes", "inuse_space"), "fleet::keep"),
        ("heap?gc=1", &allocations[..], ("space", "bytes", "inuse_space"), "fleet::keep"),
        ("allocs", &allocations[..], ("space", "bytes", "alloc_space"), "fleet::keep"),
        ("scopes", &scopes[..], ("calls", "count", "wall"), "fleet::keep"),
        ("goroutine", &goroutine[..], ("goroutine", "count", "goroutine"), "fleet::busy"),
        ("goroutine?debug=0", &goroutine[..], ("goroutine", "count", "goroutine"), "fleet::busy"),
    ];
    for (place, types, period, function) in profiles {
        let path = if place.starts_with('/') { place.to_owned() } else { format!("/debug/pprof/{place}") };
        // On a loaded machine, there may be no event within a second.
        let answer = eventually(|| {
            let answer = get(service.address, &path);
            assert_eq!(answer.status, 200, "{place}: {}", answer.text());
            let sums = Profile::read(&answer.body).sums_of(function);
            if sums.iter().any(|sum| *sum > 0) { Ok(answer) } else { Err(format!("{place}: nothing of {function}")) }
        });
        assert_eq!(answer.header("content-type"), Some("application/octet-stream"), "{place}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{place}");
        let name = path.split('?').next().and_then(|path| path.rsplit('/').next()).unwrap_or_default();
        let attachment = format!("attachment; filename=\"{name}\"");
        assert_eq!(answer.header("content-disposition"), Some(attachment.as_str()), "{place}");
        // The body itself is a gzip file. With `content-encoding`, a client would unpack it before
        // the reader sees it.
        assert_eq!(answer.header("content-encoding"), None, "{place}");
        assert_eq!(answer.body[..2], [0x1f, 0x8b], "{place}");
        let profile = Profile::read(&answer.body);
        profile.assert_collectable(place);
        assert_eq!((profile.types().as_slice(), profile.period()), (types, period), "{place}");
    }
}
