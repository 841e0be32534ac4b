#[perf_sdk::profiled(error = display)]
fn search() -> Option<u32> {
    None
}

fn main() {
    search();
}
