#[perf_sdk::profiled(root = true)]
fn value() {}

#[perf_sdk::profiled(root, sample = "10%")]
fn sampled() {}

#[perf_sdk::profiled(root, hot = rest)]
fn resting() {}

#[perf_sdk::profiled(root)]
mod container {}

fn main() {
    value();
    sampled();
    resting();
}
