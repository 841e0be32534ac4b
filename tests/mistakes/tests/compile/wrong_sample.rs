#[perf_sdk::profiled(sample = sometimes)]
fn search() {}

fn main() {
    search();
}
