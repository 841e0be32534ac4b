//! The page of the flamegraph viewer: without data, which its script asks for.

use super::html;

pub(in crate::serve) fn viewer() -> String {
    html::begin("perf-sdk: flamegraph", None).replace("assets/style.css", "assets/flame.css")
        + "<noscript>The viewer needs JavaScript. <a href=\"flamegraph\">The same as SVG</a>.</noscript>\
           <script src=\"assets/flame.js\"></script></body></html>"
}
