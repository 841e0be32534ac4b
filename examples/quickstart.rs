//! Two annotated functions, one line to start: open the address while it runs.

use std::time::Duration;

#[global_allocator]
static ALLOC: perf_sdk::Alloc = perf_sdk::Alloc::new();

#[perf_sdk::profiled]
fn greet(guests: &[&str]) -> String {
    guests.iter().map(|guest| letter(guest)).collect::<Vec<_>>().join("\n")
}

#[perf_sdk::profiled]
fn letter(guest: &str) -> String {
    std::thread::sleep(Duration::from_millis(1)); // waits: wall time without CPU time
    format!("Dear {guest},")
}

fn main() -> Result<(), perf_sdk::Error> {
    let perf = perf_sdk::start()?;
    match perf.address() {
        Some(address) => println!("open http://{address}; Enter ends"),
        None => println!("recording without an address; Enter ends"),
    }
    let work = || std::iter::repeat_with(|| greet(&["Ada", "Alan", "Grace"])).for_each(drop);
    std::thread::spawn(work);
    std::io::stdin().lines().next();
    Ok(())
}
