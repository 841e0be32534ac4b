#[perf_sdk::profiled(bounded = "64MiB")]
fn fill() {}

#[perf_sdk::profiled(bounded = 0)]
fn fill_more() {}

#[perf_sdk::profiled(bounded = 1 << 20)]
mod cache {
    pub fn fill() {}
}

fn main() {
    fill();
    fill_more();
    cache::fill();
}
