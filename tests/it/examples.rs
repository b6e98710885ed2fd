//! The examples do what they say: all they print, their exit code, and when they end.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};

pub(crate) use crate::support::example::start;
use crate::support::program::{Ended, Program, fits};
use crate::support::wait::test_timeout;

/// Runs an example to its end.
#[track_caller]
pub(crate) fn run(name: &str, arguments: &[&str]) -> Ended {
    start(name, arguments).finish()
}

/// The last number before the end of `line`, or before the words that follow it.
fn last_number(line: &str) -> u64 {
    let is_digit = |c: char| c.is_ascii_digit();
    let number = line.rsplit(|c| !is_digit(c)).find(|part| !part.is_empty());
    number.expect("there is a number").parse().unwrap()
}

mod output_check {
    use super::fits;

    #[test]
    fn takes_any_number_for_a_mark_and_nothing_else() {
        assert!(fits("1 tick after 100 ms", "1 tick after # ms"));
        assert!(fits("at 3:14", "at #:#"));
        assert!(!fits("1 tick after 100 s", "1 tick after # ms"));
        assert!(!fits("2 ticks", "1 tick"));
        assert!(!fits("after  ms", "after # ms"));
        assert!(!fits("after 5 ms, really", "after # ms"));
    }
}

mod handmade_calculator {
    use super::*;

    #[test]
    fn calculates_shows_who_queues_crashes_and_is_started_again() {
        run("handmade_calculator", &[]).assert_printed_and_logged(
            "(10 - 4) * 14 / 2 = 42\n\
             two up, one down: 43\n\
             the core alone: 11\n\
             dividing by zero\n\
             the calculator: Divide(0): nothing can be divided by zero\n\
             who waits for the result is told: nothing can be divided by zero\n\
             it still calculates: 44\n\
             casts: while the first of a thousand was done, 1000 messages waited\n\
             calls: their client has ended: normal\n\
             calls: while one of a thousand was done, 0 messages waited\n\
             sending it words\n\
             the calculator panicked: what is \"one and one\"?, \
             at examples/handmade_calculator/server.rs:#:#\n\
             asked once more: no such process\n\
             a new calculator: 1\n",
            "[#-#-#T#:#:#Z ERROR procession::crash] crash report of process <#.#.#>\n\
             \u{20}       reason: panicked: what is \"one and one\"?, \
             at examples/handmade_calculator/server.rs:#:#\n\
             \u{20}       ancestors: [<#.#.#>]\n\
             \u{20}       message queue length: 0\n\
             \u{20}       links: []\n\
             \u{20}       trap_exit: false\n",
        );
    }
}

mod calculator {
    use super::*;

    #[test]
    fn calculates_shows_who_queues_and_is_not_disturbed_by_words() {
        let ended = run("calculator", &[]);

        let expected = "(10 - 4) * 14 / 2 = 42\n\
                        two up, one down: 43\n\
                        the core alone: 11\n\
                        dividing by zero\n\
                        the calculator: Divide(0): nothing can be divided by zero\n\
                        who waits for the result is told: nothing can be divided by zero\n\
                        it still calculates: 44\n\
                        casts: while the first of a thousand was done, 1000 messages waited\n\
                        calls: their client has ended: normal\n\
                        calls: while one of a thousand was done, 0 messages waited\n\
                        sending it words\n\
                        it still calculates: 45\n\
                        stopped, and asked once more: there is no process <#.#.#> \
                        (call of GetState)\n";
        assert_eq!(ended.code, Some(0));
        assert!(fits(&ended.output, expected), "it printed\n{}", ended.output);
        let warning = ended.errors.strip_suffix("\"one and one\"\n").expect("one warning");
        assert!(warning.contains("WARN  procession::gen_server]"), "{warning}");
    }
}

mod channels {
    use super::*;

    #[test]
    fn are_allocated_until_none_is_left_freed_and_allocated_again() {
        run("channels", &[]).assert_printed(
            "allocated channel 1\n\
             allocated channel 2\n\
             allocated channel 3\n\
             none is left\n\
             freeing channel 2, twice\n\
             allocated: Some(2)\n\
             allocated: None\n\
             stopping\n\
             not allocated: no process is registered as \"ch3\" (call of Alloc)\n",
        );
    }
}

mod word_count_agent {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::Path;

    use super::*;

    const COUNTED: [&str; 4] = ["LICENSE-APACHE", "LICENSE-MIT", "README.md", "ARCHITECTURE.md"];

    /// How often each word is in the files that the example counts.
    fn count() -> BTreeMap<String, u32> {
        let mut counts = BTreeMap::new();
        let mut word = String::new();
        for file in COUNTED {
            let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file));
            for c in text.unwrap().to_lowercase().chars().chain(Some(' ')) {
                if c.is_alphabetic() {
                    word.push(c);
                } else if !word.is_empty() {
                    *counts.entry(std::mem::take(&mut word)).or_default() += 1;
                }
            }
        }
        counts
    }

    #[test]
    fn counts_what_is_there_goes_on_without_a_file_and_starts_anew_after_a_crash() {
        let counts = count();
        let mut most: Vec<(&String, &u32)> = counts.iter().collect();
        most.sort_by_key(|(_, count)| std::cmp::Reverse(**count)); // It keeps their other order.
        let most: String =
            most.iter().take(5).map(|(word, count)| format!("{count:>6} {word}\n")).collect();
        let all: u32 = counts.values().sum();

        run("word_count_agent", &[]).assert_printed_and_logged(
            &format!(
                "LICENSE-APACHE is counted\n\
                 LICENSE-MIT is counted\n\
                 README.md is counted\n\
                 NOTICE is not counted: No such file or directory (os error 2)\n\
                 ARCHITECTURE.md is counted\n\
                 {all} words, {} different ones\n\
                 {most}\
                 taking \"the\" out: Some({})\n\
                 taking \"the\" out: None\n\
                 adding what is no word\n\
                 nothing added: \"totals\" ended before it answered (call of update): panicked: \
                 a word has letters, at examples/word_count_agent.rs:#:#\n\
                 a new agent, with 0 words\n",
                counts.len(),
                counts["the"],
            ),
            "[#-#-#T#:#:#Z ERROR procession::gen_server] server totals (<#.#.#>) is terminating\n\
             \u{20}       last message: update(word_count_agent::totals::add::{{closure}})\n\
             \u{20}       state: Opaque<std::collections::hash::map::HashMap<\
             alloc::string::String, usize>>\n\
             \u{20}       reason: panicked: a word has letters, at \
             examples/word_count_agent.rs:#:#\n\
             \u{20}       client: <#.#.#>\n\
             [#-#-#T#:#:#Z ERROR procession::crash] crash report of process <#.#.#>\n\
             \u{20}       initial call: word_count_agent::totals::child_spec::{{closure}}\n\
             \u{20}       registered name: totals\n\
             \u{20}       reason: panicked: a word has letters, at \
             examples/word_count_agent.rs:#:#\n\
             \u{20}       ancestors: [<#.#.#>, <#.#.#>]\n\
             \u{20}       message queue length: 0\n\
             \u{20}       links: [<#.#.#>]\n\
             \u{20}       trap_exit: false\n\
             [#-#-#T#:#:#Z ERROR procession::supervisor] supervisor report of <#.#.#>\n\
             \u{20}       type: procession::supervisor::Supervisor\n\
             \u{20}       started by: <#.#.#>\n\
             \u{20}       context: child terminated\n\
             \u{20}       reason: panicked: a word has letters, at \
             examples/word_count_agent.rs:#:#\n\
             \u{20}       child: totals (<#.#.#>)\n",
        );
    }
}

mod account {
    use super::*;

    #[test]
    fn answers_what_it_does_not_know_ends_by_a_call_and_reports_its_crash() {
        run("account", &[]).assert_printed_and_logged(
            "amount: 100\n\
             deposited, amount: 120\n\
             no interest: an account does not know Interest\n\
             still there, amount: 120\n\
             the account is closed with 120 in it: shutdown\n\
             paid out: 120\n\
             the account has ended: shutdown\n\
             no amount: no process is registered as \"account\" (call of Request)\n\
             the account is closed with 50 in it: panicked: nobody overdraws, at \
             examples/account.rs:#:#\n\
             nothing withdrawn: \"account\" ended before it answered (call of Request): panicked: \
             nobody overdraws, at examples/account.rs:#:#\n",
            "[#-#-#T#:#:#Z ERROR procession::gen_server] server account (<#.#.#>) is terminating\n\
             \u{20}       last message: Withdraw(80)\n\
             \u{20}       state: Account { amount: 50 }\n\
             \u{20}       reason: panicked: nobody overdraws, at examples/account.rs:#:#\n\
             \u{20}       client: <#.#.#>\n\
             [#-#-#T#:#:#Z ERROR procession::crash] crash report of process <#.#.#>\n\
             \u{20}       initial call: account::Account\n\
             \u{20}       registered name: account\n\
             \u{20}       reason: panicked: nobody overdraws, at examples/account.rs:#:#\n\
             \u{20}       ancestors: [<#.#.#>]\n\
             \u{20}       message queue length: 0\n\
             \u{20}       links: []\n\
             \u{20}       trap_exit: false\n",
        );
    }
}

mod egg_timer {
    use super::*;

    #[test]
    fn rings_tells_its_status_and_cancels_what_is_pending_whoever_ends_it() {
        run("egg_timer", &[]).assert_printed_and_logged(
            "goose egg: 0 h 12 min # s left\n\
             ostrich egg: 1 h 29 min # s left\n\
             cancelling the goose egg, twice\n\
             cancelled in time: true\n\
             cancelled in time: false\n\
             the quail egg is done\n\
             the hen's egg was waited for\n\
             duck egg: 0 h 7 min # s left\n\
             ostrich egg: 1 h 29 min # s left\n\
             stopping\n\
             the egg timer ends: normal\n\
             cancelled, as the egg timer ends: duck egg\n\
             cancelled, as the egg timer ends: ostrich egg\n\
             no status: no process is registered as \"egg_timer\" (call of Status)\n\
             another one, whose supervisor stops it\n\
             the egg timer ends: shutdown\n\
             cancelled, as the egg timer ends: goose egg\n\
             another one, which is stopped with a wrong reason\n\
             the egg timer ends: we broke something\n\
             cancelled, as the egg timer ends: ostrich egg\n",
            "[#-#-#T#:#:#Z ERROR procession::gen_server] \
             server egg_timer (<#.#.#>) is terminating\n\
             \u{20}       state: {\"ostrich egg\": 5400s}\n\
             \u{20}       reason: we broke something\n\
             [#-#-#T#:#:#Z ERROR procession::crash] crash report of process <#.#.#>\n\
             \u{20}       initial call: egg_timer::server::EggTimer\n\
             \u{20}       registered name: egg_timer\n\
             \u{20}       reason: we broke something\n\
             \u{20}       ancestors: [<#.#.#>]\n\
             \u{20}       message queue length: 0\n\
             \u{20}       links: [<#.#.#>]\n\
             \u{20}       trap_exit: true\n",
        );
    }
}

mod parallel_map {
    use super::*;

    #[test]
    fn counts_files_in_order_beside_one_that_fails_and_gives_up_one_without_an_end() {
        run("parallel_map", &[]).assert_printed_and_logged(
            "Cargo.toml: # lines, # words\n\
             LICENSE-MIT: # lines, # words\n\
             no/such/file: No such file or directory (os error #)\n\
             README.md: # lines, # words\n\
             src/lib.rs: # lines, # words\n\
             /dev/zero: timed out waiting for the answer of <#.#.#> (call of Task<Counts>)\n\
             primes below 60000: 6057, by one thread in # ms\n\
             primes below 60000: 6057, by tasks in # ms\n",
            "[#-#-#T#:#:#Z ERROR procession::crash] crash report of process <#.#.#>\n\
             \u{20}       initial call: parallel_map::count_files::{{closure}}\n\
             \u{20}       reason: No such file or directory (os error #)\n\
             \u{20}       ancestors: [<#.#.#>]\n\
             \u{20}       message queue length: 0\n\
             \u{20}       links: [<#.#.#>]\n\
             \u{20}       dictionary:\n\
             \u{20}           $callers: [<#.#.#>]\n\
             \u{20}       trap_exit: false\n",
        );
    }
}

mod stack {
    use super::*;

    #[test]
    fn is_pushed_on_and_popped_from_until_it_is_empty() {
        run("stack", &[]).assert_printed(
            "stack: [\"three\", \"two\", \"one\"]\n\
             popped \"three\", left: [\"two\", \"one\"]\n\
             popped \"two\", left: [\"one\"]\n\
             popped \"one\", left: []\n",
        );
    }
}

mod counter {
    use super::*;

    #[test]
    fn counts_what_was_cast_before_a_call() {
        run("counter", &[]).assert_printed(
            "at first: 0\n\
             incremented: 1\n\
             incremented a thousand times: 1001\n",
        );
    }
}

mod clock {
    use super::*;

    #[test]
    fn prints_the_time_of_day_five_times() {
        run("clock", &["20"]).assert_printed(
            "a clock that ticks every 20ms\n\
             #:#:#.#\n\
             #:#:#.#\n\
             #:#:#.#\n\
             #:#:#.#\n\
             #:#:#.#\n\
             the clock has ended: normal\n",
        );
    }

    #[test]
    fn refuses_a_period_that_is_none() {
        let expected =
            "Error: \"\\\"0\\\" milliseconds: number would be zero for non-zero type\"\n";
        run("clock", &["0"]).assert_failed(1, expected);
    }
}

mod compare {
    use super::*;

    /// What is printed of calls, or of casts, with a space between two columns.
    fn table(what: &str) -> String {
        const COLUMNS: &str = "each p50 p99 max";
        let row = |name: &str| format!("{name} # # # # # # # #\n");
        let head = format!("\na {what}, ns # caller # callers\n{COLUMNS} {COLUMNS}\n");
        [
            head,
            row("procession"),
            row("crossbeam, a channel per call"),
            row("crossbeam, a kept channel"),
            row("crossbeam, kept, with a spin"),
        ]
        .concat()
    }

    #[test]
    fn prints_what_calls_and_casts_cost() {
        let Ended { code, output, errors } = run("compare", &["1"]);
        assert_eq!((code, &*errors), (Some(0), ""));
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ") + "\n";
        let machine = "a yield takes # ns\na parked thread runs # to # ns after it was woken\n";
        let expected = [machine, &table("call"), &table("cast")].concat();
        let printed: String = output.lines().map(words).collect();
        assert!(fits(&printed, &expected), "it printed\n{output}");
    }

    #[test]
    fn refuses_an_argument_that_is_no_number() {
        let expected = "Error: \"\\\"long\\\" milliseconds: invalid digit found in string\"\n";
        run("compare", &["long"]).assert_failed(1, expected);
    }
}

mod ring {
    use super::*;

    #[test]
    fn passes_a_token_around() {
        run("ring", &["100", "20"]).assert_printed(
            "100 processes in a ring, spawned in # ms\n\
             20 laps: 2000 messages in # ms\n\
             # messages per second\n\
             the ring has ended\n",
        );
    }

    #[test]
    fn refuses_an_argument_that_is_no_number() {
        let expected = "Error: \"argument 2 is many: invalid digit found in string\"\n";
        run("ring", &["100", "many"]).assert_failed(1, expected);
    }
}

#[test]
fn logger_events_goes_on_when_a_handler_crashes_and_swaps_one_that_keeps_what_it_has() {
    run("logger_events", &[]).assert_printed_and_logged(
        "handlers: [logger_events::Last, logger_events::Counts, logger_events::Console, \
         logger_events::Pager]\n\
         \u{20}   [Info] the door is open\n\
         \u{20}   [Error] no paper\n\
         \u{20}   the pager shows: no paper\n\
         errors: 1\n\
         \u{20}   [Error] the printer is on fire\n\
         logger_events::Pager panicked: a pager has 16 characters, \
         at examples/logger_events.rs:#:#\n\
         \u{20}   [Info] the fire is out\n\
         handlers: [logger_events::Last, logger_events::Counts, logger_events::Console]\n\
         the handler logger_events::Pager is not installed\n\
         the last three: [\"no paper\", \"the printer is on fire\", \"the fire is out\"]\n\
         \u{20}   [Info] the door is shut\n\
         \u{20}   [Info] good night\n\
         the last five: [\"no paper\", \"the printer is on fire\", \"the fire is out\", \
         \"the door is shut\", \"good night\"]\n\
         records: 6\n",
        "[#-#-#T#:#:#Z ERROR procession::gen_event] handler logger_events::Pager has failed\n\
         \u{20}       manager: log (<#.#.#>)\n\
         \u{20}       last event: Record { level: Error, text: \"the printer is on fire\" }\n\
         \u{20}       state: Pager { shown: 1 }\n\
         \u{20}       reason: panicked: a pager has 16 characters, \
         at examples/logger_events.rs:#:#\n",
    );
}

#[cfg(all(feature = "io", target_os = "linux"))]
#[test]
fn shared_connection_serves_many_and_is_made_again_when_it_has_ended() {
    run("shared_connection", &[]).assert_printed_and_logged(
        "hello: HELLO\n\
         100 processes have asked at once, and have their answers\n\
         quit: QUIT\n\
         the client ends: the service has closed the connection\n\
         hello again: HELLO AGAIN\n",
        "[#-#-#T#:#:#Z ERROR procession::gen_server] \
         server shared_connection::client (<#.#.#>) is terminating\n\
         \u{20}       last message: Closed { socket: OwnedSocket(<#.#.#>) }\n\
         \u{20}       state: Client { socket: OwnedSocket(<#.#.#>), waiting: [] }\n\
         \u{20}       reason: the service has closed the connection\n\
         [#-#-#T#:#:#Z ERROR procession::crash] crash report of process <#.#.#>\n\
         \u{20}       initial call: shared_connection::Client\n\
         \u{20}       registered name: shared_connection::client\n\
         \u{20}       reason: the service has closed the connection\n\
         \u{20}       ancestors: [<#.#.#>, <#.#.#>]\n\
         \u{20}       message queue length: 0\n\
         \u{20}       links: [<#.#.#>]\n\
         \u{20}       trap_exit: false\n\
         [#-#-#T#:#:#Z ERROR procession::supervisor] supervisor report of <#.#.#>\n\
         \u{20}       type: procession::supervisor::Supervisor\n\
         \u{20}       started by: <#.#.#>\n\
         \u{20}       context: child terminated\n\
         \u{20}       reason: the service has closed the connection\n\
         \u{20}       child: shared_connection::client (<#.#.#>)\n",
    );
}

mod tcp_counter {
    use super::*;

    /// What is said of the process of a connection that was told to crash.
    const CRASH_REPORT: &str = "[ERROR procession::crash] crash report of process <#.#.#>\n\
        \u{20}   initial call: tcp_counter::talk\n\
        \u{20}   reason: panicked: the client has asked for it, \
        at examples/tcp_counter.rs:#:#\n\
        \u{20}   ancestors: [<#.#.#>, listener, <#.#.#>, <#.#.#>]\n\
        \u{20}   message queue length: 0\n\
        \u{20}   links: [<#.#.#>]\n\
        \u{20}   trap_exit: false\n\
        [ERROR procession::supervisor] supervisor report of <#.#.#>\n\
        \u{20}   type: procession::dynamic_supervisor::DynamicSupervisor\n\
        \u{20}   started by: listener\n\
        \u{20}   context: child terminated\n\
        \u{20}   reason: panicked: the client has asked for it, \
        at examples/tcp_counter.rs:#:#\n\
        \u{20}   child: connection (<#.#.#>)\n";

    /// A connection to the example.
    struct Client(BufReader<TcpStream>);

    impl Client {
        fn connect(port: u16) -> Client {
            let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
            stream.set_read_timeout(Some(test_timeout())).unwrap();
            Client(BufReader::new(stream))
        }

        fn ask(&mut self, request: &str) -> String {
            self.0.get_mut().write_all(format!("{request}\n").as_bytes()).unwrap();
            self.line()
        }

        /// The next line without its end; empty at the end of the stream.
        fn line(&mut self) -> String {
            let mut line = String::new();
            self.0.read_line(&mut line).unwrap();
            line.trim_end().to_owned()
        }
    }

    /// Starts the example on a free port.
    fn start() -> (Program, u16) {
        let example = super::start("tcp_counter", &["--port", "0"]);
        let line = example.line();
        assert!(fits(&line, "listening on 127.0.0.1:#\n"), "{line}");
        let port = last_number(&line).try_into().unwrap();
        let hint = format!("add numbers with `nc 127.0.0.1 {port}`, or send it \"crash\"\n");
        assert_eq!(example.line(), hint);
        assert_eq!(example.line(), "press Ctrl-D here to end\n");
        (example, port)
    }

    #[test]
    fn serves_clients_of_its_own_without_arguments_and_one_crashes_its_connection() {
        run("tcp_counter", &[]).assert_printed_and_logged(
            "listening on 127.0.0.1:#\n\
             one client sends 40, and is told 40\n\
             another sends 2, and is told 42\n\
             it sends \"crash\", and its process panics\n\
             the first sends 0, and is told 42\n\
             300 clients, served 100 at a time, send the numbers from 1 to 100\n\
             all have their answers, after # ms\n\
             numbers added: 30003, total: 1515042\n\
             talk to it yourself: cargo run --example tcp_counter -- --port 4000\n",
            CRASH_REPORT,
        );
    }

    #[test]
    fn goes_on_when_a_connection_crashes() {
        let (mut example, port) = start();
        let mut one = Client::connect(port);
        let mut other = Client::connect(port);

        assert_eq!(one.ask("40"), "40");
        assert_eq!(other.ask("crash"), "", "its connection has ended");
        assert_eq!(one.ask("2"), "42");
        // The supervisor hears of it later than the client: not while it shuts down, though.
        example.wait_until_logged("child: connection");

        let expected = "numbers added: 2, total: 42\n";
        example.finish().assert_printed_and_logged(expected, CRASH_REPORT);
    }

    #[test]
    fn adds_the_numbers_of_all_clients_until_its_input_ends() {
        let (example, port) = start();
        let mut one = Client::connect(port);
        let mut other = Client::connect(port);

        assert_eq!(one.ask("40"), "40");
        assert_eq!(other.ask(" 5 "), "45");
        assert_eq!(one.ask("-3"), "42");

        example.finish().assert_printed("numbers added: 3, total: 42\n");
        // It has ended though they were connected, and they have noticed.
        assert_eq!(one.line(), "");
        assert_eq!(other.line(), "");
    }

    #[test]
    fn answers_a_bad_line_and_goes_on() {
        let (example, port) = start();
        let mut client = Client::connect(port);

        assert_eq!(client.ask("ten"), "\"ten\" is not a number: invalid digit found in string");
        assert_eq!(client.ask(""), "\"\" is not a number: cannot parse integer from empty string");
        assert_eq!(client.ask("7"), "7");

        example.finish().assert_printed("numbers added: 1, total: 7\n");
    }

    #[test]
    fn closes_the_connection_of_a_client_that_sends_no_more() {
        let (example, port) = start();
        let mut client = Client::connect(port);

        client.0.get_mut().write_all(b"1\n2").unwrap();
        client.0.get_mut().shutdown(Shutdown::Write).unwrap();
        assert_eq!([client.line(), client.line(), client.line()], ["1", "3", ""]);

        example.finish().assert_printed("numbers added: 2, total: 3\n");
    }

    #[test]
    fn serves_nobody_when_its_input_has_ended_before() {
        run("tcp_counter", &["--port", "0"]).assert_printed(
            "listening on 127.0.0.1:#\n\
             add numbers with `nc 127.0.0.1 #`, or send it \"crash\"\n\
             press Ctrl-D here to end\n\
             numbers added: 0, total: 0\n",
        );
    }

    #[test]
    fn refuses_a_port_that_is_none() {
        let expected =
            "tcp_counter: \"70000\" is not a port: number too large to fit in target type\n";
        run("tcp_counter", &["--port", "70000"]).assert_failed(2, expected);
    }

    #[test]
    fn refuses_arguments_it_does_not_know() {
        let expected = "tcp_counter: usage: tcp_counter [--port PORT]\n";
        run("tcp_counter", &["--port"]).assert_failed(2, expected);
        run("tcp_counter", &["please"]).assert_failed(2, expected);
    }

    #[test]
    fn names_the_port_when_it_is_taken() {
        let holder = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = holder.local_addr().unwrap();

        let ended = run("tcp_counter", &["--port", &address.port().to_string()]);

        assert_eq!((ended.code, ended.output.as_str()), (Some(1), ""));
        let expected = format!(
            "tcp_counter: the server failed to initialize: child \"listener\" failed to start: \
             cannot listen on {address}: "
        );
        assert!(ended.errors.contains(&expected), "{}", ended.errors);
    }
}
