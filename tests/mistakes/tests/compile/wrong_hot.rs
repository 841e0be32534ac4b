#[perf_sdk::profiled(hot = never)]
fn neither() {}

#[perf_sdk::profiled(hot)]
fn no_value() {}

fn main() {
    neither();
    no_value();
}
