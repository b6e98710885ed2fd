//! How long something takes: often enough to be timed, not so often that it takes for ever.

use std::time::{Duration, Instant};

/// Times work within a budget.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meter {
    pub(crate) budget: Duration,
}

impl Meter {
    /// The nanoseconds that one of the rounds of `work` takes.
    ///
    /// It is told how many to do, a multiple of `step`: ever more as it warms up, until it is known
    /// how many fit into the budget.
    pub(crate) async fn per_round(self, step: u64, mut work: impl AsyncFnMut(u64)) -> f64 {
        let warm_up = self.budget / 8;
        let mut rounds = step;
        let mut elapsed = time(&mut work, rounds).await;
        while elapsed < warm_up {
            rounds *= 2;
            elapsed = time(&mut work, rounds).await;
        }
        let fitting = self.budget.as_secs_f64() / elapsed.as_secs_f64() * rounds as f64;
        let rounds = (fitting as u64).next_multiple_of(step);
        let elapsed = time(&mut work, rounds).await;
        elapsed.as_nanos() as f64 / rounds as f64
    }
}

async fn time(work: &mut impl AsyncFnMut(u64), rounds: u64) -> Duration {
    let start = Instant::now();
    work(rounds).await;
    start.elapsed()
}
