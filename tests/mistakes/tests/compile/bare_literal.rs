#[perf_sdk::profiled("search")]
fn search() {}

fn main() {
    search();
}
