#[perf_sdk::profiled]
const LIMIT: usize = { 3 };

fn main() {
    let _ = [0; LIMIT];
}
