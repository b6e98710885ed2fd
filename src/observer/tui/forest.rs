//! The supervision trees, line by line.

use super::super::{Snapshot, SupervisionTree};
use crate::id::Pid;
use crate::line_text::clean;
use crate::supervisor::{ChildState, ChildType, Tree};
use crate::user_code::displayed;

/// A line of the trees.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    /// The process that it shows, if that runs.
    pub(super) pid: Option<Pid>,
    pub(super) text: String,
}

/// Returns the lines of all trees: those that contain a text, which is in small letters, and those
/// that lead to them.
pub(super) fn lines(snapshot: &Snapshot, filter: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    for tree in &snapshot.trees {
        let mut of_tree = Vec::new();
        if add(&mut of_tree, &tree.tree, 1, filter) {
            lines.push(Line { pid: None, text: title(tree) });
            lines.append(&mut of_tree);
        }
    }
    lines
}

fn title(tree: &SupervisionTree) -> String {
    match (&tree.application, tree.parent) {
        (Some(application), _) => format!("application {}", clean(application)),
        (None, Some(parent)) => format!("tree, started by {parent}"),
        (None, None) => String::from("tree"),
    }
}

/// Adds the lines of a tree, unless none of them fits; returns whether one does.
fn add(lines: &mut Vec<Line>, tree: &Tree, depth: usize, filter: &str) -> bool {
    let own = Line { pid: tree.state.pid(), text: line(tree) };
    let fits = filter.is_empty() || own.text.to_lowercase().contains(filter);
    let place = lines.len();
    lines.push(Line { text: format!("{}{}", "  ".repeat(depth), own.text), ..own });
    let below = tree.children.iter().filter(|child| add(lines, child, depth + 1, filter)).count();
    let is_shown = fits || below > 0;
    if !is_shown {
        lines.truncate(place);
    }
    is_shown
}

fn line(tree: &Tree) -> String {
    let state = match tree.state {
        ChildState::Running(pid) => pid.to_string(),
        ChildState::Restarting => String::from("(restarting)"),
        ChildState::Stopped => String::from("(stopped)"),
    };
    let name = tree.name.as_ref().map(|name| clean(&displayed(name)));
    let words = [tree.id.as_deref().map(clean), Some(state), name];
    let mut line = words.into_iter().flatten().collect::<Vec<_>>().join(" ");
    if tree.child_type == ChildType::Supervisor {
        line += &format!(", a supervisor of {}", tree.children.len());
    }
    if tree.restarts > 0 {
        line += &format!(", restarts: {}", tree.restarts);
    }
    line
}
