//! Scenarios of `gen_server` and `proc_lib`.

use super::Dice;
use super::kernel::{Kernel, NAMES};
use crate::script::Script;

/// The index of clients that nobody knows.
const LONELY: usize = 9;

/// A scenario of servers.
pub(crate) fn servers(seed: u64) -> Script {
    let kernel = Kernel::new(Dice::new(seed), 2);
    let clients = kernel.actors.len();
    let mut servers = Servers { kernel, clients, servers: Vec::new(), deferred: 0 };
    servers.start();
    let steps = 3 + servers.kernel.dice.below(12);
    for _ in 0..steps {
        servers.step();
    }
    servers.kernel.end(servers.clients)
}

/// A scenario of servers in the making: they come after the clients among the actors.
struct Servers {
    kernel: Kernel,
    clients: usize,
    /// Those that understand requests; a process of `proc_lib` would never answer.
    servers: Vec<usize>,
    deferred: usize,
}

impl Servers {
    fn dice(&mut self) -> &mut Dice {
        &mut self.kernel.dice
    }

    fn client(&mut self) -> usize {
        let clients = self.clients;
        self.dice().below(clients)
    }

    fn server(&mut self) -> usize {
        let servers = self.servers.clone();
        if servers.is_empty() { self.clients } else { self.dice().index(&servers) }
    }

    /// A server, by its index or a name.
    fn address(&mut self) -> String {
        if self.dice().happens(20) {
            self.dice().text(NAMES).to_owned()
        } else {
            self.server().to_string()
        }
    }

    fn push(&mut self, client: usize, operations: &str) {
        self.kernel.lines.push(format!("{client} {operations}"));
    }

    fn start(&mut self) {
        let index = self.kernel.actors.len();
        let client = self.client();
        let how = match self.dice().below(4) {
            0 => "nolink".to_owned(),
            1 | 2 => "link".to_owned(),
            _ => format!("( monitor {} )", self.kernel.new_monitor()),
        };
        self.kernel.actors.push(index);
        if self.dice().happens(15) {
            let operations = self.unacknowledged();
            return self.push(client, &format!("( pl_start {index} {how} {operations})"));
        }
        self.servers.push(index);
        let name = if self.dice().happens(30) { self.dice().text(NAMES) } else { "-" };
        let init = self.init();
        self.push(client, &format!("( start {index} {how} {name} {init})"));
    }

    /// What a process of `proc_lib` does.
    fn unacknowledged(&mut self) -> String {
        let before = self.dice().text("|( trap on ) |( trap on ) ( register na ) ").to_owned();
        let reason = self.kernel.reason();
        before
            + &match self.dice().below(6) {
                0 => format!("( exit_self {reason} ) "),
                1 => "( crash ) ".to_owned(),
                2 => "( return ) ".to_owned(),
                _ => "( ack 7 ) ".to_owned(),
            }
    }

    fn init(&mut self) -> String {
        let before = self.settings();
        let reason = self.kernel.reason();
        before
            + &match self.dice().below(14) {
                0 => "( ignore ) ".to_owned(),
                1 => format!("( end {reason} ) "),
                2 => format!("( exit_self {reason} ) "),
                3 => "( crash ) ".to_owned(),
                _ => self.wait(1),
            }
    }

    /// What a server does to itself.
    fn settings(&mut self) -> String {
        let mut settings = String::new();
        if self.dice().happens(40) {
            settings += &format!("( trap {} ) ", self.dice().text("on|on|on|off"));
        }
        if self.dice().happens(20) {
            let at_end = self.at_end();
            settings += &format!("( at_end {at_end}) ");
        }
        if self.dice().happens(12) {
            settings += &match self.dice().below(5) {
                0 => format!("( register {} ) ", self.dice().text(NAMES)),
                1 => format!("( link {} ) ", self.client()),
                2 => format!("( monitor {} {} ) ", self.kernel.new_monitor(), self.client()),
                3 => format!("( send {} {} ) ", self.client(), self.kernel.tag()),
                _ => format!("( unlink {} ) ", self.client()),
            };
        }
        settings
    }

    fn at_end(&mut self) -> String {
        let reason = self.kernel.reason();
        match self.dice().below(4) {
            0 => format!("( exit_self {reason} ) "),
            1 => "( crash ) ".to_owned(),
            _ => format!("( send {} {} ) ", self.client(), self.kernel.tag()),
        }
    }

    /// What a server waits for next.
    fn wait(&mut self, depth: usize) -> String {
        match self.dice().below(12) {
            0 => "( timeout zero ) ".to_owned(),
            1 => "( timeout never ) ".to_owned(),
            2 => "( hibernate ) ".to_owned(),
            3 | 4 if depth < 3 => {
                let act = self.act(depth + 1);
                format!("( continue {act}) ")
            }
            _ => String::new(),
        }
    }

    /// What a callback without a caller does.
    fn act(&mut self, depth: usize) -> String {
        let before = self.settings();
        before + &self.outcome(depth)
    }

    fn outcome(&mut self, depth: usize) -> String {
        let reason = self.kernel.reason();
        match self.dice().below(12) {
            0 | 1 => format!("( end {reason} ) "),
            2 => format!("( exit_self {reason} ) "),
            3 => "( crash ) ".to_owned(),
            _ => self.wait(depth),
        }
    }

    /// What `handle_call` does.
    fn answer(&mut self) -> String {
        let before = self.settings();
        let reason = self.kernel.reason();
        let value = self.kernel.tag();
        before
            + &match self.dice().below(12) {
                0 => format!("( end {reason} ) "),
                1 => format!("( reply {value} ) ( end {reason} ) "),
                2 => format!("( exit_self {reason} ) "),
                3 => "( crash ) ".to_owned(),
                4..6 => {
                    self.deferred += 1;
                    format!("( defer d{} ) ", self.deferred - 1) + &self.wait(1)
                }
                _ => format!("( reply {value} ) ") + &self.wait(1),
            }
    }

    fn step(&mut self) {
        let client = self.client();
        let mut operations = String::new();
        if self.dice().happens(25) {
            operations += &self.kernel.quiet();
        }
        if operations.contains("send") {
            // Perhaps to a server, which does something then.
            return self.push(client, &operations);
        }
        if self.dice().happens(12) && self.kernel.actors.len() < 8 {
            return self.start();
        }
        operations += &self.request();
        self.push(client, &operations);
    }

    fn request(&mut self) -> String {
        let (to, index, reason) = (self.address(), self.server(), self.kernel.reason());
        let operation = match self.dice().below(24) {
            0..7 => format!("call {to} {}", self.answer()),
            // By a client that has no links, else it is a race what it ends by.
            7 => format!("spawn {LONELY} ( call_or_exit {to} {})", self.answer()),
            8 | 9 => format!("request {to} {}", self.answer()),
            10..13 => format!("cast {to} {}", self.act(0)),
            13 => format!("tell {index} {}", self.act(0)),
            14 => format!("send {index} {}", self.kernel.tag()),
            15 => {
                let deferred = self.deferred.max(1);
                format!("answer d{} {}", self.dice().below(deferred), self.kernel.tag())
            }
            16 => format!("{} {to} {reason}", self.dice().text("stop|stop|pl_stop")),
            17 => format!("{} {to}", self.dice().text("suspend|resume")),
            18 => format!("terminate {to} {reason}"),
            19 => format!("exit_self {reason}"),
            20 => format!("{} {}", self.dice().text("link|unlink"), index),
            _ => format!("exit {index} {reason}"),
        };
        format!("( {operation} )")
    }
}
