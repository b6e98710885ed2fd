//! The page in a real browser.

use std::time::{Duration, Instant};

use procession::observer::web::Web;
use procession::prelude::*;
use serde_json::Value;

use crate::Observer;
use crate::details::{SECRET, Vault, bare};
use crate::support::processes::{idle, reason};
use crate::support::wait::{exit_and_wait, wait_until};
use crate::webdriver::Browser;

/// How many processes there are beside those of the tree.
const CROWD: usize = 300;

/// The node of the child that crashes.
const NODE: &str = "document.querySelector('.node[data-id=vault]')";

/// A tree that the page shows.
fn tree() -> SupervisorRef {
    let pair = Supervisor::one_for_all()
        .child(Vault::child_spec(()).id("left"))
        .child(Vault::child_spec(()).id("right"));
    Supervisor::one_for_one()
        .intensity(100, Duration::from_secs(3_600))
        .child(Vault::child_spec(()).id("vault"))
        .child(pair.child_spec("pair"))
        .start_link_with(StartOptions::new().name("observer_web::shop"))
        .unwrap()
}

fn vault_of(top: SupervisorRef) -> Pid {
    let children = top.which_children().unwrap();
    children.iter().find(|it| it.id == "vault").unwrap().state.pid().unwrap()
}

/// Has the vault crash, and returns how long it took until the page has shown that.
fn crash(browser: &Browser, top: SupervisorRef, times: u32) -> Duration {
    let pid = vault_of(top);
    browser.wait_for(&format!("{NODE}?.dataset.pid === '{pid}'"));
    let start = Instant::now();
    exit_and_wait(pid, reason());
    let badge = format!("{NODE}?.querySelector('.badge text')?.textContent === '↻ {times}'");
    browser.wait_for(&format!("{badge} && {NODE}.dataset.pid !== '{pid}'"));
    start.elapsed()
}

fn sees_the_tree_and_a_crash(browser: &Browser, top: SupervisorRef) {
    browser.click("nav a[data-view=trees]");
    browser.wait_for(NODE);
    for id in ["pair", "left", "right"] {
        browser.wait_for(&format!("document.querySelector('.node[data-id={id}]')"));
    }
    // On a machine that is busy with other tests one of them may take longer.
    let mut times = 0;
    let quick = (0..5).find_map(|_| {
        times += 1;
        Some(crash(browser, top, times)).filter(|took| *took < Duration::from_secs(1))
    });
    println!("a crash and its restart were seen after {quick:?}");
    assert!(quick.is_some());
    browser.keep_picture("observer-trees.png");
}

fn sorts_and_filters(browser: &Browser, top: SupervisorRef) {
    browser.click("nav a[data-view=processes]");
    let rows = "[...document.querySelectorAll('.table .row')]";
    let count = browser.wait_for("document.querySelector('.count').textContent");
    let count: usize = count.as_str().unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(count > CROWD, "{count}");
    // Of all these only those are in the page that can be seen.
    let shown = browser.run(&format!("return {rows}.length")).as_u64().unwrap();
    assert!((5..100).contains(&shown), "{shown}");

    let sort = "document.querySelector('[data-column=pid]').getAttribute('aria-sort')";
    let pids = format!("{rows}.map((row) => Number(row.dataset.pid.split('.')[1]))");
    let is_sorted =
        |order: &str| format!("{pids}.every((it, n, all) => n === 0 || all[n - 1] {order} it)");
    browser.click("[data-column=pid] button");
    browser.wait_for(&format!("{sort} === 'ascending' && {}", is_sorted("<=")));
    browser.click("[data-column=pid] button");
    browser.wait_for(&format!("{sort} === 'descending' && {}", is_sorted(">=")));

    browser.write("input[name=filter]", "vault");
    let pid = vault_of(top);
    browser.wait_for(&format!("{rows}.some((row) => row.dataset.pid === '{pid}')"));
    browser.wait_for(&format!("{rows}.length <= 3 + 5")); // Those of other tests come and go.
    browser.keep_picture("observer-processes.png");
}

fn looks_at_a_process(browser: &Browser, top: SupervisorRef) {
    let pid = vault_of(top);
    browser.click(&format!(".row[data-pid='{pid}']"));
    let state = browser.wait_for("document.querySelector('aside pre.state')?.textContent");
    assert_eq!(state, "a secret of 11 letters");
    browser.wait_for(&format!("document.querySelector('aside dl a[data-pid=\"{}\"]')", top.pid()));

    browser.click("aside .trace button");
    browser.wait_for("document.querySelector('aside .events') !== null");
    wait_until(|| !ServerRef::<Vault>::from_pid(pid).sys().get_status().unwrap().debug.is_empty());
    process::send(pid, SECRET);
    browser.wait_for(
        "document.querySelector('aside .events').textContent.includes('new state a secret')",
    );
    browser.keep_picture("observer-process.png");
    assert_eq!(browser.run(&format!("return document.body.innerText.includes('{SECRET}')")), false);

    // Its links lead to other processes, and the trace ends with the view.
    browser.click(&format!("aside dl a[data-pid='{}']", top.pid()));
    browser.wait_for(&format!("location.hash.endsWith('/{}')", bare(top.pid())));
    browser.wait_for("document.querySelector('aside h2').textContent === 'observer_web::shop'");
    wait_until(|| ServerRef::<Vault>::from_pid(pid).sys().get_status().unwrap().debug.is_empty());
}

fn kills_after_it_was_asked(browser: &Browser, top: SupervisorRef) {
    let pid = vault_of(top);
    browser.run(&format!("location.hash = 'trees/{}'", bare(pid)));
    browser.wait_for(&format!("document.querySelector('aside code')?.textContent === '{pid}'"));
    browser.click("aside .actions .danger");
    browser.wait_for("document.querySelector('#confirm').open");
    browser.click("#confirm [value=no]");
    browser.wait_for("!document.querySelector('#confirm').open");
    assert!(process::is_alive(pid));
    let monitor = process::monitor(pid);
    browser.click("aside .actions .danger");
    browser.click("#confirm [value=yes]");
    assert_eq!(crate::support::wait::down_reason(monitor), ExitReason::Killed);
    browser.wait_for("document.querySelector('aside h2 .ended')");
}

/// Whatever stands behind the address of the page, it shows something.
fn shows_the_overview_at_a_bad_address(browser: &Browser) {
    for hash in ["%", "%E4/0.1%2E2", "__proto__", "constructor/x", "nothing/&anyway=1", "/"] {
        browser.run("location.hash = 'data'");
        browser.wait_for("document.querySelector('#overview').hidden");
        browser.run(&format!("location.hash = '{hash}'"));
        browser.wait_for("!document.querySelector('#overview').hidden");
        browser.wait_for("document.querySelector('aside').hidden");
    }
    browser.run("location.hash = 'processes/0.1.2&anyway=1'");
    browser.wait_for("!document.querySelector('#processes').hidden");
    browser.wait_for("document.querySelector('aside').hidden");
}

/// Ends the observer while its page is open.
fn says_that_it_reaches_nobody(browser: &Browser, observer: &Observer, top: SupervisorRef) {
    browser.run(&format!("location.hash = 'overview/{}'", bare(vault_of(top))));
    browser.wait_for("document.querySelector('aside pre.state')");
    observer.tests.terminate_child("observer").unwrap();
    browser.wait_for("document.querySelector('#connection.lost')");
    let said = |place: &str| {
        let text = format!("document.querySelector('aside {place} .problem')?.textContent");
        browser.wait_for(&format!("{text} === 'the observer cannot be reached'"));
    };
    browser.click("aside .status .actions button");
    said(".status");
    browser.click("aside .actions .danger");
    browser.click("#confirm [value=yes]");
    said("div.top ~ div");
    let of_network = |it: &Value| it["message"].as_str().unwrap().contains("net::ERR_");
    let logged = browser.logged();
    assert!(logged.iter().all(of_network), "{logged:?}");
}

#[test]
fn a_program_is_looked_at_in_a_browser() {
    let Some(browser) = Browser::start() else { return };
    let web = Web::new().interval(Duration::from_millis(100)).control(true);
    let observer = Observer::start(web);
    let top = tree();
    let crowd: Vec<Pid> = (0..CROWD).map(|_| idle()).collect();
    browser.open(&format!("http://localhost:{}/", observer.port()));
    browser.wait_for("document.querySelector('#connection.live')");
    browser.wait_for("document.querySelectorAll('#overview .plot .curve').length >= 2");

    sees_the_tree_and_a_crash(&browser, top);
    sorts_and_filters(&browser, top);
    looks_at_a_process(&browser, top);
    kills_after_it_was_asked(&browser, top);
    browser.click("nav a[data-view=data]");
    browser.wait_for("document.querySelector('#data .card table')");
    browser.keep_picture("observer-data.png");
    browser.prefer("dark");
    browser.click("nav a[data-view=overview]");
    browser.wait_for("document.querySelector('#overview .number')?.clientHeight");
    let path = browser.keep_picture("observer-dark.png");
    println!("pictures: {}", path.parent().unwrap().display());

    shows_the_overview_at_a_bad_address(&browser);
    let logged = browser.logged();
    assert!(logged.is_empty(), "{logged:?}");
    says_that_it_reaches_nobody(&browser, &observer, top);
    top.stop().unwrap();
    for pid in crowd {
        process::exit(pid, ExitReason::Kill);
    }
}
