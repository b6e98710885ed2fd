//! The throughput of the example `kv_service`, beside Redis, and beside the same service with bare
//! threads and one map behind a lock. `redis-benchmark` measures all of them, in turns.
//!
//! Each line is the median of several rounds, in requests a second, with ratios to Redis, which
//! writes an append-only file, too.
//!
//! `cargo build --release --example kv_service`, and then `cargo bench --bench kv`. Options, with
//! what they are by default: `-- --rounds 5 --requests 100000 --appendfsync everysec`.

#![allow(clippy::disallowed_macros, reason = "it prints")]

#[allow(dead_code, unused_imports, reason = "the baseline uses some of the core, and no tests")]
#[path = "../examples/kv_service/core.rs"]
mod core;
#[path = "kv/baseline.rs"]
mod baseline;
#[path = "kv/servers.rs"]
mod servers;

use std::env;
use std::error::Error;
use std::process::Command;

use servers::Server;

/// What is measured: how many requests a client sends at once.
const PIPELINES: [u32; 2] = [1, 16];

/// The tests of `redis-benchmark`.
const TESTS: [&str; 3] = ["PING_MBULK", "SET", "GET"];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).filter(|it| it != "--bench").collect();
    if let [baseline, port, path, fsync] = &arguments[..]
        && baseline == "--baseline"
    {
        return Ok(baseline::serve(port.parse()?, path.as_ref(), fsync == "always")?);
    }
    let option = |name: &str, default: &'static str| {
        let place = arguments.iter().position(|it| it == name);
        place.and_then(|place| arguments.get(place + 1)).map_or(default, String::as_str)
    };
    let rounds: u32 = option("--rounds", "5").parse()?;
    let requests: u32 = option("--requests", "100000").parse()?;
    let fsync = option("--appendfsync", "everysec");
    println!("| requests at once | test | {} |", servers::NAMES.join(" | "));
    println!("|---|---|{}", "---|".repeat(servers::NAMES.len()));
    for pipeline in PIPELINES {
        let mut rates = vec![vec![Vec::new(); servers::NAMES.len()]; TESTS.len()];
        for _ in 0..rounds {
            for (place, name) in servers::NAMES.iter().enumerate() {
                let server = Server::start(name, fsync)?;
                for (test, rate) in measure(server.port, pipeline, requests)?.iter().enumerate() {
                    rates[test][place].push(*rate);
                }
            }
        }
        for (test, rates) in TESTS.iter().zip(rates) {
            println!("| {pipeline} | {test} | {} |", row(rates));
        }
    }
    Ok(())
}

/// The medians, each but the first with its ratio to that.
fn row(rates: Vec<Vec<f64>>) -> String {
    let medians: Vec<f64> = rates
        .into_iter()
        .map(|mut rates| {
            rates.sort_by(f64::total_cmp);
            rates[rates.len() / 2]
        })
        .collect();
    let cells = medians.iter().enumerate().map(|(place, median)| match place {
        0 => format!("{median:.0}"),
        _ => format!("{median:.0} ({:.2})", median / medians[0]),
    });
    cells.collect::<Vec<_>>().join(" | ")
}

/// Returns the rates of the tests.
fn measure(port: u16, pipeline: u32, requests: u32) -> Result<Vec<f64>, Box<dyn Error>> {
    let ended = Command::new("redis-benchmark")
        .args(["-p", &port.to_string(), "-t", "ping_mbulk,set,get", "-c", "50", "--csv"])
        .args(["-n", &requests.to_string(), "-P", &pipeline.to_string()])
        .output()?;
    let (output, errors) = (String::from_utf8(ended.stdout)?, String::from_utf8(ended.stderr)?);
    if !ended.status.success() {
        Err(format!("redis-benchmark has failed: {output}{errors}"))?;
    }
    let rate = |test: &&str| {
        let line = output.lines().find(|line| line.starts_with(&format!("\"{test}\"")));
        line.and_then(|line| line.split('"').nth(3)?.parse().ok())
    };
    let rates: Option<Vec<f64>> = TESTS.iter().map(rate).collect();
    Ok(rates.ok_or_else(|| format!("not all tests have run: {output}{errors}"))?)
}
