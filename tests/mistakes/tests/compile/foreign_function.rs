unsafe extern "C" {
    #[perf_sdk::profiled]
    safe fn abs(value: i32) -> i32;
}

fn main() {
    abs(-3);
}
