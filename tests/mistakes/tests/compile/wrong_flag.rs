#[perf_sdk::profiled(cpu = off)]
fn search() {}

fn main() {
    search();
}
