//! Pools: reusable connections and buffers, with a record of who uses what for how long.
//!
//! `cargo run --release --example pool`. With `-- --serve` it keeps running, with the accounts at
//! `http://127.0.0.1:9464/`.

use std::time::Duration;

use perf_sdk::pool::{BufferPool, Pool};
use perf_sdk::profiled;

#[global_allocator]
static ALLOC: perf_sdk::Alloc = perf_sdk::Alloc::new();

/// An object that is expensive to make.
#[derive(Debug)]
struct Connection {
    statements: u32,
}

impl Connection {
    fn open() -> Self {
        std::thread::sleep(Duration::from_millis(2));
        Self { statements: 0 }
    }

    async fn query(&mut self) -> u32 {
        tokio::time::sleep(Duration::from_millis(1)).await;
        self.statements += 1;
        self.statements
    }
}

#[profiled]
async fn handle(connections: Pool<Connection>, buffers: BufferPool) -> Result<usize, perf_sdk::pool::Exhausted> {
    let mut connection = connections.get_timeout(Duration::from_secs(1)).await?;
    let mut body = buffers.get_owned(2_000);
    for _ in 0..3 {
        body.extend_from_slice(&connection.query().await.to_le_bytes());
    }
    // Passed to the server without a copy. The buffer returns to the pool when it was sent.
    Ok(body.into_bytes().len())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let _perf = perf_sdk::builder().report(false).start()?;
    let connections = Pool::builder("connections", Connection::open).min(2).max(8).build()?;
    let buffers = BufferPool::new("bodies")?;
    let _listener = perf_sdk::pool::on_pressure(|level, used, limit| {
        println!("memory is {level}: {used} of {limit} bytes");
    });

    let requests: Vec<_> = (0..200).map(|_| tokio::spawn(handle(connections.clone(), buffers.clone()))).collect();
    let mut answered = 0;
    for request in requests {
        answered += usize::from(request.await?.is_ok());
    }
    println!("{answered} requests answered");
    for account in [connections.account()].into_iter().chain(buffers.accounts().into_iter().map(|(_, account)| account))
    {
        if account.taken > 0 {
            let hits = account.hit_ratio().unwrap_or(0.0) * 100.0;
            println!("{}: {} taken, {hits:.1} % reused, {} idle", account.name, account.taken, account.idle);
        }
    }
    if std::env::args().any(|arg| arg == "--serve") {
        let _kept = connections.get();
        std::future::pending::<()>().await;
    }
    Ok(())
}
