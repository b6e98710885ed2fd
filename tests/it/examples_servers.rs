//! The larger examples as programs: servers, supervisors and applications.

use crate::examples::{run, start};
use crate::support::program::Ended;

mod super_duper {
    use super::*;

    const SHOW: &str = r#"
Without a supervisor
grover enters
oscar enters
grover: This is near.
oscar: Who has left the lid off?
grover: This is far.
oscar: Scram!
grover: This is near.
a second oscar: already started as <#.#.#>
oscar: Mayday! (normal)
grover: Mayday! (PANIC)
grover: no process is registered as "grover" (call of Say)

OneForOne
ernie enters
bert enters
grover enters
children: [ernie; bert; grover]
bert: Ernie, where is the banana?
bert: Mayday! (PANIC)
bert enters
children: [ernie; bert; grover]
bert: Ernie, where is the banana?
the curtain falls
grover: Mayday! (shutdown)
bert: Mayday! (shutdown)
ernie: Mayday! (shutdown)

OneForAll
ernie enters
bert enters
grover enters
children: [ernie; bert; grover]
bert: Ernie, where is the banana?
bert: Mayday! (PANIC)
grover: Mayday! (shutdown)
ernie: Mayday! (shutdown)
ernie enters
bert enters
grover enters
children: [ernie; bert; grover]
bert: Ernie, where is the banana?
the curtain falls
grover: Mayday! (shutdown)
bert: Mayday! (shutdown)
ernie: Mayday! (shutdown)

RestForOne
ernie enters
bert enters
grover enters
children: [ernie; bert; grover]
bert: Ernie, where is the banana?
bert: Mayday! (PANIC)
grover: Mayday! (shutdown)
bert enters
grover enters
children: [ernie; bert; grover]
bert: Ernie, where is the banana?
the curtain falls
grover: Mayday! (shutdown)
bert: Mayday! (shutdown)
ernie: Mayday! (shutdown)

Transient and temporary
ernie enters
bert enters
ernie: Mayday! (PANIC)
ernie enters
children: [ernie; bert]
ernie: Mayday! (normal)
children: [ernie, off stage; bert]
bert: Mayday! (PANIC)
children: [ernie, off stage]

An application, by hand
the show begins
ernie enters
bert enters
starting it again: application super_duper is already started
children: [ernie; bert; parts; extras]
4 of 4 run, 2 are supervisors
bert: Mayday! (shutdown)
children: [ernie; bert, off stage; parts; extras]
starting bert: the child is there already, and does not run
bert enters
restarting bert: done
restarting bert: the child runs
starting bert: already started as <#.#.#>
deleting bert: the child runs
bert: Mayday! (shutdown)
terminating bert: done
deleting bert: done
deleting bert: no such child
restarting bert: no such child
children: [ernie; parts; extras]
bert enters
starting bert: done
children: [ernie; parts; extras; bert]
bert: Mayday! (shutdown)
ernie: Mayday! (shutdown)
the show: no process is registered as "show" (call of WhichChildren)
stopping it again: application super_duper is not started

Extras
the show begins
ernie enters
bert enters
cookie monster enters
oscar enters
2 extras
a second oscar: already started as <#.#.#>
cookie monster: Me want cookie!
oscar: Who has left the lid off?
oscar: Scram!
oscar: Mayday! (PANIC)
oscar enters
2 extras
oscar: Who has left the lid off?
cookie monster: Mayday! (shutdown)
cookie monster: no process is registered as "cookie monster" in registry parts (call of Say)
removing it again: no such child
the curtain falls
oscar: Mayday! (shutdown)
bert: Mayday! (shutdown)
ernie: Mayday! (shutdown)
"#;

    const PANIC: &str = "panicked: forgot the lines, at examples/super_duper/server.rs:#:#";

    /// What the log says of a death: by the server and of its process, ...
    const DEATH: &str = "[#-#-#T#:#:#Z ERROR procession::gen_server] \
                         server NAME (<#.#.#>) is terminating\n\
                         \u{20}       last message: Die\n\
                         \u{20}       state: Character { name: \"NAME\", \
                         quotes: Quotes { lines: LINES, next: # } }\n\
                         \u{20}       reason: PANIC\n\
                         [#-#-#T#:#:#Z ERROR procession::crash] crash report of process <#.#.#>\n\
                         \u{20}       initial call: super_duper::server::Character\n\
                         \u{20}       registered name: NAME\n\
                         \u{20}       reason: PANIC\n\
                         \u{20}       ancestors: [ANCESTORS]\n\
                         \u{20}       message queue length: #\n\
                         \u{20}       links: [<#.#.#>]\n\
                         \u{20}       trap_exit: true\n";

    /// ... and by its supervisor.
    const NOTICE: &str = "[#-#-#T#:#:#Z ERROR procession::supervisor] \
                          supervisor report of <#.#.#>\n\
                          \u{20}       type: procession::supervisor::Supervisor\n\
                          \u{20}       started by: <#.#.#>\n\
                          \u{20}       context: child terminated\n\
                          \u{20}       reason: PANIC\n\
                          \u{20}       child: NAME (<#.#.#>)\n";

    fn death(name: &str) -> String {
        let (ancestors, notice) = match name {
            "grover" => ("<#.#.#>", ""), // It has no supervisor.
            _ => ("<#.#.#>, <#.#.#>", NOTICE),
        };
        let lines = match name {
            "ernie" => r#"["I've got a question, Bert.", "Duckie, you're the one."]"#,
            "bert" => r#"["Ernie, where is the banana?", "Where was I?"]"#,
            _ => r#"["This is near.", "This is far."]"#,
        };
        format!("{DEATH}{notice}")
            .replace("PANIC", PANIC)
            .replace("NAME", name)
            .replace("LINES", lines)
            .replace("ANCESTORS", ancestors)
    }

    #[test]
    fn goes_on_after_each_death_as_the_supervisors_say() {
        let mut ended = run("super_duper", &[]);
        // The last who dies is an extra, which the runtime knows by its pid only.
        let extra = ended.errors.rfind("server ").and_then(|end| ended.errors[..end].rfind('['));
        let extra = ended.errors.split_off(extra.expect("it is in the log"));
        for report in ["last message: Die\n", "initial call: super", "supervisor report of extras"]
        {
            assert_eq!(extra.matches(report).count(), 1, "{report} {extra}");
        }
        let log: String = ["grover", "bert", "bert", "bert", "ernie", "bert"].map(death).concat();
        ended.assert_printed_and_logged(&SHOW.replace("PANIC", PANIC), &log);
    }
}

mod start_over {
    use super::*;

    #[test]
    fn starts_its_tree_once_more_when_it_has_given_up() {
        run("start_over", &[]).assert_printed(
            "start 1 of 3\n\
             \u{20} the ferry sets out\n\
             \u{20} the ferry sets out\n\
             \u{20} application crossing has ended: shutdown \
             (its supervisor has given up, or has shut down)\n\
             start 2 of 3\n\
             \u{20} the ferry sets out\n\
             \u{20} the ferry sets out\n\
             \u{20} the ferry has landed\n\
             the passengers go ashore\n",
        );
    }

    #[test]
    fn does_not_do_so_for_ever() {
        let ended = run("start_over", &["6"]);
        let errors = "start_over: application crossing has ended: shutdown \
                      (its supervisor has given up, or has shut down)\n";
        assert_eq!((ended.code, ended.errors.as_str()), (Some(1), errors));
        assert_eq!(ended.output.matches("the ferry sets out").count(), 6, "{}", ended.output);
        assert!(!ended.output.contains("ashore"), "{}", ended.output);
    }

    #[test]
    fn refuses_an_argument_that_is_no_number() {
        let expected = "start_over: \"much\" landings: invalid digit found in string\n";
        run("start_over", &["much"]).assert_failed(1, expected);
    }
}

mod egg_timer_supervised {
    use super::*;

    #[test]
    fn rings_the_alarms_that_were_set_before_it_broke() {
        run("egg_timer_supervised", &[]).assert_printed_and_logged(
            "an egg timer starts\n\
             breaking something\n\
             an egg timer starts\n\
             no answer from the last one: \"egg_timer\" ended before it answered \
             (call of Request): panicked: we broke something, \
             at examples/egg_timer_supervised.rs:#:#\n\
             the quail egg is done: not too early\n\
             the hen's egg is done: not too early\n\
             the goose egg is done: not too early\n",
            "[#-#-#T#:#:#Z ERROR procession::gen_server] \
             server egg_timer (<#.#.#>) is terminating\n\
             \u{20}       last message: BreakSomething\n\
             \u{20}       state: EggTimer { table: ServerRef(Local(\"table\")) }\n\
             \u{20}       reason: panicked: we broke something, \
             at examples/egg_timer_supervised.rs:#:#\n\
             \u{20}       client: <#.#.#>\n\
             [#-#-#T#:#:#Z ERROR procession::crash] crash report of process <#.#.#>\n\
             \u{20}       initial call: egg_timer_supervised::EggTimer\n\
             \u{20}       registered name: egg_timer\n\
             \u{20}       reason: panicked: we broke something, \
             at examples/egg_timer_supervised.rs:#:#\n\
             \u{20}       ancestors: [<#.#.#>, <#.#.#>]\n\
             \u{20}       message queue length: #\n\
             \u{20}       links: [<#.#.#>]\n\
             \u{20}       trap_exit: false\n\
             [#-#-#T#:#:#Z ERROR procession::supervisor] supervisor report of <#.#.#>\n\
             \u{20}       type: procession::supervisor::Supervisor\n\
             \u{20}       started by: <#.#.#>\n\
             \u{20}       context: child terminated\n\
             \u{20}       reason: panicked: we broke something, \
             at examples/egg_timer_supervised.rs:#:#\n\
             \u{20}       child: egg_timer (<#.#.#>)\n",
        );
    }
}

mod rock_paper_scissors {
    use super::*;

    #[test]
    fn tells_both_players_of_the_game_that_crashed_and_lets_them_begin_anew() {
        let mut ended = run("rock_paper_scissors", &[]);
        // Whose move came last, differs.
        for shape in ["Rock", "Well"] {
            ended.errors = ended.errors.replace(&format!("message: {shape}"), "message: SHAPE");
        }
        ended.assert_printed_and_logged(
            "a game:\n\
             ann: is invited; Paper: Draw; Rock: Won\n\
             bob: is invited; Paper: Draw; Scissors: Lost\n\
             a game that crashes:\n\
             cleo: is invited; Paper: Draw; Rock: the game has crashed: \
             this is not played with a well; is invited; Scissors: Won\n\
             dan: is invited; Paper: Draw; Well: the game has crashed: \
             this is not played with a well; is invited; Paper: Lost\n",
            "[#-#-#T#:#:#Z ERROR procession::gen_server] server <#.#.#> is terminating\n\
             \u{20}       last message: SHAPE\n\
             \u{20}       state: Game { first: None }\n\
             \u{20}       reason: panicked: this is not played with a well, \
             at examples/rock_paper_scissors.rs:#:#\n\
             \u{20}       client: <#.#.#>\n\
             [#-#-#T#:#:#Z ERROR procession::crash] crash report of process <#.#.#>\n\
             \u{20}       initial call: rock_paper_scissors::Game\n\
             \u{20}       reason: panicked: this is not played with a well, \
             at examples/rock_paper_scissors.rs:#:#\n\
             \u{20}       ancestors: [games, <#.#.#>, <#.#.#>]\n\
             \u{20}       message queue length: #\n\
             \u{20}       links: [<#.#.#>]\n\
             \u{20}       trap_exit: false\n\
             [#-#-#T#:#:#Z ERROR procession::supervisor] supervisor report of games\n\
             \u{20}       context: child terminated\n\
             \u{20}       reason: panicked: this is not played with a well, \
             at examples/rock_paper_scissors.rs:#:#\n\
             \u{20}       child: rock_paper_scissors::Game (<#.#.#>)\n",
        );
    }
}

mod via_registry {
    use super::*;

    #[test]
    fn finds_the_next_one_who_plays_the_part() {
        run("via_registry", &[]).assert_printed_and_logged(
            "ernie enters\n\
             bert enters\n\
             bert: Ernie, where is the banana?\n\
             there is one bert: true\n\
             bert enters\n\
             the last bert is down: forgot the lines\n\
             bert: Where was I?\n\
             oscar: no process is registered as \"oscar\" in Stage (call of Cue)\n",
            "[#-#-#T#:#:#Z ERROR procession::gen_server] server \"bert\" in Stage \
             (<#.#.#>) is terminating\n\
             \u{20}       last message: Die\n\
             \u{20}       state: Character(\"bert\")\n\
             \u{20}       reason: forgot the lines\n\
             \u{20}       client: <#.#.#>\n\
             [#-#-#T#:#:#Z ERROR procession::crash] crash report of process <#.#.#>\n\
             \u{20}       initial call: via_registry::Character\n\
             \u{20}       registered name: \"bert\" in Stage\n\
             \u{20}       reason: forgot the lines\n\
             \u{20}       ancestors: [<#.#.#>, <#.#.#>]\n\
             \u{20}       message queue length: #\n\
             \u{20}       links: [<#.#.#>]\n\
             \u{20}       trap_exit: false\n\
             [#-#-#T#:#:#Z ERROR procession::supervisor] supervisor report of <#.#.#>\n\
             \u{20}       type: procession::supervisor::Supervisor\n\
             \u{20}       started by: <#.#.#>\n\
             \u{20}       context: child terminated\n\
             \u{20}       reason: forgot the lines\n\
             \u{20}       child: bert (<#.#.#>)\n",
        );
    }
}

mod chat_room {
    use super::*;

    #[test]
    fn is_left_by_who_leaves_and_by_who_crashes() {
        let ended = run("chat_room", &[]);
        let expected = "news: ann joins lobby, bob joins kitchen, bob joins lobby, \
                        cleo joins lobby\n\
                        in lobby: ann, bob, cleo\n\
                        ann in lobby: hello\n\
                        ann in kitchen: something smells good\n\
                        cleo in lobby: I am not here\n\
                        ann has heard [\"lobby/ann: hello\", \"lobby/cleo: I am not here\"]\n\
                        bob has heard [\"lobby/ann: hello\", \
                        \"kitchen/ann: something smells good\", \
                        \"lobby/cleo: I am not here\"]\n\
                        cleo has heard [\"lobby/ann: hello\"]\n\
                        ann in kitchen: the soup is slimy\n\
                        bob is down\n\
                        in lobby: ann\n\
                        ann in kitchen: is anybody there?\n\
                        news: somebody leaves kitchen, somebody leaves lobby, \
                        somebody leaves lobby\n";
        assert_eq!((ended.code, ended.output.as_str()), (Some(0), expected));
        assert!(ended.errors.contains("bob faints"), "{}", ended.errors);
    }
}

mod saved_state {
    use super::*;

    #[test]
    fn goes_on_with_the_sales_of_the_till_that_has_crashed() {
        let mut ended = run("saved_state", &[]);
        ended.errors = ended.errors.replace("#Table", "Table"); // A `#` stands for numbers.
        ended.assert_printed_and_logged(
            "till: open, 0 kinds of things sold so far\n\
             tea: 2 sold\n\
             coffee: 1 sold\n\
             till: open, 2 kinds of things sold so far\n\
             cake: \"till\" ended before it answered (call of Sell): panicked: \
             nobody buys nothing, at examples/saved_state.rs:#:#\n\
             sold when there was no till: [(\"coffee\", 1), (\"tea\", 2)]\n\
             tea: 3 sold\n\
             a hundred teas: the table is protected: only its owner <#.#.#> may do that\n\
             after closing time: there is no table \"sales\"\n",
            "[#-#-#T#:#:#Z ERROR procession::gen_server] \
             server till (<#.#.#>) is terminating\n\
             \u{20}       last message: Sell(\"cake\", 0)\n\
             \u{20}       state: Till { sales: Table<#> }\n\
             \u{20}       reason: panicked: nobody buys nothing, \
             at examples/saved_state.rs:#:#\n\
             \u{20}       client: <#.#.#>\n\
             [#-#-#T#:#:#Z ERROR procession::crash] crash report of process <#.#.#>\n\
             \u{20}       initial call: saved_state::Till\n\
             \u{20}       registered name: till\n\
             \u{20}       reason: panicked: nobody buys nothing, \
             at examples/saved_state.rs:#:#\n\
             \u{20}       ancestors: [<#.#.#>, <#.#.#>]\n\
             \u{20}       message queue length: #\n\
             \u{20}       links: [<#.#.#>]\n\
             \u{20}       trap_exit: false\n\
             [#-#-#T#:#:#Z ERROR procession::supervisor] supervisor report of <#.#.#>\n\
             \u{20}       type: procession::supervisor::Supervisor\n\
             \u{20}       started by: <#.#.#>\n\
             \u{20}       context: child terminated\n\
             \u{20}       reason: panicked: nobody buys nothing, \
             at examples/saved_state.rs:#:#\n\
             \u{20}       child: till (<#.#.#>)\n",
        );
    }
}

#[cfg(unix)]
mod application {
    use super::*;

    const OPENED: &str = "stock: 10 items\n\
                          shop: open\n\
                          3 items, please: sold, 7 left\n\
                          8 items, please: not that many\n";

    const CLOSED: &str = "shop: last orders\n\
                          clerk: goes home (shutdown)\n\
                          shop: closed\n\
                          stock: 7 items are left (shutdown)\n";

    /// Starts the example, waits until the shop is open, and sends it a signal.
    fn run_until(signal: &str) -> Ended {
        let example = start("application", &[]);
        let opened: String = OPENED.lines().map(|_| example.line()).collect();
        assert_eq!(opened, OPENED);
        example.signal(signal);
        example.finish()
    }

    #[test]
    fn stops_in_order_when_it_is_told_to() {
        for signal in ["TERM", "INT"] {
            run_until(signal).assert_printed(CLOSED);
        }
    }
}

#[cfg(all(feature = "io", target_os = "linux"))]
mod shell_runner {
    use std::fs;

    use crate::support::wait::wait_until;

    use super::*;

    const DEMONSTRATION: &str = r#"
echo one; echo two; printf 'three, without an end'
job 1 says: one
job 1 says: two
job 1 says: three, without an end
job 1 has ended: exit code 0

echo 'that does not work' >&2; exit 3
job 2 complains: that does not work
job 2 has ended: exit code 3

kill -TERM $$
job 3 has ended: ended by signal 15

no-such-command 2>/dev/null
job 4 has ended: exit code 127

seq 100000 | tail -n 1
job 5 says: 100000
job 5 has ended: exit code 0

sleep 1000 | sleep 1000
job 6 has ended: killed after 50ms

four that sleep
2 run, 2 wait
job 9 has ended: cancelled
2 run, 1 wait
job 7 has ended: cancelled
2 run, 0 wait
cancelling it again: false
following it: false
job 8 has ended: cancelled
job 10 has ended: cancelled
0 run, 0 wait

one that sleeps, and a runner that is killed
the runner has ended: killed
the command runs: false
there is another runner

echo one
job 1 says: one
job 1 has ended: exit code 0
"#;

    #[test]
    fn runs_commands_in_turn_and_ends_them_in_time_with_all_that_they_have_started() {
        run("shell_runner", &[]).assert_printed_and_logged(
            DEMONSTRATION,
            "[#-#-#T#:#:#Z ERROR procession::supervisor] supervisor report of <#.#.#>\n\
             \u{20}       type: procession::supervisor::Supervisor\n\
             \u{20}       started by: <#.#.#>\n\
             \u{20}       context: child terminated\n\
             \u{20}       reason: killed\n\
             \u{20}       child: runner (<#.#.#>)\n",
        );
    }

    #[test]
    fn runs_the_commands_that_it_is_given() {
        run("shell_runner", &["--at-once", "1", "echo one", "echo two"]).assert_printed(
            "job 1 is \"echo one\"\n\
             job 2 is \"echo two\"\n\
             job 1 says: one\n\
             job 1 has ended: exit code 0\n\
             job 2 says: two\n\
             job 2 has ended: exit code 0\n",
        );
    }

    #[test]
    fn fails_if_a_command_does() {
        let ended = run("shell_runner", &["exit 3"]);
        assert_eq!(ended.code, Some(1));
        assert_eq!(ended.output, "job 1 is \"exit 3\"\njob 1 has ended: exit code 3\n");
        assert_eq!(ended.errors, "shell_runner: not all have succeeded\n");
    }

    /// Returns the number of a process of the system that a command has printed.
    fn number_in(line: &str) -> u32 {
        line.trim_end().rsplit(' ').next().unwrap().parse().unwrap()
    }

    #[test]
    fn ends_what_it_runs_and_what_that_has_started_when_it_is_told_to_end() {
        for signal in ["TERM", "INT"] {
            let example = start("shell_runner", &["echo $$; sleep 1000 & echo $!; wait"]);
            example.line();
            let [shell, sleep] = [example.line(), example.line()].map(|line| number_in(&line));
            example.signal(signal);
            let ended = example.finish();
            assert_eq!(
                (ended.code, &*ended.errors),
                (Some(1), "shell_runner: it was told to end\n")
            );
            // The shell was waited for. Nobody may wait for what it has started.
            assert!(!fs::exists(format!("/proc/{shell}")).unwrap());
            let state = || fs::read_to_string(format!("/proc/{sleep}/stat")).unwrap_or_default();
            wait_until(|| state().is_empty() || state().contains(") Z "));
        }
    }

    #[test]
    fn refuses_arguments_that_make_no_sense() {
        let usage = "shell_runner: usage: shell_runner [--at-once N] [--timeout SECONDS] \
                     [COMMAND...]\n";
        run("shell_runner", &["--at-once"]).assert_failed(2, usage);
        run("shell_runner", &["--often"]).assert_failed(2, usage);
        let none = "shell_runner: \"0\" is not a number of anything: \
                    number would be zero for non-zero type\n";
        run("shell_runner", &["--at-once", "0", "true"]).assert_failed(2, none);
    }
}

#[cfg(all(feature = "io", target_os = "linux"))]
mod tcp_fsm {
    use super::*;

    #[test]
    fn connects_backs_off_finds_the_service_again_and_gives_up() {
        run("tcp_fsm", &[]).assert_printed_and_logged(
            "asking before there is a connection\n\
             requests that are postponed: 1\n\
             connected at attempt 1\n\
             the answer: Ok(\"HELLO\")\n\
             the service crashes: Err(Lost)\n\
             attempts in vain: 1\n\
             the service is back, and found at attempt #\n\
             the answer: Ok(\"ARE YOU BACK?\")\n\
             the service ends: shutdown\n\
             gave up after 8 attempts\n\
             the answer: Err(GaveUp)\n\
             asked again: Err(GaveUp)\n\
             the service is back, and the machine told to connect: Ok(\"AT LAST\")\n\
             disconnected\n",
            "[#-#-#T#:#:#Z ERROR procession::crash] crash report of process <#.#.#>\n\
             \u{20}       reason: panicked: a client has asked for it, at examples/tcp_fsm.rs:#:#\n\
             \u{20}       ancestors: [<#.#.#>]\n\
             \u{20}       message queue length: 0\n\
             \u{20}       links: []\n\
             \u{20}       trap_exit: false\n",
        );
    }
}
