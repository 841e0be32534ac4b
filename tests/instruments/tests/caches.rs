//! Caches: moka, a Redis server, and both as two tiers.

mod support;

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use moka::notification::RemovalCause;
use moka::sync::Cache;
use support::{started, sum, until};

fn of(metric: &str, cache: &str) -> Option<f64> {
    sum(metric, "cache", cache)
}

fn watched(name: &str, capacity: u64) -> (Cache<u64, String>, perf_sdk::instrument::Cache) {
    let events = perf_sdk::watch_cache(name);
    let listener = {
        let events = events.clone();
        move |_, _, cause| match cause {
            RemovalCause::Size => events.evicted(1),
            RemovalCause::Expired => events.expired(1),
            RemovalCause::Explicit => events.invalidated(1),
            RemovalCause::Replaced => {}
        }
    };
    let cache = Cache::builder().max_capacity(capacity).eviction_listener(listener).build();
    let told = cache.clone();
    (cache, events.entries(move || told.entry_count()))
}

#[test]
fn moka_tells_its_hits_evictions_and_entries() {
    let _perf = started();
    let (cache, results) = watched("moka", 100);
    for key in 0..150 {
        assert_eq!(results.get(|| cache.get(&key)), None);
        cache.insert(key, key.to_string());
        results.inserted(1);
        assert_eq!(results.get(|| cache.get(&key)), Some(key.to_string()));
    }
    cache.invalidate(&149);
    cache.run_pending_tasks();
    let (hits, misses) = (of("cache_hits_total", "moka"), of("cache_misses_total", "moka"));
    assert_eq!((hits, misses, of("cache_insertions_total", "moka")), (Some(150.0), Some(150.0), Some(150.0)));
    assert_eq!(perf_sdk::snapshot().cache_hit_ratio("moka"), Some(0.5));
    let removed =
        || of("cache_evictions_total", "moka").unwrap_or(0.0) + of("cache_invalidations_total", "moka").unwrap_or(0.0);
    until("moka to remove what is beyond its capacity", || {
        cache.run_pending_tasks();
        removed() >= 50.0
    });
    until("the number of entries to be asked for", || {
        of("cache_entries", "moka").is_some_and(|entries| entries > 0.0 && entries <= 100.0)
    });
    drop(results);
    until("the closure to be dropped", || of("cache_entries", "moka").is_none());
    assert_eq!(of("cache_hits_total", "moka"), Some(150.0), "counters stay");
}

#[test]
fn a_closure_that_panics_or_blocks_hurts_only_itself() {
    let _perf = started();
    let panics = perf_sdk::watch_cache("panics").entries(|| panic!("on purpose"));
    let blocks = perf_sdk::watch_cache("blocks").entries(|| {
        std::thread::sleep(Duration::from_secs(2));
        7
    });
    let works = perf_sdk::watch_cache("works").entries(|| 3).bytes(|| 300);
    until("the one that works to be asked", || of("cache_bytes", "works") == Some(300.0));
    assert_eq!(of("cache_entries", "works"), Some(3.0));
    until("the one that blocks to be asked", || of("cache_entries", "blocks") == Some(7.0));
    until("the one that panicked to be said", || {
        perf_sdk::snapshot().absent_readings.iter().any(|absent| absent.why == "its closure panicked")
    });
    assert_eq!(of("cache_entries", "panics"), None);
    drop((panics, blocks, works));
}

/// A Redis server of this test's own, ended when it drops.
struct Redis(Child, u16);

impl Redis {
    /// `None` where there is none on this machine.
    fn start() -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let arguments = ["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
        let child = Command::new("redis-server").args(arguments).stdout(Stdio::null()).spawn().ok()?;
        let redis = Self(child, port);
        until("redis-server to listen", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        Some(redis)
    }

    fn connect(&self) -> Client {
        Client(BufReader::new(TcpStream::connect(("127.0.0.1", self.1)).expect("a connection")))
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// As much of a client as the test needs.
struct Client(BufReader<TcpStream>);

impl Client {
    fn ask(&mut self, words: &[&str]) -> std::io::Result<Option<String>> {
        let mut request = format!("*{}\r\n", words.len());
        words.iter().for_each(|word| request += &format!("${}\r\n{word}\r\n", word.len()));
        self.0.get_mut().write_all(request.as_bytes())?;
        let mut line = || {
            let mut line = String::new();
            self.0.read_line(&mut line)?;
            Ok::<_, std::io::Error>(line.trim_end().to_owned())
        };
        let head = line()?;
        match head.as_bytes().first() {
            Some(b'$') if head != "$-1" => line().map(Some),
            Some(b'-') => Err(std::io::Error::other(head)),
            _ => Ok(None),
        }
    }
}

#[test]
fn a_redis_server_is_the_second_tier() {
    let Some(redis) = Redis::start() else {
        println!("skipped: there is no redis-server on this machine");
        return;
    };
    let mut client = redis.connect();
    let (near, first) = watched("sessions", 100);
    let second = first.tier(2);
    client.ask(&["SET", "7", "seven"]).expect("an answer");
    let mut look_up = |key: u64| {
        let near_by = first.get(|| near.get(&key));
        near_by.or_else(|| {
            let far = second.try_get(|| client.ask(&["GET", &key.to_string()])).expect("an answer")?;
            near.insert(key, far.clone());
            first.promoted(1);
            Some(far)
        })
    };
    assert_eq!([7, 7, 8].map(&mut look_up), [Some("seven".to_owned()), Some("seven".to_owned()), None]);
    let tier = |metric: &str, tier: &str| {
        let seen = perf_sdk::snapshot();
        let of_it = |reading: &&perf_sdk::snapshot::Reading| {
            reading.name == metric && reading.labels["cache"] == "sessions" && reading.labels["tier"] == tier
        };
        seen.readings.iter().find(of_it).map(|reading| reading.value)
    };
    assert_eq!((tier("cache_hits_total", "1"), tier("cache_misses_total", "1")), (Some(1.0), Some(2.0)));
    assert_eq!((tier("cache_hits_total", "2"), tier("cache_misses_total", "2")), (Some(1.0), Some(1.0)));
    assert_eq!(tier("cache_promotions_total", "1"), Some(1.0));
}
