//! The texts of reports.

use super::*;

#[track_caller]
fn check(report: Report, level: Level, target: &str, text: &str) {
    assert_eq!((report.level(), report.target()), (level, target));
    assert_eq!(report.to_string(), text);
}

#[test]
fn a_supervisor_report_says_what_has_happened_to_whom() {
    let report = |supervisor| {
        Report::Supervisor(SupervisorReport {
            supervisor,
            supervisor_type: Some("shop::Tree"),
            parent: Some(Destination::from("top")),
            context: Context::ChildTerminated,
            reason: ExitReason::Killed,
            shown_reason: "killed".to_owned(),
            child: Child { pid: None, id: "printer".to_owned() },
        })
    };
    let (level, target) = (Level::Error, "procession::supervisor");
    let event = "context: child terminated\n    reason: killed\n    child: printer";
    let named = format!("supervisor report of super\n    {event}");
    check(report(Destination::from("super")), level, target, &named);
    let unnamed = format!(
        "supervisor report of <0.3.1>\n    type: shop::Tree\n    started by: top\n    {event}"
    );
    let pid = Pid::local(3, std::num::NonZeroU64::MIN);
    check(report(Destination::from(pid)), level, target, &unnamed);
}

#[test]
fn a_progress_report_says_who_was_started() {
    let pid = Pid::local(3, std::num::NonZeroU64::MIN);
    let report = ProgressReport {
        supervisor: Destination::from(pid),
        child: Child { pid: Some(pid), id: "printer".to_owned() },
    };
    check(
        Report::Progress(report),
        Level::Info,
        "procession::progress",
        "progress report of <0.3.1>\n    started: printer (<0.3.1>)",
    );
}
