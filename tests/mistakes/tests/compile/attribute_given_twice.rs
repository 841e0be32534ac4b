#[perf_sdk::profiled(cpu = false)]
#[perf_sdk::profiled(name = "search")]
fn search() {}

fn main() {
    search();
}
