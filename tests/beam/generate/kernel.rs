//! Scenarios of processes: links, monitors, exits, names, aliases, timers.

use super::Dice;
use crate::script::Script;

/// Operations that end processes.
pub(super) const REASONS: &str = "normal|shutdown|shutdown:x|kill|killed|oops|oops|noproc";
pub(super) const NAMES: &str = "na|nb|nc";

/// A kernel scenario.
pub(crate) fn kernel(seed: u64) -> Script {
    let mut kernel = Kernel::new(Dice::new(seed), 2);
    let steps = 4 + kernel.dice.below(14);
    for _ in 0..steps {
        kernel.step();
    }
    let actors = kernel.actors.len();
    kernel.end(actors)
}

/// A scenario of processes in the making.
pub(super) struct Kernel {
    pub(super) dice: Dice,
    /// The indices of the actors.
    pub(super) actors: Vec<usize>,
    monitors: usize,
    aliases: usize,
    timers: usize,
    tags: usize,
    pub(super) lines: Vec<String>,
}

impl Kernel {
    /// With at least so many actors to begin with.
    pub(super) fn new(mut dice: Dice, least: usize) -> Kernel {
        let actors: Vec<usize> = (0..least + dice.below(3)).collect();
        let line = actors.iter().fold("*".to_owned(), |line, index| format!("{line} {index}"));
        let mut kernel =
            Kernel { dice, actors, monitors: 0, aliases: 0, timers: 0, tags: 0, lines: vec![line] };
        for index in kernel.actors.clone() {
            if kernel.dice.happens(40) {
                kernel.lines.push(format!("{index} ( trap on )"));
            }
        }
        kernel
    }

    /// The actors, which are the first so many, empty their mailboxes.
    pub(super) fn end(mut self, actors: usize) -> Script {
        for index in 0..actors {
            self.lines.push(format!("{index} ( drain )"));
        }
        Script::parse(&self.lines.join("\n"))
    }

    fn step(&mut self) {
        let actor = self.actor();
        let mut operations = String::new();
        if self.dice.happens(60) {
            for _ in 0..=self.dice.below(3) {
                operations += &self.quiet();
            }
        }
        if operations.is_empty() || self.dice.happens(50) {
            operations += &self.last();
        }
        self.lines.push(format!("{actor} {operations}"));
    }

    pub(super) fn actor(&mut self) -> usize {
        self.dice.index(&self.actors)
    }

    /// An actor or a name.
    fn object(&mut self) -> String {
        if self.dice.happens(75) { self.actor().to_string() } else { self.name().to_owned() }
    }

    fn name(&mut self) -> &'static str {
        self.dice.text(NAMES)
    }

    pub(super) fn reason(&mut self) -> &'static str {
        self.dice.text(REASONS)
    }

    pub(super) fn tag(&mut self) -> usize {
        self.tags += 1;
        self.tags
    }

    pub(super) fn new_monitor(&mut self) -> String {
        self.monitors += 1;
        format!("m{}", self.monitors - 1)
    }

    /// A monitor that there may be, or none.
    fn monitor(&mut self) -> String {
        match self.monitors {
            0 => "none".to_owned(),
            monitors => format!("m{}", self.dice.below(monitors)),
        }
    }

    fn make_alias(&mut self) -> String {
        self.aliases += 1;
        format!("alias a{} {}", self.aliases - 1, self.dice.text("reply|explicit_unalias"))
    }

    /// An alias, which a monitor may be.
    fn alias(&mut self) -> String {
        if self.aliases == 0 || self.dice.happens(60) {
            self.monitor()
        } else {
            format!("a{}", self.dice.below(self.aliases))
        }
    }

    fn new_timer(&mut self) -> String {
        self.timers += 1;
        format!("t{}", self.timers - 1)
    }

    fn timer(&mut self) -> String {
        format!("t{}", self.dice.below(self.timers.max(1)))
    }

    fn alias_mode(&mut self) -> &'static str {
        self.dice.text("explicit_unalias|demonitor|reply_demonitor")
    }

    /// Operations that make no other process act.
    pub(super) fn quiet(&mut self) -> String {
        let operation = match self.dice.below(28) {
            0..3 => format!("link {}", self.actor()),
            3..5 => format!("unlink {}", self.actor()),
            5..7 => format!("monitor {} {}", self.new_monitor(), self.object()),
            7 => format!("monitor_tag {} {}", self.new_monitor(), self.object()),
            8..10 => {
                let (monitor, object) = (self.new_monitor(), self.object());
                format!("monitor_alias {monitor} {object} {}", self.alias_mode())
            }
            10 => format!("demonitor {}", self.monitor()),
            11 => format!("demonitor_flush {}", self.monitor()),
            12 => format!("trap {}", self.dice.text("on|on|off")),
            13..15 => format!("register {} {}", self.name(), self.actor()),
            15 => format!("register {}", self.name()),
            16 => format!("unregister {}", self.name()),
            17 => format!("whereis {}", self.name()),
            18 => format!("is_alive {}", self.actor()),
            19 => self.make_alias(),
            20 => format!("unalias {}", self.alias()),
            21 => format!("send {} {}", self.actor(), self.tag()),
            22 => "drain".to_owned(),
            23 => self.receive(),
            24 => {
                let (timer, to, tag) = (self.new_timer(), self.object(), self.tag());
                format!("{} {timer} never {to} {tag}", self.dice.text("send_after|start_timer"))
            }
            25 => format!("{} {}", self.dice.text("cancel|read"), self.timer()),
            26 => {
                let caught = self.dice.text("crash|exit_self oops|exit_self normal|exit_self kill");
                format!("catch ( {caught} )")
            }
            _ => format!("send_name {} {}", self.name(), self.tag()),
        };
        format!("( {operation} ) ")
    }

    fn receive(&mut self) -> String {
        match self.dice.below(5) {
            0 => "receive tag".to_owned(),
            1 => format!("receive tag {}", self.dice.below(self.tags + 1)),
            2 => format!("receive exit {}", self.actor()),
            3 => format!("receive down {}", self.monitor()),
            _ => format!("receive timeout {}", self.timer()),
        }
    }

    /// Operations that make other processes act.
    fn last(&mut self) -> String {
        let operation = match self.dice.below(20) {
            0..5 => format!("exit {} {}", self.actor(), self.reason()),
            5 => format!("exit_self {}", self.reason()),
            6 => self.dice.text("crash|return").to_owned(),
            7 | 8 => format!("send_alias {} {}", self.alias(), self.tag()),
            9 => {
                let (timer, to, tag) = (self.new_timer(), self.object(), self.tag());
                let (kind, time) =
                    (self.dice.text("send_after|start_timer"), self.dice.text("now|soon"));
                format!("{kind} {timer} {time} {to} {tag}")
            }
            10 if self.dice.happens(50) => {
                let (to, reason) = (self.actor(), self.reason());
                format!("exit_after {} {to} {reason}", self.dice.text("now|soon"))
            }
            11..14 => return self.signals(),
            _ => return self.spawn(),
        };
        format!("( {operation} )")
    }

    /// Several messages to one, and the end of it.
    fn signals(&mut self) -> String {
        let to = self.actor();
        let mut signals = String::new();
        for _ in 0..self.dice.below(3) {
            signals += &format!("( send {to} {} ) ", self.tag());
        }
        signals + &format!("( exit {to} {} )", self.reason())
    }

    fn spawn(&mut self) -> String {
        let index = self.actors.len();
        if index > 8 {
            return format!("( exit {} {} )", self.actor(), self.reason());
        }
        // Before the monitor of the new process, which its maker may not have put down yet.
        let body = if self.dice.happens(60) { self.body() } else { String::new() };
        let how = match self.dice.below(4) {
            0 => format!("spawn {index}"),
            1 => format!("spawn_link {index}"),
            2 => format!("spawn_monitor {index} {}", self.new_monitor()),
            _ => format!("spawn_alias {index} {} {}", self.new_monitor(), self.alias_mode()),
        };
        self.actors.push(index);
        if !body.is_empty() {
            return format!("( {how} {body})");
        }
        let then = match self.dice.below(6) {
            0 => format!("( link {index} )"),
            1 => format!("( unlink {index} )"),
            2 => format!("( monitor {} {index} )", self.new_monitor()),
            3 => format!("( demonitor {} )", self.monitor()),
            _ => String::new(),
        };
        format!("( {how} ) {then}")
    }

    /// What a process does before it waits for orders.
    fn body(&mut self) -> String {
        let mut body = String::new();
        for _ in 0..self.dice.below(3) {
            body += &self.quiet();
        }
        body + &match self.dice.below(7) {
            0 => format!("( exit_self {} ) ", self.reason()),
            1 => "( crash ) ".to_owned(),
            2 => "( return ) ".to_owned(),
            3 => format!("( exit {} {} ) ", self.actor(), self.reason()),
            _ => String::new(),
        }
    }
}
