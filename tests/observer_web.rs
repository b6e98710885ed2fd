//! The observer's page: what is served, to whom, and what becomes of hostile clients. A binary of
//! its own, as it counts what the program has open.

#![allow(clippy::disallowed_macros, reason = "prints figures, and why a test is skipped")]

#[allow(dead_code, reason = "this binary needs few of them")]
#[path = "support"]
mod support {
    pub(crate) mod example;
    pub(crate) mod processes;
    pub(crate) mod program;
    pub(crate) mod usage;
    pub(crate) mod wait;
}

#[path = "observer_web/access.rs"]
mod access;
#[path = "observer_web/browser.rs"]
mod browser;
#[path = "observer_web/client.rs"]
mod client;
#[path = "observer_web/control.rs"]
mod control;
#[path = "observer_web/details.rs"]
mod details;
#[path = "observer_web/example.rs"]
mod example;
#[path = "observer_web/hostile.rs"]
mod hostile;
#[path = "observer_web/plain.rs"]
mod plain;
#[path = "observer_web/streams.rs"]
mod streams;
#[path = "observer_web/webdriver.rs"]
mod webdriver;

use std::net::SocketAddr;

use parking_lot::{RwLock, RwLockReadGuard};
use procession::listener::LocalAddr;
use procession::observer::web::{Web, WebRef};
use procession::testing::TestSupervisor;

/// Those that count what is open have the program to themselves, the others share it.
static TURN: RwLock<()> = RwLock::new(());

/// An observer that a test has started, and that ends with it.
struct Observer {
    address: SocketAddr,
    web: WebRef,
    tests: TestSupervisor,
    _turn: Option<RwLockReadGuard<'static, ()>>,
}

impl Observer {
    /// Starts an observer, beside those of other tests.
    #[track_caller]
    fn start(web: Web) -> Observer {
        let turn = TURN.read();
        Observer { _turn: Some(turn), ..Observer::start_alone(web) }
    }

    /// Starts an observer for a test that has the program to itself.
    #[track_caller]
    fn start_alone(web: Web) -> Observer {
        let tests = TestSupervisor::start();
        let web = tests.start_supervised(web.child_spec("observer"));
        let LocalAddr::Tcp(address) = web.get_addr().unwrap() else { panic!("it listens on TCP") };
        Observer { address, web, tests, _turn: None }
    }

    fn port(&self) -> u16 {
        self.address.port()
    }
}
