//! The page that lists the profiles of `/debug/pprof/`.

use super::html;

/// Each profile: its name, its description, and whether it may cover a window.
const PROFILES: &[(&str, &str, bool)] = &[
    #[cfg(feature = "stacks")]
    ("profile", "CPU time by stack, sampled", true),
    #[cfg(feature = "stacks")]
    ("fgprof", "wall time by stack, of running and waiting threads, over 30 s", true),
    #[cfg(feature = "heap")]
    ("heap", "memory allocated and not freed, by the code that allocated it", true),
    #[cfg(feature = "heap")]
    ("allocs", "all allocations since sampling began", true),
    (
        "scopes",
        "the exact call tree of profiled functions: calls, wall, CPU and off-CPU time, allocations, bytes",
        true,
    ),
    ("mutex", "time that others waited for locks of perf_sdk::sync, by the holder", true),
    ("block", "time spent waiting for locks and condition variables of perf_sdk::sync, by the waiter", true),
    ("goroutine", "running calls and open futures, by profiled function", false),
    ("cmdline", "the command line; its arguments only with the token", false),
];

/// Profiles that are also available as text.
const HAVE_TEXT: [&str; 6] = ["profile", "heap", "allocs", "mutex", "block", "goroutine"];

/// Links are relative to the folder two above, where the routes are mounted.
pub(in crate::serve) fn profiles() -> String {
    let mut page = html::begin("perf-sdk: profiles", Some("../.."));
    page.push_str("<header><h1>perf-sdk</h1><span class=\"facts\">profiles for <code>go tool pprof</code> and other readers of its format</span></header><table><tbody>");
    for (name, what, has_window) in PROFILES {
        // The path that the Go middleware fgprof uses.
        let path = if *name == "fgprof" { "debug/fgprof".to_owned() } else { format!("debug/pprof/{name}") };
        page.push_str(&format!("<tr><td><a href=\"{path}\">{name}</a></td><td class=\"words\">{what}"));
        if *has_window {
            page.push_str(&format!("; <a href=\"{path}?seconds=30\">next 30 s</a>"));
        }
        if HAVE_TEXT.contains(name) {
            page.push_str(&format!("; <a href=\"{path}?debug=1\">as text</a>"));
        }
        page.push_str("</td></tr>");
    }
    page.push_str("</tbody></table></body></html>");
    page
}
