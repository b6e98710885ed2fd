//! What is served, and how requests are refused that nothing is served for.

use std::collections::BTreeSet;
use std::io::Write;
use std::time::Duration;

use procession::observer::web::Web;
use procession::prelude::*;

use crate::Observer;
use crate::client::read_answer;

/// Everything that a file of the page names of others: in attributes, and in imports of scripts.
fn named_in(text: &str) -> BTreeSet<String> {
    let after = |mark: &str| -> Vec<String> {
        let parts = text.split(mark).skip(1);
        parts.map(|part| part.split('"').next().unwrap().to_owned()).collect()
    };
    let marks = ["href=\"", "src=\"", " from \"", "EventSource(\"", "fetch(\""];
    let names = marks.into_iter().flat_map(after);
    names.map(|name| name.replace("./", "/")).filter(|name| !name.starts_with('#')).collect()
}

#[test]
fn the_page_has_all_that_it_needs_and_asks_nobody_else() {
    let observer = Observer::start(Web::new());
    let (mut open, mut seen) = (vec!["/".to_owned()], BTreeSet::new());
    while let Some(path) = open.pop() {
        if !seen.insert(path.clone()) || path == "/updates" {
            continue;
        }
        let answer = observer.get(&path);
        answer.assert_status(200);
        open.extend(named_in(&answer.body));
        for elsewhere in ["http://", "https://", "url(", "@import"] {
            let found = answer.body.replace("http://www.w3.org/2000/svg", "").contains(elsewhere);
            assert!(!found, "{path} has {elsewhere}");
        }
        let [html, script] = [answer.body.contains("<script>"), answer.body.contains("innerHTML")];
        assert!(!html && !script, "{path}");
    }
    assert!(seen.len() > 10 && seen.contains("/trees.js"), "{seen:?}");
}

#[test]
fn every_answer_says_what_a_browser_may_not_do_with_it() {
    let observer = Observer::start(Web::new());
    for target in ["/", "/page.js", "/snapshot.json", "/metrics", "/nothing", "/process.json"] {
        let answer = observer.get(target);
        let policy = answer.header("Content-Security-Policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'"), "{policy}");
        assert!(!policy.contains("unsafe") && policy.contains("frame-ancestors 'none'"));
        for (name, value) in [
            ("X-Content-Type-Options", "nosniff"),
            ("Cache-Control", "no-store"),
            ("X-Frame-Options", "DENY"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
            ("Referrer-Policy", "no-referrer"),
            ("Connection", "close"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{target}");
        }
        assert_eq!(answer.header("Content-Length"), Some(&*answer.body.len().to_string()));
        assert_eq!(answer.header("Access-Control-Allow-Origin"), None);
    }
}

#[test]
fn a_snapshot_is_served_as_json_and_its_figures_for_prometheus() {
    let observer = Observer::start(Web::new());
    process::register("observer_web::me", process::self_pid()).unwrap();
    let snapshot = observer.get("/snapshot.json").json();
    let processes = snapshot["processes"].as_array().unwrap();
    let me = processes.iter().find(|it| it["name"] == "observer_web::me").unwrap();
    assert_eq!(me["pid"], process::self_pid().to_string());
    let of_web = observer.web.pid().to_string();
    let web = processes.iter().find(|it| it["pid"] == *of_web).unwrap();
    assert_eq!((&web["behaviour"], &me["behaviour"]), (&true.into(), &false.into()));

    let metrics = observer.get("/metrics");
    metrics.assert_status(200);
    let kind = metrics.header("Content-Type").unwrap();
    assert_eq!(kind, "text/plain; version=0.0.4; charset=utf-8");
    let line = "\nprocession_process_queue_messages{name=\"observer_web::me\"} ";
    assert!(metrics.body.contains(line), "{}", metrics.body);
}

#[test]
fn paths_are_compared_as_they_are() {
    let observer = Observer::start(Web::new());
    let paths = [
        "/index.html",
        "/page",
        "/page.css/",
        "//",
        "//page.css",
        "/./page.css",
        "/../page.css",
        "/%70age.css",
        "/page.css%00",
        "/PAGE.CSS",
        "/page/page.css",
        "/../../etc/passwd",
        "/?/..",
    ];
    for path in paths {
        let expected = if path.starts_with("/?") { 200 } else { 404 };
        observer.get(path).assert_status(expected);
    }
    observer.get("/page.css?whatever").assert_status(200);
}

#[test]
fn each_path_has_one_method() {
    let observer = Observer::start(Web::new().control(true));
    for (line, allowed) in [
        ("POST /", "GET"),
        ("HEAD /page.css", "GET"),
        ("DELETE /snapshot.json", "GET"),
        ("OPTIONS /updates", "GET"),
        ("GET /kill?pid=0.1.1", "POST"),
        ("PUT /suspend", "POST"),
    ] {
        let answer = observer.request(line, "");
        answer.assert_status(405);
        assert_eq!(answer.header("Allow"), Some(allowed), "{line}");
        assert_eq!(answer.body, format!("it is asked for with {allowed}\n"), "{line}");
    }
    observer.request("POST /nothing", "").assert_status(404);
}

#[test]
fn what_is_no_request_is_refused() {
    let observer = Observer::start(Web::new());
    for bytes in [
        "\r\n\r\n\r\nGET\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/2.0\r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "\u{16}\u{3}\u{1} a greeting of TLS\n\n",
        "GET http://localhost/ HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
    ] {
        observer.send(bytes.as_bytes()).assert_status(400);
    }
    let host = format!("Host: localhost:{}\r\n", observer.port());
    let long = format!("GET / HTTP/1.1\r\n{host}Cookie: {}\r\n\r\n", "a".repeat(20_000));
    observer.send(long.as_bytes()).assert_status(431);
    let endless = format!("GET /{}", "a".repeat(100_000));
    observer.send(endless.as_bytes()).assert_status(431);
    let many = format!("GET / HTTP/1.1\r\n{host}{}\r\n", "A: b\r\n".repeat(70));
    observer.send(many.as_bytes()).assert_status(431);
    observer.request("POST /kill", "Content-Length: 3\r\n").assert_status(413);
    observer.request("GET /", "Transfer-Encoding: chunked\r\n").assert_status(413);
}

#[test]
fn half_a_request_times_out() {
    let timeout = Duration::from_millis(50);
    let observer = Observer::start(Web::new().request_timeout(timeout));
    for half in ["", "GET / HT", "GET / HTTP/1.1\r\nHost: localhost\r\n"] {
        let mut stream = observer.connect();
        stream.write_all(half.as_bytes()).unwrap();
        read_answer(stream).assert_status(408);
    }
    observer.get("/").assert_status(200);
}

#[test]
fn a_client_may_take_for_ever_if_there_is_no_limit() {
    let web = Web::new().request_timeout(Duration::MAX).interval(Duration::MAX);
    let observer = Observer::start(web.status_timeout(Duration::MAX));
    observer.get("/").assert_status(200);
    observer.get("/snapshot.json").assert_status(200);
    observer.events("/updates").update();
}

#[test]
fn the_name_of_a_node_is_escaped_as_any_parameter_is() {
    let observer = Observer::start(Web::new());
    observer.get("/snapshot.json?node=nobody%40localhost").assert_status(404);
    for node in ["%", "nobody%4", "%zz", "%ff"] {
        let answer = observer.get(&format!("/snapshot.json?node={node}"));
        answer.assert_status(400);
        assert_eq!(answer.body, "a parameter is escaped wrongly\n", "{node}");
    }
}
