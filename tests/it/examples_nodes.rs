//! The examples that are nodes, as programs; each run has an EPMD at a port of its own.

use std::process::Command;

use crate::support::beam::{Cluster, cookie};
use crate::support::example::path_of;
use crate::support::program::{Program, fits};

/// Starts an example whose nodes find each other by the EPMD of the cluster.
fn start(cluster: &Cluster, name: &str, arguments: &[&str]) -> Program {
    let mut command = Command::new(path_of(name));
    command.args(arguments).env("ERL_EPMD_PORT", cluster.epmd_port().to_string());
    Program::run(&mut command)
}

mod node {
    use super::*;

    /// What it prints to type into `erl`, one expression after the other.
    fn read_expressions(node: &Program) -> Vec<String> {
        let lines = std::iter::repeat_with(|| node.line());
        let lines = lines.take_while(|line| !line.starts_with("press Ctrl-C"));
        let typed = lines.filter(|line| line.starts_with("    ") && line.ends_with(".\n"));
        typed.map(|line| line.trim().trim_end_matches('.').to_owned()).collect()
    }

    #[test]
    fn counts_for_a_shell_until_it_is_told_to_end() {
        let Some(cluster) = Cluster::start() else { return };
        let node = start(&cluster, "node", &["--cookie", cookie()]);
        let expressions = read_expressions(&node);
        let shell = cluster.beam("shell");
        let values: Vec<String> = expressions.iter().map(|it| shell.eval(it)).collect();
        assert_eq!(
            values,
            [
                "pong",
                "3",
                "2",
                "2",
                "ok",
                "{'EXIT',{{bad_request,<<\"Counter takes no {add,three}: \
                 invalid type: atom `three`, expected i64\">>},\
                 {gen_server,call,[{counter,'rust@127.0.0.1'},{add,three}]}}}",
                "{'EXIT',{{bad_request,<<\"Counter takes no {mul,2}\">>},\
                 {gen_server,call,[{counter,'rust@127.0.0.1'},{mul,2}]}}}",
            ]
        );
        node.signal("TERM");
        let ended = node.finish();
        assert_eq!((ended.code, ended.output.as_str()), (Some(0), ""), "{}", ended.errors);
    }

    #[test]
    fn with_a_name_that_is_none_says_so() {
        let cluster = Cluster::without_epmd();
        let ended = start(&cluster, "node", &["--name", "rust", "--cookie", "secret"]).finish();
        assert_eq!(ended.code, Some(1));
        assert!(ended.errors.contains("\"rust\" cannot be the name of a node"), "{}", ended.errors);
    }
}

mod erlang_calls_rust {
    use super::*;

    const SESSION: &str = r#"Erlang calls Rust

(shell@127.0.0.1)1> net_adm:ping('rust@127.0.0.1').
pong
(shell@127.0.0.1)2> Counter = {counter, 'rust@127.0.0.1'}.
{counter,'rust@127.0.0.1'}
(shell@127.0.0.1)3> gen_server:call(Counter, {add, 3}).
3
(shell@127.0.0.1)4> gen_server:call(Counter, {add, -1}).
2
(shell@127.0.0.1)5> gen_server:cast(Counter, reset).
ok
(shell@127.0.0.1)6> gen_server:call(Counter, {add, 0}).
0
(shell@127.0.0.1)7> {'EXIT', {Why, _}} = (catch gen_server:call(Counter, {sub, 3})), Why.
{bad_request,<<"Counter takes no {sub,3}">>}
(shell@127.0.0.1)8> Monitor = monitor(process, Counter), gen_server:call(Counter, {add, 1}).
1

Rust: process::exit(counter, ExitReason::Kill)

(shell@127.0.0.1)9> receive {'DOWN', Monitor, process, Who, Reason} -> {Who, Reason} end.
{{counter,'rust@127.0.0.1'},killed}

Rust calls Erlang

(shell@127.0.0.1)10> register(account, spawn(fun() -> (fun Loop(Balance) ->
    receive {'$gen_call', From, {deposit, N}} ->
        gen_server:reply(From, Balance + N), Loop(Balance + N)
    end
end)(100) end)).
true

Rust: process::monitor(account.destination())
Rust: account.call(&(atom("deposit"), 50)) is 150

(shell@127.0.0.1)11> exit(whereis(account), bankrupt).
true

Rust: {account, shell@127.0.0.1} has ended: bankrupt
Rust: another call: no process is registered as {account, shell@127.0.0.1} (call of (Atom, i32))
"#;

    #[test]
    fn shows_a_session_of_both_sides() {
        let Some(cluster) = Cluster::start() else { return };
        let ended = start(&cluster, "erlang_calls_rust", &[]).finish();
        assert_eq!(ended.code, Some(0), "{}", ended.errors);
        assert_eq!(ended.output, SESSION);
    }
}

mod super_duper_distributed {
    use super::*;

    const SHOW: &str = "\
        bert enters, at street@127.0.0.1\n\
        ernie enters, at studio@127.0.0.1\n\
        bert: Ernie, where is the banana?\n\
        ernie: I've got a question, Bert.\n\
        \n\
        Bert dies, on the street\n\
        bert: Mayday! (panicked: forgot the lines, at \
        examples/super_duper_distributed/character.rs:#:#)\n\
        bert enters, at street@127.0.0.1\n\
        the part of bert has ended: panicked: forgot the lines, at \
        examples/super_duper_distributed/character.rs:#\n\
        bert: Ernie, where is the banana?\n\
        \n\
        The street is killed\n\
        nobody plays bert there: there is no connection with street@127.0.0.1, for \
        {stage, street@127.0.0.1} (call of Find)\n\
        bert enters, at studio@127.0.0.1\n\
        the part of bert has ended: no connection\n\
        bert: Ernie, where is the banana?\n\
        street@127.0.0.1 is not there any more\n\
        bert: Where was I?\n\
        ernie: Duckie, you're the one.\n\
        \n\
        The curtain falls\n\
        bert: Mayday! (shutdown)\n\
        ernie: Mayday! (shutdown)\n";

    #[test]
    fn plays_on_when_the_other_node_is_killed() {
        let cluster = Cluster::without_epmd();
        let ended = start(&cluster, "super_duper_distributed", &[]).finish();
        assert_eq!(ended.code, Some(0), "{}", ended.errors);
        assert!(fits(&ended.output, SHOW), "it printed\n{}", ended.output);
    }
}

mod chat_cluster {
    use super::*;

    const CHAT: &str = "\
        \u{20}ann | this is ann; type what you want to say\n\
        \u{20}bob | this is bob; type what you want to say\n\
        \u{20}bob | ann is here\n\
        \u{20}ann | bob is here\n\
        cleo | this is cleo; type what you want to say\n\
        cleo | ann is here\n\
        cleo | bob is here\n\
        \u{20}ann | cleo is here\n\
        \u{20}bob | cleo is here\n\
        \u{20}ann > hello\n\
        \u{20}bob | ann: hello\n\
        cleo | ann: hello\n\
        \u{20}bob > I have to\n\
        \u{20}ann | bob: I have to\n\
        cleo | bob: I have to\n\
        bob's program is killed\n\
        \u{20}ann | bob is gone\n\
        cleo | bob is gone\n\
        cleo > Bob?\n\
        \u{20}ann | cleo: Bob?\n\
        cleo says goodbye\n\
        \u{20}ann | cleo is gone\n";

    #[test]
    fn tells_everybody_what_is_said_and_who_is_gone() {
        let cluster = Cluster::without_epmd();
        let ended = start(&cluster, "chat_cluster", &[]).finish();
        assert_eq!((ended.code, ended.output.as_str()), (Some(0), CHAT), "{}", ended.errors);
    }
}
