//! What is found by comparing snapshots.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use procession::observer::{self, Detector, Finding, FindingKind, Options, Watch, WatchOptions};
use procession::prelude::*;
use procession::process::{Builder, WaitsFor};
use procession::report::{self, Report};
use procession::timer;

use crate::support::processes::{Begun, FOREVER, begun, busy, idle, idle_body};
use crate::support::wait::{down_reason, exit_and_wait, expect, wait_until};
use crate::{Gate, snapshot_when, turn};

/// Long enough for a process to be seen in it, and short enough for a test.
const SHORT: Duration = Duration::from_millis(20);

/// What the detector finds of this process in a snapshot of now.
fn look(detector: &mut Detector, pid: Pid) -> Vec<Finding> {
    let findings = detector.look(&observer::snapshot());
    findings.into_iter().filter(|it| it.pid == pid).collect()
}

/// Has the detector look until it finds something of this process.
#[track_caller]
fn find(detector: Detector, pid: Pid, options: Options) -> Finding {
    let detector = std::cell::RefCell::new(detector);
    let found = std::cell::RefCell::new(None);
    wait_until(|| {
        let findings = detector.borrow_mut().look(&observer::snapshot_with(options));
        *found.borrow_mut() = findings.into_iter().find(|it| it.pid == pid);
        found.borrow().is_some()
    });
    found.into_inner().unwrap()
}

/// A detector that needs no time.
fn hasty() -> Detector {
    Detector::new().queue_window(Duration::ZERO).queue_len(3).stuck_for(Duration::ZERO)
}

#[test]
fn a_queue_that_grows_is_found_once() {
    let _turn = turn();
    let slow = idle();
    process::register("observer::slow", slow).unwrap();
    let mut detector = hasty().stuck_for(FOREVER);
    let settled = |length| {
        wait_until(|| {
            let info = process::info(slow).unwrap();
            info.waits_for == Some(WaitsFor::Message) && info.message_queue_len == length
        });
    };
    for length in 0..3 {
        assert_eq!(look(&mut detector, slow), [], "{length}");
        process::send(slow, ());
        settled(length + 1);
    }
    let found = look(&mut detector, slow);
    let [Finding { kind: FindingKind::QueueGrows { from: 2, to: 3, .. }, .. }] = &*found else {
        panic!("{found:?}")
    };
    let text = found[0].to_string();
    assert!(text.starts_with(&format!("observer::slow ({slow}) has 3 messages ")), "{text}");
    process::send(slow, ());
    settled(4);
    assert_eq!(look(&mut detector, slow), [], "it is known");
    // It stays, and then grows again.
    assert_eq!(look(&mut detector, slow), []);
    process::send(slow, ());
    settled(5);
    assert_eq!(look(&mut detector, slow).len(), 1);
    exit_and_wait(slow, ExitReason::Kill);
}

/// Looks once a second, with a window of three, at a process whose queue is so long each time.
/// Returns at which look something is found.
fn found_at(lengths: &[usize]) -> Vec<usize> {
    let pid = process::self_pid();
    let mut snapshot = observer::snapshot();
    let mut detector = Detector::new().queue_window(Duration::from_secs(3)).queue_len(100);
    let mut look = |(second, length): (usize, &usize)| {
        let mine = snapshot.processes.iter_mut().find(|it| it.info.pid == pid).unwrap();
        mine.info.age = Duration::from_secs(second as u64);
        mine.info.message_queue_len = *length;
        let found = detector.look(&snapshot);
        found.iter().any(|it| it.pid == pid).then_some(second)
    };
    lengths.iter().enumerate().filter_map(&mut look).collect()
}

#[test]
fn a_queue_grows_that_is_longer_after_the_window_and_was_never_shorter() {
    let _turn = turn();
    assert_eq!(found_at(&[100, 110, 110, 130, 140, 150]), [3]);
    // It stays long, and grows once more.
    assert_eq!(found_at(&[100, 110, 120, 130, 130, 130, 130, 130, 140]), [3, 8]);
    assert_eq!(found_at(&[0, 1, 50, 99, 100]), [4]);
    // Near misses: some of it is taken, it is long but stays so, it is short, it gets shorter.
    assert_eq!(found_at(&[100, 200, 300, 299, 400, 500, 499]), []);
    assert_eq!(found_at(&[500; 8]), []);
    assert_eq!(found_at(&[1, 2, 3, 4, 50, 60, 99]), []);
    assert_eq!(found_at(&[400, 300, 200, 150, 100, 0]), []);
}

#[test]
fn a_process_that_computes_without_a_receive_point_is_found() {
    let _turn = turn();
    let is_over = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&is_over);
    let (pid, monitor) = begun(Builder::new(), move || {
        process::set_label("searches for primes");
        while !told.load(Ordering::Relaxed) {
            std::hint::spin_loop();
        }
    });
    let detector = Detector::new().stuck_for(Duration::from_millis(100));
    let found = find(detector, pid, Options::new());
    let FindingKind::NoReceivePoint { within, computes: None, thread_id } = found.kind else {
        panic!("{found:?}")
    };
    assert!(within >= Duration::from_millis(100));
    assert_eq!(thread_id, process::info(pid).unwrap().thread_id);
    let text = found.to_string();
    assert!(text.starts_with(&format!("({pid}, searches for primes) has not come to a")), "{text}");
    is_over.store(true, Ordering::Relaxed);
    assert_eq!(down_reason(monitor), ExitReason::Normal);
}

#[cfg(all(feature = "io", target_os = "linux"))]
#[test]
fn a_process_that_waits_where_the_runtime_does_not_see_it_has_hardly_computed() {
    let _turn = turn();
    let gate = Gate::default();
    let held = gate.clone();
    let (pid, monitor) = begun(Builder::new(), move || held.pass());
    let detector = Detector::new().stuck_for(Duration::from_millis(100));
    let found = find(detector, pid, Options::new().cpu_times(true));
    assert!(
        matches!(found.kind, FindingKind::NoReceivePoint { computes: Some(false), .. }),
        "{found:?}"
    );
    gate.open();
    assert_eq!(down_reason(monitor), ExitReason::Normal);
}

/// A process that does `step` again and again, and counts that.
fn stepping(step: impl Fn() + Send + 'static) -> (Pid, Arc<AtomicU64>) {
    let steps = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&steps);
    let (pid, _) = begun(Builder::new(), move || {
        loop {
            step();
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    (pid, steps)
}

#[test]
fn a_process_that_is_busy_but_comes_to_receive_points_is_not_found() {
    let _turn = turn();
    let (server, _) = crate::start_slow(crate::Step::Nowhere);
    let stepping = [
        stepping(|| _ = process::receive_timeout(Duration::ZERO)),
        stepping(move || server.call(crate::Ask).unwrap()),
    ];
    let gate = Gate::default();
    // A thread of the program's own that does nothing for the runtime.
    let held = gate.clone();
    let (tell, told) = std::sync::mpsc::channel();
    let foreign = thread::spawn(move || {
        tell.send(process::self_pid()).unwrap();
        held.pass();
    });
    let pids = [stepping[0].0, stepping[1].0, server.pid(), told.recv().unwrap()];
    let mut detector = Detector::new().stuck_for(SHORT);
    let start = std::time::Instant::now();
    let mut looks = 0;
    while start.elapsed() < 5 * SHORT || looks < 5 {
        let found = detector.look(&observer::snapshot());
        assert!(found.iter().all(|it| !pids.contains(&it.pid)), "{found:?}");
        looks += 1;
        // On a busy machine they may have got no time since.
        for (_, steps) in &stepping {
            let before = steps.load(Ordering::SeqCst);
            wait_until(|| steps.load(Ordering::SeqCst) > before);
        }
    }
    gate.open();
    foreign.join().unwrap();
    stepping.iter().for_each(|(pid, _)| _ = exit_and_wait(*pid, ExitReason::Kill));
    server.stop().unwrap();
}

/// A server that can be made to ask another one.
#[derive(Debug)]
struct Peer;

#[derive(Debug)]
struct Ping;

/// Has it ask another one when all are about to: a server that waits for nothing would answer.
#[derive(Debug)]
struct Request {
    how: fn(ServerRef<Peer>),
    other: ServerRef<Peer>,
    begun: Pid,
    gate: Gate,
}

/// Defers its reply, and then asks the other one itself.
#[derive(Debug)]
struct DeferAndCall(ServerRef<Peer>, Pid);

/// Goes to the process that is to reply.
#[derive(Debug)]
struct Deferred(ReplyTo<()>);

impl GenServer for Peer {
    type Args = ();

    fn init((): ()) -> InitResult<Peer> {
        ready(Peer)
    }
}

impl HandleCall<Ping> for Peer {
    type Reply = ();

    fn handle_call(&mut self, Ping: Ping, _: &Caller<()>) -> CallResult<Peer, Ping> {
        reply(())
    }
}

impl HandleCall<DeferAndCall> for Peer {
    type Reply = ();

    fn handle_call(
        &mut self,
        DeferAndCall(other, replies): DeferAndCall,
        caller: &Caller<()>,
    ) -> CallResult<Peer, DeferAndCall> {
        process::send(replies, Deferred(caller.defer()));
        other.call_timeout(Ping, FOREVER)?;
        noreply()
    }
}

impl HandleCast<Request> for Peer {
    fn handle_cast(&mut self, Request { how, other, begun, gate }: Request) -> CastResult<Peer> {
        process::send(begun, Begun);
        gate.pass();
        how(other);
        noreply()
    }
}

#[test]
fn processes_that_wait_for_each_other_by_requests_made_by_hand_are_found() {
    let _turn = turn();
    let [a, b, c] = [(); 3].map(|()| Peer::start(()).unwrap());
    let by_hand = |it: ServerRef<Peer>| _ = it.send_request(Ping).receive_response(FOREVER);
    let by_call = |it: ServerRef<Peer>| _ = it.call_timeout(Ping, FOREVER);
    let (begun, gate) = (process::self_pid(), Gate::default());
    let hows: [fn(ServerRef<Peer>); 3] = [by_hand, by_call, by_hand];
    for ((server, other), how) in [(a, b), (b, c), (c, a)].into_iter().zip(hows) {
        server.cast(Request { how, other, begun, gate: gate.clone() });
        expect::<Begun>();
    }
    gate.open();
    for (server, other) in [(a, b), (b, c), (c, a)] {
        snapshot_when(server.pid(), &WaitsFor::Reply { of: other.pid() });
    }
    let mut detector = hasty();
    let mut circles = || {
        let mut found = detector.look(&observer::snapshot());
        found.retain(|it| matches!(it.kind, FindingKind::WaitCycle { .. }));
        found
    };
    assert_eq!(circles(), [], "they could be just about to go on");
    process::send(a.pid(), "noise");
    let found = circles();
    let [Finding { pid, kind: FindingKind::WaitCycle { processes }, .. }] = &*found else {
        panic!("{found:?}")
    };
    assert_eq!(*pid, processes[0]);
    let mut turned = processes.clone();
    turned.rotate_left(processes.iter().position(|it| *it == a.pid()).unwrap());
    assert_eq!(turned, [a.pid(), b.pid(), c.pid()]);
    let text = found[0].to_string();
    assert!(text.contains(&format!("circle: {}, {}, ", processes[0], processes[1])), "{text}");
    assert_eq!(circles(), []);
    for server in [a, b, c] {
        exit_and_wait(server.pid(), ExitReason::Kill);
    }
}

#[test]
fn who_waits_for_a_deferred_reply_is_in_no_circle_with_its_server() {
    let _turn = turn();
    let [a, b] = [(); 2].map(|()| Peer::start(()).unwrap());
    let me = process::self_pid();
    // `a` calls `b`, which has this process reply, and calls `a` meanwhile.
    let (client, monitor) = process::spawn_monitor(move || {
        a.call_timeout(AskFor(b, me), FOREVER).unwrap();
    })
    .unwrap();
    let Deferred(reply_to) = expect();
    let snapshot = snapshot_when(b.pid(), &WaitsFor::Reply { of: a.pid() });
    let waits = &snapshot.process(a.pid()).unwrap().info;
    assert_eq!(waits.waits_for, Some(WaitsFor::Reply { of: b.pid() }));
    assert!(waits.reply_deferred && !snapshot.process(b.pid()).unwrap().info.reply_deferred);
    let mut detector = hasty();
    for _ in 0..4 {
        let findings = detector.look(&observer::snapshot());
        assert!(findings.iter().all(|it| ![a.pid(), b.pid(), client].contains(&it.pid)));
    }
    reply_to.reply(());
    assert_eq!(down_reason(monitor), ExitReason::Normal);
    [a, b].iter().for_each(|server| server.stop().unwrap());
}

/// Has a server call another one with [`DeferAndCall`].
#[derive(Debug)]
struct AskFor(ServerRef<Peer>, Pid);

impl HandleCall<AskFor> for Peer {
    type Reply = ();

    fn handle_call(
        &mut self,
        AskFor(other, replies): AskFor,
        _: &Caller<()>,
    ) -> CallResult<Peer, AskFor> {
        let this = ServerRef::from_pid(process::self_pid());
        other.call_timeout(DeferAndCall(this, replies), FOREVER)?;
        reply(())
    }
}

#[test]
fn a_supervisor_is_found_before_it_gives_up() {
    let _turn = turn();
    let child = ChildSpec::new("child", || Ok(process::spawn_link(idle_body).unwrap()));
    let top = Supervisor::one_for_one().intensity(4, FOREVER).child(child).start_link().unwrap();
    let mut detector = Detector::new();
    for restarts in 1..=3 {
        assert_eq!(look(&mut detector, top.pid()), [], "{restarts}");
        let child = || top.which_children().unwrap()[0].clone();
        exit_and_wait(child().state.pid().unwrap(), ExitReason::Kill);
        wait_until(|| child().restarts == restarts && child().state.pid().is_some());
    }
    let found = look(&mut detector, top.pid());
    let kind = FindingKind::RestartLimit { recent_restarts: 3, max_restarts: 4, period: FOREVER };
    assert_eq!(found[0].kind, kind);
    assert_eq!(look(&mut detector, top.pid()), []);
    top.stop().unwrap();
}

#[test]
fn a_thread_that_is_left_behind_is_found_and_one_that_ends_in_its_grace_is_not() {
    let _turn = turn();
    let mut detector = hasty();
    let ends = idle();
    exit_and_wait(ends, ExitReason::Kill);
    assert_eq!(look(&mut detector, ends), []);

    let busy = busy(Builder::new().kill_grace(Duration::ZERO), || {});
    let pid = busy.pid;
    assert_eq!(look(&mut detector, pid), []);
    process::exit(pid, ExitReason::Kill);
    wait_until(|| !observer::snapshot().abandoned.is_empty());
    let found = look(&mut detector, pid);
    assert!(matches!(found[0].kind, FindingKind::AbandonedThread { .. }), "{found:?}");
    assert_eq!(look(&mut detector, pid), []);
}

#[test]
fn a_watch_reports_each_finding_once() {
    let _turn = turn();
    let me = process::self_pid();
    let handler = report::add_handler(move |report| {
        if let Report::Finding(finding) = report {
            process::send(me, finding.clone());
        }
    });
    let watch = WatchOptions::new().interval(Duration::from_millis(1));
    let top = Supervisor::one_for_one().child(Watch::child_spec(watch)).start_link().unwrap();
    let watch = top.which_children().unwrap()[0].state.pid().unwrap();
    let busy = busy(Builder::new().kill_grace(Duration::ZERO), || {});
    process::exit(busy.pid, ExitReason::Kill);
    let finding: Finding = expect();
    assert_eq!(finding.pid, busy.pid);
    assert!(matches!(finding.kind, FindingKind::AbandonedThread { .. }));
    let looks = || process::info(watch).unwrap().messages_received;
    let before = looks();
    wait_until(|| looks() > before + 5);
    let again = process::receive_match_timeout(Duration::ZERO, |it| it.is::<Finding>());
    assert!(again.is_none(), "{again:?}");
    top.stop().unwrap();
    report::remove_handler(handler);
    down_reason(busy.monitor);
}

#[test]
fn a_watch_waits_for_its_timer_between_two_looks() {
    let _turn = turn();
    let timers = observer::snapshot().system.timers;
    let watch = Watch::start(WatchOptions::new().interval(FOREVER)).unwrap();
    let snapshot = snapshot_when(watch.pid(), &WaitsFor::Message);
    wait_until(|| observer::snapshot().system.timers == timers + 1);
    // Other timers come meanwhile.
    timer::send_after(SHORT, process::self_pid(), "later");
    assert_eq!(expect::<&str>(), "later");
    let snapshot_later = snapshot_when(watch.pid(), &WaitsFor::Message);
    let handled = |it: &observer::Snapshot| it.process(watch.pid()).unwrap().info.messages_received;
    assert!(handled(&snapshot) <= 1 && handled(&snapshot_later) == 1);
    watch.stop().unwrap();
}
