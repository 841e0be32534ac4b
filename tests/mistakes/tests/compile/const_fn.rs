#[perf_sdk::profiled]
const fn limit() -> usize {
    3
}

const LIMIT: usize = limit();

fn main() {
    let _ = [0; LIMIT];
}
