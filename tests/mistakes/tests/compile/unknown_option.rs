#[perf_sdk::profiled(nmae = "search")]
fn search() {}

fn main() {
    search();
}
