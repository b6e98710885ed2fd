//! The report of a state machine that ends abnormally.

use crate::exit::ExitReason;
use crate::gen_server::{describe_client, submit};
use crate::process;
use crate::process::Info;
use crate::report;
use crate::report::{Kind, ServerReport};
use crate::user_code::printed;

use super::serve::Machine;
use super::{GenStatem, StatusPart};

impl<S: GenStatem> Machine<S> {
    /// Reports the end of the machine, if its reason is not orderly.
    pub(super) fn report(&self, reason: &ExitReason) {
        if !reason.is_orderly() && report::is_wanted(Kind::Statem) {
            submit(|| self.describe(reason));
        }
    }

    fn describe(&self, reason: &ExitReason) -> ServerReport {
        let me = process::self_pid();
        let info = process::info(me);
        let print = |part| printed(&self.part(part));
        let (state, data) = (print(StatusPart::FinalState), print(StatusPart::FinalData));
        ServerReport {
            pid: me,
            name: info.as_ref().and_then(Info::any_name),
            label: info.and_then(|info| info.label),
            last_message: self.last_event(),
            state: format!("({state}, {data})"),
            machine: Some(self.status()),
            shown_reason: print(StatusPart::Reason(reason)),
            reason: reason.clone(),
            client: self.handled.client.map(describe_client),
            log: self.settings.debug.log(),
        }
    }

    /// Returns what is known of the event that the machine was handling.
    fn last_event(&self) -> Option<String> {
        let untold = |name| format!("a {name} (to see its value, give the program a logger)");
        self.handled.text.clone().or_else(|| self.handled.type_name.map(untold))
    }
}
