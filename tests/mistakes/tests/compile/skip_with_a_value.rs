#[perf_sdk::profiled(skip = true)]
fn search() {}

fn main() {
    search();
}
