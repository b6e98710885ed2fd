//! The master of a running application: the parent of its tree.

use std::collections::BTreeMap;
use std::fmt;
use std::mem;
use std::sync::Arc;

use log::Level;
use once_cell::sync::OnceCell;
use parking_lot::Mutex;

use crate::exit::ExitReason;
use crate::gen_server::{
    CallResult, Caller, CastResult, GenServer, HandleCall, HandleCast, HandleContinue, InitResult,
    Then, noreply, ready, reply, stop,
};
use crate::id::Pid;
use crate::message::{Destination, Down, Exit, Message};
use crate::process;
use crate::process::info::show;
use crate::report;
use crate::supervisor::Shutdown;
use crate::supervisor::failures::reason_of;
use crate::supervisor::killed::KillsTold;
use crate::supervisor::shutdown::{stop_all, stop_one};
use crate::user_code::{Guarded, drop_caught, log_caught};

use super::shown::ShownApplication;
use super::{Application, Callback, EnvChange};

/// The masters, with the names of their applications. They are not kept by the controller, so that
/// processes that the controller waits for can look them up.
static MASTERS: Mutex<BTreeMap<Pid, String>> = Mutex::new(BTreeMap::new());

/// Returns the application of the nearest master among the process itself and its ancestors.
pub(super) fn application_of(pid: Pid) -> Option<String> {
    let master = master_of(pid)?;
    MASTERS.lock().get(&master).cloned()
}

/// Returns the nearest master among the process itself and its ancestors.
fn master_of(pid: Pid) -> Option<Pid> {
    first_in_line(pid, is_known)
}

/// Returns whether that process is a master and has not ended.
fn is_known(pid: Pid) -> bool {
    MASTERS.lock().contains_key(&pid)
}

/// Returns the first process with a property among a process and its ancestors.
fn first_in_line(pid: Pid, has_property: impl Fn(Pid) -> bool) -> Option<Pid> {
    let info = process::info(pid)?;
    let mut line = [pid].into_iter().chain(info.ancestors.iter().copied());
    line.find(|pid| has_property(*pid))
}

/// Returns the processes below a master that are alive. The master itself may have ended.
fn below(master: Pid) -> Vec<Pid> {
    let is_master = |it| it == master || is_known(it);
    let is_below = |pid: &Pid| *pid != master && first_in_line(*pid, is_master) == Some(master);
    process::processes().into_iter().filter(is_below).collect()
}

/// The number of searches for processes that a killed master leaves: processes that keep spawning
/// must not keep the controller busy forever.
const ROUNDS: usize = 100;

/// Kills a master and all processes below it, including those that they spawn meanwhile.
pub(super) fn kill(master: Pid) {
    process::exit(master, ExitReason::Kill);
    // A process spawns nothing more when it has been killed, so each search finds what those that
    // were killed before it have spawned.
    for _ in 0..ROUNDS {
        let found = below(master);
        if found.is_empty() {
            break;
        }
        found.into_iter().for_each(|pid| process::exit(pid, ExitReason::Kill));
    }
}

/// A [`Callback`] of any type.
pub(super) trait Hooks {
    fn start_phase(&mut self, phase: &str) -> Result<(), ExitReason>;
    fn prep_stop(&mut self);
    fn stop(&mut self);
    fn config_change(&mut self, change: &EnvChange);
}

impl<C: Callback> Hooks for C {
    fn start_phase(&mut self, phase: &str) -> Result<(), ExitReason> {
        Callback::start_phase(self, phase)
    }

    fn prep_stop(&mut self) {
        Callback::prep_stop(self);
    }

    fn stop(&mut self) {
        Callback::stop(self);
    }

    fn config_change(&mut self, change: &EnvChange) {
        Callback::config_change(self, change);
    }
}

/// The state of a master.
pub(super) struct Master {
    application: Application,
    /// The process that receives [`Started`] when the tree has been started.
    controller: Pid,
    /// The top of the tree, while it runs.
    top: Option<Pid>,
    shown: Arc<ShownApplication>,
    /// The callback, which is called when the application stops.
    callback: ToStop,
    /// Sends the controller the children that supervisors below this process had to kill.
    _kills: KillsTold,
}

/// A callback that is to be stopped: when it is dropped, at the latest, so also if its master is
/// killed.
#[derive(Default)]
struct ToStop {
    hooks: Option<Box<dyn Hooks>>,
    is_prepared: bool,
}

impl ToStop {
    fn prepare(&mut self) {
        if let Some(hooks) = &mut self.hooks
            && !mem::replace(&mut self.is_prepared, true)
        {
            caught("prep_stop", || hooks.prep_stop());
        }
    }

    fn stop(&mut self) {
        self.prepare();
        if let Some(mut hooks) = self.hooks.take() {
            caught("stop", move || hooks.stop());
        }
    }
}

impl Drop for ToStop {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Calls a callback whose failure must not keep the application from being stopped.
fn caught(what: &str, call: impl FnOnce()) {
    if let Err(reason) = process::catch(call) {
        let text = format_args!("{what} has failed: {reason}");
        log_caught(Level::Error, report::Kind::Application.target(), text);
    }
}

impl fmt::Debug for Master {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Master")
            .field("application", &self.application.info.name)
            .field("top", &self.top)
            .finish_non_exhaustive()
    }
}

impl GenServer for Master {
    type Args = (Application, Pid);

    fn init((application, controller): Self::Args) -> InitResult<Master> {
        process::set_trap_exit(true);
        process::set_label(format!("master of application {}", application.info.name));
        MASTERS.lock().insert(process::self_pid(), application.info.name.clone());
        let name = application.info.name.clone();
        let shown = Arc::new(ShownApplication { name, top: OnceCell::new() });
        show(&shown);
        let (callback, kills) = (ToStop::default(), KillsTold::to(controller));
        let top = None;
        ready(Master { application, controller, top, shown, callback, _kills: kills }).then(Boot)
    }

    fn handle_info(&mut self, message: Message) -> CastResult<Master> {
        let message = match message.downcast::<Exit>() {
            Ok(exit) => return self.ended(Destination::Pid(exit.from), exit.reason),
            Err(message) => message,
        };
        match message.downcast::<Down>() {
            Ok(down) => self.ended(down.object, down.reason),
            Err(message) => {
                drop_caught(message);
                noreply()
            }
        }
    }

    fn terminate(&mut self, _: &ExitReason) {
        self.callback.prepare();
        if let Some(top) = self.top.take() {
            stop_one(top, Shutdown::Infinity);
        }
        // Before the rest is killed: the callback may call those processes, or spawn some itself.
        self.callback.stop();
        loop {
            let left = below(process::self_pid());
            if left.is_empty() {
                break;
            }
            stop_all(left.into_iter().map(|pid| (pid, Shutdown::BrutalKill)));
        }
    }
}

impl Master {
    /// Handles the end of a process: that of the top is the end of the master.
    fn ended(&mut self, process: Destination, reason: ExitReason) -> CastResult<Master> {
        if self.top.map(Destination::Pid) != Some(process) {
            return noreply();
        }
        self.top = None;
        Err(reason)
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        MASTERS.lock().remove(&process::self_pid());
    }
}

/// Tells the controller that the tree has been started.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) application: String,
    pub(super) top: Pid,
}

/// Tells the master itself to start the tree.
#[derive(Debug)]
pub(super) struct Boot;

impl HandleContinue<Boot> for Master {
    fn handle_continue(&mut self, Boot: Boot) -> CastResult<Master> {
        let boot = self.application.boot.clone().expect("an application with a tree");
        let (top, callback) = boot().map_err(reason_of)?;
        let mut callback = Guarded::new(callback);
        process::link(top); // The start function may have forgotten it.
        process::monitor(top); // The top may remove the link.
        self.top = Some(top);
        _ = self.shown.top.set(top); // It is started once.
        for phase in &self.application.info.phases {
            callback.get_mut().as_mut().map_or(Ok(()), |it| it.start_phase(phase))?;
        }
        self.callback.hooks = callback.into_inner();
        let application = self.application.info.name.clone();
        process::send(self.controller, Started { application, top });
        noreply()
    }
}

/// Tells the master to stop the application.
#[derive(Debug)]
pub(super) struct Stop;

impl HandleCast<Stop> for Master {
    fn handle_cast(&mut self, Stop: Stop) -> CastResult<Master> {
        stop(ExitReason::Normal)
    }
}

/// Tells the master that the environment has changed.
#[derive(Debug)]
pub(super) struct ConfigChange(pub(super) EnvChange);

impl HandleCall<ConfigChange> for Master {
    type Reply = Result<(), ExitReason>;

    fn handle_call(
        &mut self,
        ConfigChange(change): ConfigChange,
        _: &Caller<Self::Reply>,
    ) -> CallResult<Master, ConfigChange> {
        let callback = self.callback.hooks.as_mut();
        reply(callback.map_or(Ok(()), |it| process::catch(|| it.config_change(&change))))
    }
}
