//! Snapshots of supervision trees.

use std::collections::BTreeSet;
use std::fmt;

use crate::call_error::{CallError, CallErrorKind};
use crate::graph_text::dot_string;
use crate::id::{Pid, Whereabouts};
use crate::line_text::clean;
use crate::message::{Destination, Name};
use crate::process;
use crate::process::Address;
use crate::user_code::displayed;

use super::{ChildInfo, ChildState, ChildType, SupervisorError, SupervisorRef};

/// A process in a supervision tree, and those below it.
///
/// `Display` prints a line for each process, indented below its supervisor: its id, its name if
/// that is another one, its pid or its state, and how often it was restarted.
///
/// ```
/// use procession::prelude::*;
/// use procession::supervisor;
///
/// # #[derive(Debug)]
/// # struct Counter;
/// # impl GenServer for Counter {
/// #     type Args = ();
/// #     fn init((): ()) -> InitResult<Self> { ready(Counter) }
/// # }
/// let inner = Supervisor::one_for_all().child(Counter::child_spec(()).id("two"));
/// let top = Supervisor::one_for_one()
///     .child(Counter::child_spec(()).id("one"))
///     .child(inner.child_spec("inner"))
///     .start_link_with(StartOptions::new().name("top"))?;
///
/// let tree = supervisor::tree(&top)?;
/// println!("{tree}");
/// // top <0.3.1>
/// //     one <0.4.1>
/// //     inner <0.5.1>
/// //         two <0.6.1>
/// assert_eq!(tree.children[1].children[0].id.as_deref(), Some("two"));
/// println!("{}", tree.dot()); // for `dot -Tsvg`
/// # top.stop()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Tree {
    /// Its id in its supervisor; `None` at the top.
    pub id: Option<String>,
    /// Whether it runs.
    pub state: ChildState,
    /// Its name, if it runs and has one: the registered one, or the one that it was started under
    /// as a server and that a [registrar](crate::Registrar) keeps.
    pub name: Option<Name>,
    /// Whether it is a worker or a supervisor.
    pub child_type: ChildType,
    /// How often its supervisor has restarted it after it had failed.
    pub restarts: u64,
    /// Its children, in the order in which they were started.
    pub children: Vec<Tree>,
    /// The error for which its children are not known, if it is a supervisor that did not return
    /// them.
    pub error: Option<SupervisorError>,
}

/// Returns the tree of a supervisor: its children, their children, and so on.
///
/// Each supervisor is called in turn, with a timeout of five seconds. So the tree does not show one
/// moment: processes that start or end meanwhile may be in it or not.
///
/// # Errors
///
/// [`SupervisorError::Call`] if there is no such supervisor, or it does not answer.
pub fn tree(supervisor: impl Into<Destination>) -> Result<Tree, SupervisorError> {
    let destination = supervisor.into();
    let Some(pid) = destination.find() else {
        return Err(CallError::new(CallErrorKind::NoProc, destination, "tree").into());
    };
    let mut tree = Tree {
        id: None,
        state: ChildState::Running(pid),
        name: name_of(pid),
        child_type: ChildType::Supervisor,
        restarts: 0,
        children: Vec::new(),
        error: None,
    };
    tree.children = children_of(pid, &mut BTreeSet::new())?;
    Ok(tree)
}

fn name_of(pid: Pid) -> Option<Name> {
    process::info(pid)?.any_name()
}

/// Returns the children of a supervisor. `seen` ends the search at a supervisor that is its own
/// descendant.
fn children_of(pid: Pid, seen: &mut BTreeSet<Pid>) -> Result<Vec<Tree>, SupervisorError> {
    if !seen.insert(pid) {
        return Ok(Vec::new());
    }
    let mut children = SupervisorRef::from_pid(pid).which_children_soon()?;
    children.reverse();
    Ok(children.into_iter().map(|child| below(child, seen)).collect())
}

fn below(child: ChildInfo, seen: &mut BTreeSet<Pid>) -> Tree {
    let ChildInfo { id, state, child_type, restarts, .. } = child;
    let name = state.pid().and_then(name_of);
    let below = match (child_type, state) {
        (ChildType::Supervisor, ChildState::Running(pid)) => children_of(pid, seen),
        (ChildType::Supervisor, ChildState::Restarting | ChildState::Stopped)
        | (ChildType::Worker, _) => Ok(Vec::new()),
    };
    let (children, error) = match below {
        Ok(children) => (children, None),
        // A supervisor that is not one of this crate's: its children are not known.
        Err(SupervisorError::Call(error)) if is_of_another_type(&error) => (Vec::new(), None),
        Err(error) => (Vec::new(), Some(error)),
    };
    Tree { id: Some(id), state, name, child_type, restarts, children, error }
}

fn is_of_another_type(error: &CallError) -> bool {
    matches!(error.kind(), CallErrorKind::WrongServer { .. })
}

impl Tree {
    /// Returns the tree as a graph in the language of [Graphviz](https://graphviz.org/doc/info/lang.html):
    /// supervisors are boxes, workers are ellipses.
    pub fn dot(&self) -> impl fmt::Display + '_ {
        Dot(self)
    }

    /// Returns its id and its name, if they differ.
    fn title(&self) -> String {
        let name = self.name.as_ref().map(displayed);
        match (&self.id, name) {
            (Some(id), Some(name)) if *id != name => format!("{id} ({name})"),
            (Some(id), _) => id.clone(),
            (None, Some(name)) => name,
            (None, None) => String::from("supervisor"),
        }
    }

    /// Returns the rest of its line.
    fn notes(&self) -> Vec<String> {
        let mut notes = vec![match self.state {
            ChildState::Running(pid) => Whereabouts(pid).to_string(),
            ChildState::Restarting => String::from("restarting"),
            ChildState::Stopped => String::from("stopped"),
        }];
        if self.restarts > 0 {
            notes.push(format!("restarts: {}", self.restarts));
        }
        notes.extend(self.error.as_ref().map(|error| format!("does not answer: {error}")));
        notes
    }

    fn print(&self, f: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
        if depth > 0 {
            f.write_str("\n")?;
        }
        let (title, notes) = (clean(&self.title()), self.notes().join(" "));
        write!(f, "{:indent$}{title} {notes}", "", indent = 4 * depth)?;
        self.children.iter().try_for_each(|child| child.print(f, depth + 1))
    }
}

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.print(f, 0)
    }
}

struct Dot<'a>(&'a Tree);

impl fmt::Display for Dot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("digraph supervision {\n")?;
        node(f, self.0, &mut 0)?;
        f.write_str("}")
    }
}

/// Writes a node and those below it. `count` is the number of nodes before. Returns its number.
fn node(f: &mut fmt::Formatter<'_>, tree: &Tree, count: &mut usize) -> Result<usize, fmt::Error> {
    let this = *count;
    *count += 1;
    let shape = match tree.child_type {
        ChildType::Supervisor => "box",
        ChildType::Worker => "ellipse",
    };
    let lines: Vec<_> = [tree.title()].into_iter().chain(tree.notes()).collect();
    writeln!(f, "    n{this} [shape={shape}, label={}];", dot_string(&lines.join("\n")))?;
    for child in &tree.children {
        let child = node(f, child, count)?;
        writeln!(f, "    n{this} -> n{child};")?;
    }
    Ok(this)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU64;

    fn pid(n: u32) -> Pid {
        Pid::local(n, NonZeroU64::MIN)
    }

    fn child(id: &str, state: ChildState) -> Tree {
        Tree {
            id: Some(id.to_owned()),
            state,
            name: None,
            child_type: ChildType::Worker,
            restarts: 0,
            children: Vec::new(),
            error: None,
        }
    }

    fn example() -> Tree {
        let crashed = Tree {
            name: Some("printer".into()),
            restarts: 2,
            ..child("the \"printer\"", ChildState::Running(pid(3)))
        };
        let silent = Tree {
            child_type: ChildType::Supervisor,
            error: Some(CallError::new(CallErrorKind::Timeout, pid(4), "Silent").into()),
            ..child("silent", ChildState::Running(pid(4)))
        };
        let inner = Tree {
            child_type: ChildType::Supervisor,
            children: vec![crashed, child("b", ChildState::Restarting)],
            ..child("inner", ChildState::Running(pid(2)))
        };
        Tree {
            id: None,
            name: Some("top".into()),
            child_type: ChildType::Supervisor,
            children: vec![inner, silent, child("c", ChildState::Stopped)],
            ..child("", ChildState::Running(pid(1)))
        }
    }

    #[test]
    fn a_tree_prints_a_line_for_each_process() {
        let expected = "top <0.1.1>\n    inner <0.2.1>\n        the \"printer\" (printer) <0.3.1> \
                        restarts: 2\n        b restarting\n    silent <0.4.1> does not answer: ";
        let printed = example().to_string();
        assert!(printed.starts_with(expected), "{printed}");
        assert!(printed.ends_with("\n    c stopped"), "{printed}");
    }

    #[test]
    fn a_tree_is_a_graph_whose_labels_are_quoted() {
        let dot = example().dot().to_string();
        let lines: Vec<&str> = dot.lines().collect();
        assert_eq!(lines[0], "digraph supervision {");
        assert_eq!(lines[1], r#"    n0 [shape=box, label="top\n<0.1.1>"];"#);
        assert_eq!(lines[2], r#"    n1 [shape=box, label="inner\n<0.2.1>"];"#);
        assert_eq!(
            lines[3],
            r#"    n2 [shape=ellipse, label="the \"printer\" (printer)\n<0.3.1>\nrestarts: 2"];"#
        );
        assert_eq!(lines[4], "    n1 -> n2;");
        assert_eq!(lines.last(), Some(&"}"));
        assert_eq!(dot.matches("->").count(), 5);
    }
}
