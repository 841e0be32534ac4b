#[perf_sdk::profiled(cpu = false alloc = false)]
fn search() {}

fn main() {
    search();
}
