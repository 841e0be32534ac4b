#[perf_sdk::profiled]
fn plain() -> u32 {
    "plain"
}

#[perf_sdk::profiled]
fn fails() -> Result<u32, String> {
    Ok("fails")
}

#[perf_sdk::profiled]
async fn later() -> Result<u32, String> {
    Ok("later")
}

#[perf_sdk::profiled]
fn unused(value: u32) -> Result<(), ()> {
    let unused = ();
    Ok(())
}

fn main() {}
