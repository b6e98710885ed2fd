//! The scope's process: it adds and removes members, monitors them, and sends updates to the
//! processes that monitor groups.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::directory;
use crate::directory::Publication;
#[cfg(all(feature = "dist", target_os = "linux"))]
use crate::gen_server::wire;
use crate::gen_server::{
    CallResult, Caller, CastResult, GenServer, HandleCall, InitResult, noreply, ready, reply,
    warn_of_unhandled,
};
use crate::id::{MonitorRef, Pid};
use crate::message::{Destination, Down, Message};
use crate::process;
use crate::process::info::show;

#[cfg(all(feature = "dist", target_os = "linux"))]
use super::elsewhere::Elsewhere;
#[cfg(not(all(feature = "dist", target_os = "linux")))]
use super::nowhere::Elsewhere;
use super::shown::ShownScope;
use super::table::Table;
use super::{Change, Changed, Group, GroupMonitorRef, Update};

/// The state of a scope.
#[derive(Debug)]
pub(super) struct Server<G: Group> {
    table: Arc<Table<G>>,
    _publication: Publication,
    _shown: Arc<ShownScope>,
    /// The processes of this node that are in some group.
    members: HashMap<Pid, Member<G>>,
    elsewhere: Elsewhere<G>,
    /// The group of each monitor; `None` if it monitors all groups.
    monitors: HashMap<MonitorRef, Option<Arc<G>>>,
    /// The same the other way round, with the processes that get the updates.
    audiences: HashMap<Option<Arc<G>>, BTreeMap<MonitorRef, Pid>>,
}

/// A process that is in some group.
#[derive(Debug)]
struct Member<G> {
    monitor: MonitorRef,
    /// The groups it is in, and how often it has joined each.
    groups: HashMap<Arc<G>, usize>,
}

impl<G: Group> GenServer for Server<G> {
    /// The name of the scope.
    type Args = Arc<str>;

    fn init(name: Arc<str>) -> InitResult<Server<G>> {
        #[cfg(all(feature = "dist", target_os = "linux"))]
        wire::declare::<Server<G>>();
        let table = Arc::new(Table::default());
        let shown = Arc::new(ShownScope::new(Arc::clone(&name), Arc::clone(&table)));
        show(&shown);
        ready(Server {
            _shown: shown,
            _publication: directory::publish(Arc::clone(&name), Arc::clone(&table)),
            elsewhere: Elsewhere::new(name),
            table,
            members: HashMap::new(),
            monitors: HashMap::new(),
            audiences: HashMap::new(),
        })
    }

    fn handle_info(&mut self, message: Message) -> CastResult<Server<G>> {
        match message.downcast::<Down>() {
            Ok(Down { monitor, object: Destination::Pid(pid), .. }) => {
                self.process_ended(monitor, pid)
            }
            Ok(_) => {}
            Err(message) => match self.elsewhere.hear(message, || own_groups(&self.table)) {
                Ok(changes) => self.apply(changes),
                Err(message) => warn_of_unhandled::<Self>(message),
            },
        }
        noreply()
    }
}

impl<G: Group> Server<G> {
    fn join(&mut self, group: G, pids: &[Pid]) {
        if pids.is_empty() {
            return;
        }
        let group = self.table.known(&group).unwrap_or_else(|| Arc::new(group));
        for pid in pids {
            let member = self.members.entry(*pid).or_insert_with(|| Member {
                monitor: process::monitor(*pid),
                groups: HashMap::new(),
            });
            *member.groups.entry(Arc::clone(&group)).or_default() += 1;
        }
        self.table.add(&group, pids);
        self.tell(&group, Change::Join, pids);
        self.elsewhere.joined(&group, pids);
    }

    /// Returns whether any of the processes was a member.
    fn leave(&mut self, group: &G, mut pids: Vec<Pid>) -> bool {
        let Some(group) = self.table.known(group) else { return false };
        pids.retain(|pid| self.end_membership(*pid, &group));
        if pids.is_empty() {
            return false;
        }
        self.table.remove(&group, &pids);
        self.tell(&group, Change::Leave, &pids);
        self.elsewhere.left(&pids, &[group]);
        true
    }

    /// Returns whether the process was a member.
    fn end_membership(&mut self, pid: Pid, group: &Arc<G>) -> bool {
        let Some(member) = self.members.get_mut(&pid) else { return false };
        let Entry::Occupied(mut times) = member.groups.entry(Arc::clone(group)) else {
            return false;
        };
        *times.get_mut() -= 1;
        if *times.get() == 0 {
            times.remove();
        }
        if member.groups.is_empty() {
            process::demonitor_flush(member.monitor);
            self.members.remove(&pid);
        }
        true
    }

    /// Removes a member that has ended, or a peer, or the monitor of a process that has ended.
    fn process_ended(&mut self, monitor: MonitorRef, pid: Pid) {
        if self.forget(monitor) {
            return;
        }
        let Entry::Occupied(member) = self.members.entry(pid) else {
            let changes = self.elsewhere.lost(pid);
            self.apply(changes);
            return;
        };
        if member.get().monitor != monitor {
            return;
        }
        let mut places = Vec::new();
        for (group, times) in member.remove().groups {
            let pids = vec![pid; times];
            self.table.remove(&group, &pids);
            self.tell(&group, Change::Leave, &pids);
            places.resize(places.len() + times, group);
        }
        self.elsewhere.left(&[pid], &places);
    }

    /// Members of other nodes have come or gone.
    fn apply(&self, changes: Vec<Changed<Arc<G>>>) {
        for Changed { group, change, pids } in changes {
            let group = self.table.known(&group).unwrap_or(group);
            match change {
                Change::Join => self.table.add(&group, &pids),
                Change::Leave => self.table.remove(&group, &pids),
            }
            self.tell(&group, change, &pids);
        }
    }

    fn monitor(&mut self, group: Option<Arc<G>>, pid: Pid) -> GroupMonitorRef {
        let monitor = process::monitor(pid);
        self.monitors.insert(monitor, group.clone());
        self.audiences.entry(group).or_default().insert(monitor, pid);
        GroupMonitorRef(monitor)
    }

    /// Removes a monitor. Returns whether it existed.
    fn forget(&mut self, monitor: MonitorRef) -> bool {
        let Some(group) = self.monitors.remove(&monitor) else { return false };
        if let Entry::Occupied(mut audience) = self.audiences.entry(group) {
            audience.get_mut().remove(&monitor);
            if audience.get().is_empty() {
                audience.remove();
            }
        }
        true
    }

    fn tell(&self, group: &Arc<G>, change: Change, pids: &[Pid]) {
        let of_group = self.audiences.get(&Some(Arc::clone(group)));
        let of_scope = self.audiences.get(&None);
        for (monitor, pid) in of_group.into_iter().chain(of_scope).flatten() {
            let monitor = GroupMonitorRef(*monitor);
            let update = Update { monitor, group: G::clone(group), change, pids: pids.to_vec() };
            // A process whose mailbox is full must not hold the others up.
            Destination::Pid(*pid).notify(Message::new(update));
        }
    }
}

/// Returns the members that are processes of this node.
fn own_groups<G: Group>(table: &Table<G>) -> Vec<(Arc<G>, Vec<Pid>)> {
    let mut groups = table.all();
    groups.iter_mut().for_each(|(_, pids)| pids.retain(|pid| !pid.is_remote()));
    groups.retain(|(_, pids)| !pids.is_empty());
    groups
}

#[derive(Debug)]
pub(super) struct Join<G> {
    pub(super) group: G,
    pub(super) pids: Vec<Pid>,
}

#[derive(Debug)]
pub(super) struct Leave<G> {
    pub(super) group: G,
    pub(super) pids: Vec<Pid>,
}

#[derive(Debug)]
pub(super) struct Monitor<G>(pub(super) G);

#[derive(Debug)]
pub(super) struct MonitorScope;

#[derive(Debug)]
pub(super) struct Demonitor(pub(super) GroupMonitorRef);

impl<G: Group> HandleCall<Join<G>> for Server<G> {
    type Reply = ();

    fn handle_call(&mut self, join: Join<G>, _: &Caller<()>) -> CallResult<Self, Join<G>> {
        self.join(join.group, &join.pids);
        reply(())
    }
}

impl<G: Group> HandleCall<Leave<G>> for Server<G> {
    type Reply = bool;

    fn handle_call(&mut self, leave: Leave<G>, _: &Caller<bool>) -> CallResult<Self, Leave<G>> {
        reply(self.leave(&leave.group, leave.pids))
    }
}

impl<G: Group> HandleCall<Monitor<G>> for Server<G> {
    type Reply = (GroupMonitorRef, Vec<Pid>);

    fn handle_call(
        &mut self,
        Monitor(group): Monitor<G>,
        caller: &Caller<Self::Reply>,
    ) -> CallResult<Self, Monitor<G>> {
        let members = self.table.members(&group);
        reply((self.monitor(Some(Arc::new(group)), caller.pid()), members))
    }
}

impl<G: Group> HandleCall<MonitorScope> for Server<G> {
    type Reply = (GroupMonitorRef, HashMap<G, Vec<Pid>>);

    fn handle_call(
        &mut self,
        MonitorScope: MonitorScope,
        caller: &Caller<Self::Reply>,
    ) -> CallResult<Self, MonitorScope> {
        let groups = self.table.all().into_iter();
        let groups = groups.map(|(group, pids)| (G::clone(&group), pids)).collect();
        reply((self.monitor(None, caller.pid()), groups))
    }
}

impl<G: Group> HandleCall<Demonitor> for Server<G> {
    type Reply = bool;

    fn handle_call(
        &mut self,
        Demonitor(GroupMonitorRef(monitor)): Demonitor,
        _: &Caller<bool>,
    ) -> CallResult<Self, Demonitor> {
        let is_there = self.forget(monitor);
        if is_there {
            process::demonitor_flush(monitor);
        }
        reply(is_there)
    }
}
