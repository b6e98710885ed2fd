//! Processor time of a request, when requests come at a given rate.

use std::fs;
use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use procession::prelude::*;

use crate::calls::{Echo, parking_at_once, start};
use crate::harness::{Bar, in_thread, nanos};

pub(crate) fn every_20_us(bar: &Bar) {
    against_parking(bar, Duration::from_micros(20));
}

pub(crate) fn every_50_us(bar: &Bar) {
    against_parking(bar, Duration::from_micros(50));
}

pub(crate) fn every_100_us(bar: &Bar) {
    against_parking(bar, Duration::from_micros(100));
}

pub(crate) fn every_1_ms(bar: &Bar) {
    against_parking(bar, Duration::from_millis(1));
}

pub(crate) fn every_5_ms(bar: &Bar) {
    against_parking(bar, Duration::from_millis(5));
}

fn against_parking(bar: &Bar, interval: Duration) {
    let cpu = || cpu_per_call(interval);
    if cpu().is_none() {
        return bar.skip("no /proc/thread-self/schedstat");
    }
    let cpu = || cpu().expect("it was there before");
    bar.compare(14, cpu, || parking_at_once(cpu));
}

/// Nanoseconds of both threads, less what the client does between two calls.
fn cpu_per_call(interval: Duration) -> Option<f64> {
    const TIME: Duration = Duration::from_millis(200);
    let server = start(None, None);
    in_thread(|| {
        let calls = TIME.div_duration_f64(interval);
        call_at(&server, interval, 20); // It begins to know the rate.
        let before = server.call(CpuTime).unwrap()? + cpu_time()?;
        let thought = call_at(&server, interval, calls as u32);
        let after = server.call(CpuTime).unwrap()? + cpu_time()?;
        Some((after - before - thought) / calls)
    })
}

/// Calls so often, and returns the processor time that passed in between.
fn call_at(server: &ServerRef<Echo>, interval: Duration, calls: u32) -> f64 {
    const SHORT: Duration = Duration::from_micros(500);
    let mut thought = Duration::ZERO;
    for _ in 0..calls {
        black_box(server.call(1).unwrap());
        if interval > SHORT {
            thread::sleep(interval);
            continue;
        }
        let start = Instant::now();
        while start.elapsed() < interval {}
        thought += start.elapsed();
    }
    nanos(thought)
}

/// Asks for the processor time of the server's thread.
#[derive(Debug)]
pub(crate) struct CpuTime;

impl HandleCall<CpuTime> for Echo {
    type Reply = Option<f64>;

    fn handle_call(&mut self, _: CpuTime, _: &Caller<Option<f64>>) -> CallResult<Self, CpuTime> {
        reply(cpu_time())
    }
}

/// Processor time of the calling thread, in nanoseconds.
fn cpu_time() -> Option<f64> {
    let figures = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    figures.split_whitespace().next()?.parse().ok()
}
