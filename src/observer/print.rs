//! How a snapshot prints itself.

use std::cmp::Reverse;
use std::fmt;
use std::fmt::Display;

use crate::line_text::clean;

use super::{NodeInfo, ProcessInfo, Snapshot};

/// How many processes are printed, unless all are.
const PROCESSES: usize = 20;

impl Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.print_numbers(f)?;
        self.print_trees(f)?;
        self.print_supervisors(f)?;
        self.print_data(f)?;
        self.print_processes(f)
    }
}

impl Snapshot {
    fn print_numbers(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Snapshot { system, limits, took, .. } = self;
        write!(f, "{} processes, looked at in {took:.1?}", system.processes)?;
        write!(f, "\nthreads: {} of the runtime", system.threads)?;
        write!(f, ", {} of {} cached", system.cached_threads, system.max_cached_threads)?;
        write!(f, ", {} left behind", system.abandoned_threads)?;
        if let (Some(threads), Some(max)) = (limits.threads, limits.max_threads) {
            write!(f, "; {threads} in all, with room for about {max}")?;
        }
        write!(f, "\ntimers: {}, names: {}", system.timers, system.names)?;
        match self.left_out {
            0 => Ok(()),
            left_out => write!(f, "\nleft out, as others had locked them: {left_out}"),
        }
    }

    fn print_trees(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for application in self.applications.iter().filter(|it| it.top.is_none()) {
            let (name, master) = (clean(&application.name), application.master);
            write!(f, "\n\napplication {name}, without a tree, master {master}")?;
        }
        for tree in &self.trees {
            match (&tree.application, tree.parent) {
                (Some(name), _) => write!(f, "\n\ntree of application {}", clean(name))?,
                (None, Some(parent)) => write!(f, "\n\ntree, started by {parent}")?,
                (None, None) => f.write_str("\n\ntree")?,
            }
            for line in tree.tree.to_string().lines() {
                write!(f, "\n    {line}")?;
            }
        }
        Ok(())
    }

    fn print_supervisors(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut restarting = self.supervisors.iter().filter(|it| it.restarts > 0).peekable();
        if restarting.peek().is_some() {
            f.write_str("\n\nsupervisors that have restarted children")?;
        }
        restarting.try_for_each(|it| {
            write!(f, "\n    {}: {} restarts", it.pid, it.restarts)?;
            write!(f, ", {} of {} in {:?}", it.recent_restarts, it.max_restarts, it.period)
        })
    }

    fn print_data(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print_each(f, "registries", &self.registries, |it| {
            let name = clean(&it.name);
            format!("{name} {}: {} keys of {} processes", it.pid, it.keys, it.processes)
        })?;
        print_each(f, "scopes of groups", &self.scopes, |it| {
            let name = clean(&it.name);
            format!("{name} {}: {} members of {} groups", it.pid, it.members, it.groups)
        })?;
        print_each(f, "tables", &self.tables, |it| {
            let name = clean(it.name.as_deref().unwrap_or("(no name)"));
            format!("{name}, owner {}: {} rows, {} bytes", it.owner, it.size, it.memory)
        })?;
        print_each(f, "connected nodes", &self.nodes, |it| {
            let NodeInfo { node, queued_bytes, waiting_senders, .. } = it;
            let hidden = if it.hidden { ", hidden" } else { "" };
            format!(
                "{node}{hidden}, for {:.1?}: {} messages, {} bytes received, {} messages, {} bytes \
                 sent; {queued_bytes} bytes wait, and {waiting_senders} senders",
                it.connected_for,
                it.messages_received,
                it.bytes_received,
                it.messages_sent,
                it.bytes_sent,
            )
        })?;
        print_each(f, "killed processes whose threads go on", &self.abandoned, line)
    }

    fn print_processes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut processes: Vec<&ProcessInfo> = self.processes.iter().collect();
        if !f.alternate() && processes.len() > PROCESSES {
            processes.sort_by_key(|it| Reverse(it.info.message_queue_len)); // It is stable.
            processes.truncate(PROCESSES);
            let title = format!("the {PROCESSES} processes with the longest queues");
            return print_each(f, &title, &processes, |it| line(it));
        }
        print_each(f, "processes", &processes, |it| line(it))
    }
}

fn print_each<T>(
    f: &mut fmt::Formatter<'_>,
    title: &str,
    all: &[T],
    line: impl Fn(&T) -> String,
) -> fmt::Result {
    if all.is_empty() {
        return Ok(());
    }
    write!(f, "\n\n{title}")?;
    all.iter().try_for_each(|it| write!(f, "\n    {}", line(it)))
}

/// Returns the line of a process.
fn line(process: &ProcessInfo) -> String {
    let ProcessInfo { info, cpu_time, stack, .. } = process;
    let title = process.title();
    let waits_for =
        info.waits_for.as_ref().map_or_else(|| String::from("runs"), |it| it.to_string());
    let mut line = format!("{:<12} {:<24}", info.pid.to_string(), waits_for);
    line += &format!(" queue {:<4} handled {:<6}", info.message_queue_len, info.messages_received);
    line += &format!(" links {:<3} age {:<8.1?}", info.links.len(), info.age);
    line.extend(info.thread_id.map(|id| format!(" thread {id}")));
    line.extend(cpu_time.map(|time| format!(" cpu {time:.1?}")));
    line.extend(stack.map(|bytes| format!(" stack {} KiB", bytes / 1024)));
    if title.is_empty() { line } else { format!("{line} {title}") }
}
