#[perf_sdk::profiled(crate = "perf_sdk")]
fn search() {}

fn main() {
    search();
}
