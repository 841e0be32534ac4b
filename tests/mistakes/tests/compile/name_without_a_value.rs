#[perf_sdk::profiled(name)]
fn search() {}

fn main() {
    search();
}
