#[perf_sdk::profiled(cpu = false, alloc = false, cpu = true)]
fn search() {}

fn main() {
    search();
}
