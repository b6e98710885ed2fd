//! The figures of a snapshot as Prometheus reads them: by a strict reader of its format here, and
//! by its own `promtool`, if that is installed.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Command, Stdio};

use procession::application::{self, Application};
use procession::observer::{self, Options, Snapshot};
use procession::pg::Scope;
use procession::prelude::*;
use procession::process::{Builder, Overflow, WaitsFor};
use procession::registry::Registry;
use procession::supervisor;
use procession::table::{Table, TableOptions};
use procession::timer;

use crate::support::processes::{FOREVER, begun, idle_body};
use crate::support::wait::{down_reason, exit_and_wait, wait_until};
use crate::{Gate, Slow, Step, snapshot_when, turn};

/// The name of a series with its labels, as they are before they are escaped.
type Key = (String, BTreeMap<String, String>);

/// What is in a text: each series with its value, and the type of each family.
#[derive(Debug)]
struct Exposed {
    series: BTreeMap<Key, f64>,
    families: BTreeMap<String, String>,
}

impl Exposed {
    /// Reads a text by the rules of the format, version 0.0.4. A family has a HELP, a TYPE and then
    /// all its series, of which no two are the same.
    #[track_caller]
    fn read(text: &str) -> Exposed {
        assert!(text.ends_with('\n'));
        let mut exposed = Exposed { series: BTreeMap::new(), families: BTreeMap::new() };
        let (mut helped, mut family) = (String::new(), String::new());
        for line in text.split_terminator('\n') {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, text) = help.split_once(' ').unwrap();
                assert!(!text.is_empty(), "{line}");
                helped = name.to_owned();
            } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').unwrap();
                assert_eq!(name, helped);
                assert!(["counter", "gauge"].contains(&kind), "{line}");
                assert_eq!(name.ends_with("_total"), kind == "counter", "{line}");
                assert_eq!(exposed.families.insert(name.to_owned(), kind.to_owned()), None);
                family = name.to_owned();
            } else {
                let (key, value) = series(line);
                assert_eq!(key.0, family, "{line}");
                assert_eq!(exposed.series.insert(key, value), None, "{line}");
            }
        }
        exposed
    }

    fn of(snapshot: &Snapshot) -> Exposed {
        Exposed::read(&snapshot.metrics().to_string())
    }

    fn find(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let labels = labels.iter().map(|(name, value)| (String::from(*name), (*value).into()));
        self.series.get(&(name.to_owned(), labels.collect())).copied()
    }

    #[track_caller]
    fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.find(name, labels).unwrap_or_else(|| panic!("{name} {labels:?} in {self:#?}"))
    }

    fn of_family<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a Key, f64)> {
        let series = self.series.iter().map(|(key, value)| (key, *value));
        series.filter(move |(key, _)| key.0 == name)
    }
}

/// Reads the line of a series.
#[track_caller]
fn series(line: &str) -> (Key, f64) {
    let is_of_name = |c: char| c == '_' || c.is_ascii_lowercase();
    let end = line.find(|c| !is_of_name(c)).unwrap();
    let (name, mut rest) = line.split_at(end);
    assert!(name.starts_with("procession_"), "{line}");
    let mut labels = BTreeMap::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        while let Some((label, value)) = rest.split_once("=\"") {
            assert!(!label.is_empty() && label.chars().all(is_of_name), "{line}");
            let (value, after) = quoted(value);
            assert_eq!(labels.insert(label.to_owned(), value), None, "{line}");
            rest = after.strip_prefix(',').unwrap_or(after);
            if after.starts_with('}') {
                break;
            }
        }
        rest = rest.strip_prefix('}').expect(line);
    }
    let value = rest.strip_prefix(' ').and_then(|it| it.parse().ok()).expect(line);
    ((name.to_owned(), labels), value)
}

/// Reads the value of a label up to its quote, and returns what is after that.
fn quoted(text: &str) -> (String, &str) {
    let (mut value, mut chars) = (String::new(), text.chars());
    loop {
        match chars.next().expect("it has a quote at its end") {
            '"' => return (value, chars.as_str()),
            '\\' => value.push(match chars.next() {
                Some('n') => '\n',
                Some(c @ ('"' | '\\')) => c,
                other => panic!("{other:?} is escaped"),
            }),
            c => value.push(c),
        }
    }
}

/// Has `promtool` read the text, which also says what is not as it should be.
#[track_caller]
fn check_with_promtool(text: &str) {
    let mut command = Command::new("promtool");
    command.args(["check", "metrics"]).stdin(Stdio::piped());
    let Ok(mut promtool) = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn() else {
        println!("skipped: there is no promtool");
        return;
    };
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}\n{text}", String::from_utf8_lossy(&said));
}

fn child(id: &str) -> ChildSpec<ServerRef<Slow>> {
    Slow::child_spec((Step::Nowhere, Gate::default())).id(id)
}

/// The names in the table of the documentation.
fn documented() -> BTreeSet<String> {
    let source = include_str!("../../src/observer/metrics.rs");
    let rows = source.lines().filter_map(|line| line.strip_prefix("/// | `procession_"));
    rows.map(|row| format!("procession_{}", row.split('`').next().unwrap())).collect()
}

#[test]
fn processes_have_figures_by_their_names_and_all_together() {
    let _turn = turn();
    let full = Builder::new().mailbox_capacity(2, Overflow::DropNewest);
    let (full, _) = begun(full, || {
        process::register("metrics::full", process::self_pid()).unwrap();
        process::receive_match(|message| message.is::<&str>());
        process::receive_match(|message| message.is::<&str>());
    });
    wait_until(|| process::whereis("metrics::full") == Some(full));
    process::send(full, "one");
    wait_until(|| process::info(full).unwrap().messages_received == 1);
    (0..5).for_each(|n| process::send(full, n));
    let (long, _) = begun(Builder::new(), || {
        process::set_label("a \"long\" queue");
        process::receive_match(|_| false);
    });
    (0..7).for_each(|n| process::send(long, n));
    let (hibernating, _) = begun(Builder::new(), process::hibernate);
    let timer = timer::send_after(FOREVER, full, ());
    snapshot_when(hibernating, &WaitsFor::Hibernation);
    snapshot_when(long, &WaitsFor::Message);
    snapshot_when(full, &WaitsFor::Message);

    let snapshot = observer::snapshot_with(Options::new().cpu_times(true).stacks(true));
    let text = snapshot.metrics().to_string();
    check_with_promtool(&text);
    let exposed = Exposed::read(&text);
    let named = |name| exposed.value(name, &[("name", "metrics::full")]);
    assert_eq!(named("procession_process_queue_messages"), 2.0);
    assert_eq!(named("procession_process_mailbox_capacity_messages"), 2.0);
    assert_eq!(named("procession_process_messages_received_total"), 1.0);
    assert_eq!(named("procession_process_messages_dropped_total"), 3.0);
    assert_eq!(named("procession_process_messages_refused_total"), 0.0);
    let age = snapshot.process(full).unwrap().info.age.as_secs_f64();
    assert_eq!(named("procession_process_age_seconds"), age);
    if let Some(time) = snapshot.process(full).unwrap().cpu_time {
        assert_eq!(named("procession_process_cpu_seconds_total"), time.as_secs_f64());
        assert!(named("procession_process_stack_bytes") > 4096.0);
    }
    let labels = &[("pid", &*long.to_string()), ("process", "a \"long\" queue")];
    assert_eq!(exposed.value("procession_longest_queue_messages", labels), 7.0);
    assert_eq!(exposed.value("procession_queue_messages", &[]), 9.0);
    assert_eq!(exposed.value("procession_queue_messages_max", &[]), 7.0);
    assert_eq!(exposed.value("procession_timers", &[]), snapshot.system.timers as f64);
    let alive: f64 = exposed.of_family("procession_processes").map(|(_, value)| value).sum();
    assert_eq!(alive, snapshot.processes.len() as f64);
    assert_eq!(exposed.value("procession_processes", &[("status", "hibernating")]), 1.0);
    assert_eq!(exposed.value("procession_processes_waiting", &[("for", "hibernation")]), 1.0);
    assert!(exposed.value("procession_processes_waiting", &[("for", "message")]) >= 2.0);
    timer::cancel(timer);
    for pid in [full, long, hibernating] {
        exit_and_wait(pid, ExitReason::Kill);
    }
}

#[test]
fn supervisors_applications_and_data_have_figures_by_their_names() {
    let _turn = turn();
    let tree = || {
        let crowd = DynamicSupervisor::new().child_spec("crowd");
        Supervisor::one_for_one().intensity(5, FOREVER).child(child("a")).child(crowd)
    };
    application::load(Application::new("shop").start(move || tree().start_link())).unwrap();
    application::ensure_started("shop").unwrap();
    let options = StartOptions::new().name("metrics::top");
    let top = Supervisor::one_for_one().child(child("b")).start_link_with(options).unwrap();
    let b = top.which_children().unwrap()[0].state.pid().unwrap();
    exit_and_wait(b, ExitReason::Kill);
    wait_until(|| supervisor::tree(top).unwrap().children[0].restarts == 1);
    let table = Table::<u8, u64>::new_with(TableOptions::new().name("metrics::rows")).unwrap();
    let nameless = [(); 2].map(|()| Table::<u8, ()>::new().unwrap());
    (0..4).for_each(|n| table.insert(n, 0).unwrap());
    nameless.iter().for_each(|table| table.insert(1, ()).unwrap());
    let users = Registry::<u32>::unique("metrics::users").start_link().unwrap();
    (0..3).for_each(|user| users.register(user, ()).unwrap());
    let scope = Scope::<&str>::start_link("metrics::scope").unwrap();
    scope.join("rooms", process::self_pid()).unwrap();
    // So that there is a queue.
    process::send(process::self_pid(), ());

    let snapshot = observer::snapshot_with(Options::new().cpu_times(true).stacks(true));
    let text = snapshot.metrics().to_string();
    check_with_promtool(&text);
    let exposed = Exposed::read(&text);
    let restarts = |application, supervisor| {
        let labels = [("application", application), ("supervisor", supervisor)];
        let name = "procession_supervisor_";
        ["children", "restarts_total", "recent_restarts", "max_restarts"]
            .map(|what| exposed.value(&format!("{name}{what}"), &labels))
    };
    assert_eq!(restarts("", "metrics::top"), [1.0, 1.0, 1.0, 1.0]);
    assert_eq!(restarts("shop", "shop"), [2.0, 0.0, 0.0, 5.0]);
    assert_eq!(restarts("shop", "shop/crowd"), [0.0, 0.0, 0.0, 3.0]);
    // The master, the top and two children.
    let of_shop = [("application", "shop")];
    assert_eq!(exposed.value("procession_application_processes", &of_shop), 4.0);
    let supervisors = snapshot.supervisors.len() as f64;
    assert_eq!(exposed.value("procession_supervisors", &[]), supervisors);

    let rows = |name| exposed.value("procession_table_rows", &[("table", name)]);
    assert_eq!((rows("metrics::rows"), rows("")), (4.0, 2.0));
    let memory = table.info().unwrap().memory as f64;
    let of_table = [("table", "metrics::rows")];
    assert_eq!(exposed.value("procession_table_memory_bytes", &of_table), memory);
    assert_eq!(exposed.value("procession_tables", &[]), 3.0);
    let of_users = [("registry", "metrics::users")];
    assert_eq!(exposed.value("procession_registry_keys", &of_users), 3.0);
    assert_eq!(exposed.value("procession_registry_processes", &of_users), 1.0);
    let of_scope = [("scope", "metrics::scope")];
    assert_eq!(exposed.value("procession_scope_groups", &of_scope), 1.0);
    assert_eq!(exposed.value("procession_scope_members", &of_scope), 1.0);

    // Nearly all that there is.
    let mut names: BTreeSet<String> = exposed.families.into_keys().collect();
    assert!(names.is_subset(&documented()), "{names:?}");
    names.insert("procession_process_mailbox_capacity_messages".into());
    let of_nodes = documented().into_iter().filter(|name| name.starts_with("procession_node_"));
    names.extend(of_nodes);
    if cfg!(all(feature = "io", target_os = "linux")) {
        assert_eq!(names, documented());
    }

    for pid in [snapshot.registries[0].pid, snapshot.scopes[0].pid] {
        let monitor = process::monitor(pid);
        process::unlink(pid);
        process::exit(pid, ExitReason::Shutdown);
        down_reason(monitor);
    }
    process::receive();
    table.delete_table().unwrap();
    nameless.into_iter().for_each(|table| table.delete_table().unwrap());
    top.stop().unwrap();
    application::stop("shop").unwrap();
    application::unload("shop").unwrap();
}

#[test]
fn hostile_names_are_labels_as_they_are() {
    let _turn = turn();
    let names = [
        "metrics::\"quoted\"",
        "metrics::two\nlines",
        "metrics::ends with \\",
        "metrics::\\n is no line",
        "metrics::\"} 1\nprocession_timers 7\n# ",
        "metrics::größe 名\u{202e}\r\t",
        "metrics::\0",
    ];
    let processes = names.map(|name| {
        let pid = process::spawn(idle_body).unwrap();
        process::register(name, pid).unwrap();
        process::send(pid, 1);
        pid
    });
    let inner = DynamicSupervisor::new().child_spec("a \"child\"\n/\\");
    let top = Supervisor::one_for_one().child(inner).start_link().unwrap();

    let snapshot = observer::snapshot();
    let text = snapshot.metrics().to_string();
    check_with_promtool(&text);
    let exposed = Exposed::read(&text);
    for name in names {
        // Prometheus takes none.
        let name = &*name.replace('\0', "\u{fffd}");
        assert!(exposed.find("procession_process_age_seconds", &[("name", name)]).is_some());
    }
    assert_eq!(exposed.value("procession_timers", &[]), snapshot.system.timers as f64);
    let place = format!("{}/a \"child\"\n/\\", top.pid());
    let labels = [("application", ""), ("supervisor", &*place)];
    assert_eq!(exposed.value("procession_supervisor_children", &labels), 0.0);
    top.stop().unwrap();
    for pid in processes {
        exit_and_wait(pid, ExitReason::Kill);
    }
}

#[test]
fn the_number_of_series_has_a_limit_however_many_there_are() {
    let _turn = turn();
    let processes: Vec<Pid> = (0..230)
        .map(|n| {
            let (pid, _) = begun(Builder::new(), || _ = process::receive_match(|_| false));
            process::register(&format!("metrics::{n:03}"), pid).unwrap();
            process::send(pid, n);
            pid
        })
        .collect();
    let snapshot = observer::snapshot();
    let exposed = Exposed::of(&snapshot);
    let count = |exposed: &Exposed, name| exposed.of_family(name).count();
    assert_eq!(count(&exposed, "procession_longest_queue_messages"), 10);
    assert_eq!(count(&exposed, "procession_process_queue_messages"), 200);
    let queue = |name| exposed.find("procession_process_queue_messages", &[("name", name)]);
    assert_eq!((queue("metrics::100"), queue("metrics::229")), (Some(1.0), None));
    // Of the five families that each process with a name is in. Services have names, too.
    let left_out = 5 * (snapshot.names.len() - 200);
    assert_eq!(exposed.value("procession_left_out_series", &[]), left_out as f64);
    assert_eq!(exposed.value("procession_queue_messages", &[]), 230.0);

    let all = snapshot.metrics().series(usize::MAX).longest_queues(usize::MAX).to_string();
    let exposed = Exposed::read(&all);
    assert_eq!(count(&exposed, "procession_longest_queue_messages"), 230);
    assert_eq!(count(&exposed, "procession_process_queue_messages"), snapshot.names.len());
    assert_eq!(exposed.value("procession_left_out_series", &[]), 0.0);
    let none = Exposed::read(&snapshot.metrics().longest_queues(0).to_string());
    assert_eq!(count(&none, "procession_longest_queue_messages"), 0);
    for pid in processes {
        exit_and_wait(pid, ExitReason::Kill);
    }
}
