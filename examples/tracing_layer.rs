//! A program with `tracing` spans that does not know perf-sdk, measured by adding one layer.

use std::time::Duration;

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

#[global_allocator]
static ALLOC: perf_sdk::Alloc = perf_sdk::Alloc::new();

/// The existing program.
mod shop {
    use super::Duration;

    /// An order: a span with fields, and inside it one span that waits and one that computes.
    pub(crate) async fn order(number: u64) -> u64 {
        use tracing::Instrument as _;
        let price = price(number).instrument(tracing::info_span!("price", number)).await;
        let _span = tracing::info_span!("invoice").entered();
        (0..price * 1_000).fold(number, |sum, line| sum.wrapping_mul(31).wrapping_add(line))
    }

    async fn price(number: u64) -> u64 {
        tokio::time::sleep(Duration::from_millis(2)).await;
        number % 100
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), perf_sdk::Error> {
    // In addition to existing layers.
    tracing_subscriber::registry().with(perf_sdk::tracing_layer()).init();
    let perf = perf_sdk::start()?;
    if let Some(address) = perf.address() {
        println!("open http://{address}");
    }
    let mut sum = 0_u64;
    for number in 0..500 {
        use tracing::Instrument as _;
        sum = sum.wrapping_add(shop::order(number).instrument(tracing::info_span!("order")).await);
    }
    println!("500 orders, {sum:x}");
    Ok(())
}
