#[perf_sdk::profiled(future = true)]
fn search() {}

fn main() {
    search();
}
