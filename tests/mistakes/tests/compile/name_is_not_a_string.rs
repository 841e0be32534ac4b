#[perf_sdk::profiled(name = 5)]
fn search() {}

fn main() {
    search();
}
