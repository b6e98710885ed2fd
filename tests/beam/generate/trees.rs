//! Scenarios of supervisors.

use super::Dice;
use super::kernel::Kernel;
use crate::script::Script;

/// A scenario of supervisors.
pub(crate) fn trees(seed: u64) -> Script {
    let mut kernel = Kernel::new(Dice::new(seed), 2);
    // A process that starts supervisors is linked to them.
    kernel.lines.push("0 ( trap on )".to_owned());
    let mut trees = Trees { kernel, supervisors: Vec::new(), children: Vec::new() };
    trees.start();
    let steps = 3 + trees.kernel.dice.below(12);
    for _ in 0..steps {
        trees.step();
    }
    let actors = trees.kernel.actors.len();
    trees.kernel.end(actors)
}

/// A scenario of supervisors in the making.
struct Trees {
    kernel: Kernel,
    /// The indices of the supervisors, and how many children each has had.
    supervisors: Vec<(usize, usize)>,
    children: Vec<usize>,
}

/// By convention those whose children have no order.
fn is_simple(supervisor: usize) -> bool {
    matches!(supervisor, 8 | 9)
}

impl Trees {
    fn dice(&mut self) -> &mut Dice {
        &mut self.kernel.dice
    }

    fn push(&mut self, actor: usize, operation: &str) {
        self.kernel.lines.push(format!("{actor} ( {operation} )"));
    }

    fn start(&mut self) {
        let intensity = self.dice().below(4);
        if self.dice().happens(25) {
            let index = 8 + self.supervisors.iter().filter(|(index, _)| is_simple(*index)).count();
            if index <= 9 {
                self.supervisors.push((index, 0));
                let children = self.simple_children();
                let operation = format!("start_simple {index} - {intensity} {children}");
                return self.push(0, &operation);
            }
        }
        let index = 5 + self.supervisors.iter().filter(|(index, _)| *index < 8).count();
        if index < 8 {
            let name = self.dice().text("-|-|-|na");
            let place = self.supervisors.len();
            self.supervisors.push((index, 0));
            let description = self.description(place, intensity);
            self.push(0, &format!("start_sup {index} {name} {description}"));
        }
    }

    /// When a supervisor whose children are all alike shuts down, and what they are.
    fn simple_children(&mut self) -> String {
        let auto = self.dice().text("never|never|any_significant|all_significant");
        let is_significant = auto != "never" && self.dice().happens(75);
        let restart =
            if is_significant { self.dice().text("transient|temporary") } else { self.restart() };
        format!("{auto} {restart} {} {is_significant}", self.shutdown())
    }

    /// Of the supervisor at `place`.
    fn description(&mut self, place: usize, intensity: usize) -> String {
        let strategy = self.dice().text("one_for_one|one_for_all|rest_for_one");
        let auto = self.dice().text("never|never|any_significant|all_significant");
        let mut description = format!("{strategy} {intensity} {auto} ");
        for _ in 0..self.dice().below(4) {
            description += &self.child(place, auto != "never");
        }
        description
    }

    fn restart(&mut self) -> &'static str {
        self.dice().text("permanent|permanent|transient|temporary")
    }

    fn shutdown(&mut self) -> &'static str {
        self.dice().text("hour|hour|infinity|brutal_kill")
    }

    /// The index of a new child of the supervisor at `place`.
    fn new_child(&mut self, place: usize) -> usize {
        let (supervisor, children) = &mut self.supervisors[place];
        let index = *supervisor * 10 + (*children).min(9);
        *children += 1;
        self.children.push(index);
        index
    }

    fn child(&mut self, place: usize, may_be_significant: bool) -> String {
        let index = self.new_child(place);
        let significant = may_be_significant && self.dice().happens(60);
        let restart =
            if significant { self.dice().text("transient|temporary") } else { self.restart() };
        if self.supervisors[place].0 < 10 && self.dice().happens(12) {
            let intensity = self.dice().below(3);
            let place = self.supervisors.len();
            self.supervisors.push((index, 0));
            self.children.retain(|child| *child != index);
            let description = self.description(place, intensity);
            return format!("( tree {index} {restart} {significant} {description}) ");
        }
        let (shutdown, inits) = (self.shutdown(), self.inits());
        format!("( child {index} {restart} {shutdown} {significant} {inits}) ")
    }

    /// What `init` does each time.
    fn inits(&mut self) -> String {
        let mut inits = String::new();
        if self.dice().happens(97) {
            inits += self.dice().text("( )|( ( trap on ) )");
            inits += " ";
        }
        for _ in 0..self.dice().below(4) {
            inits += self.init();
            inits += " ";
        }
        if inits.is_empty() { "( ) ".to_owned() } else { inits }
    }

    fn init(&mut self) -> &'static str {
        self.dice().text(
            "( )|( )|( )|( ( trap on ) )|( ( trap on ) )|( ( end oops ) )|( ( ignore ) )\
             |( ( crash ) )|( ( exit_self shutdown ) )|( ( end normal ) )\
             |( ( trap on ) ( at_end ( crash ) ) )|( ( trap on ) ( at_end ( exit_self oops ) ) )",
        )
    }

    fn step(&mut self) {
        if self.dice().happens(6) {
            return self.start();
        }
        let actor = if self.dice().happens(70) { 0 } else { self.kernel.actor() };
        let operation = if self.dice().happens(45) && !self.children.is_empty() {
            self.failure()
        } else {
            self.request()
        };
        self.push(actor, &operation);
    }

    fn any_child(&mut self) -> usize {
        let children = self.children.clone();
        if children.is_empty() { 0 } else { self.dice().index(&children) }
    }

    /// A child ends.
    fn failure(&mut self) -> String {
        let (child, reason) = (self.any_child(), self.kernel.reason());
        match self.dice().below(9) {
            0..3 => format!("exit {child} {reason}"),
            8 => {
                let place = {
                    let places = self.supervisors.len();
                    self.dice().below(places)
                };
                format!("exit {} {reason}", self.supervisors[place].0)
            }
            3 => format!("cast {child} ( exit_self {reason} )"),
            4 => format!("cast {child} ( crash )"),
            5 => format!("cast {child} ( trap {} )", self.dice().text("on|off")),
            _ => format!("cast {child} ( end {reason} )"),
        }
    }

    fn request(&mut self) -> String {
        let place = {
            let places = self.supervisors.len();
            self.dice().below(places)
        };
        let (supervisor, children) = self.supervisors[place];
        if self.dice().happens(8) {
            let reason = self.kernel.reason();
            return match self.dice().below(3) {
                0 => format!("exit {supervisor} {reason}"),
                1 => format!("stop {supervisor} {reason}"),
                _ => format!("exit_self {reason}"),
            };
        }
        if is_simple(supervisor) {
            return self.request_to_simple(place);
        }
        let child = supervisor * 10 + self.dice().below(children.max(1));
        match self.dice().below(16) {
            0..3 => {
                let may_be_significant = self.dice().happens(30);
                format!("start_child {supervisor} {}", self.child(place, may_be_significant))
            }
            3..6 => format!("terminate_child {supervisor} {child}"),
            6..9 => format!("restart_child {supervisor} {child}"),
            9..11 => format!("delete_child {supervisor} {child}"),
            11..13 => format!("which_children {supervisor}"),
            13..15 => format!("count_children {supervisor}"),
            _ => format!("get_childspec {supervisor} {child}"),
        }
    }

    fn request_to_simple(&mut self, place: usize) -> String {
        let supervisor = self.supervisors[place].0;
        match self.dice().below(7) {
            6 => format!("get_one_spec {supervisor} {}", self.any_child()),
            0..3 => {
                let index = self.new_child(place);
                format!("start_one {supervisor} {index} {}", self.inits())
            }
            3 => format!("terminate_one {supervisor} {}", self.any_child()),
            4 => format!("which_children {supervisor}"),
            _ => format!("count_children {supervisor}"),
        }
    }
}
