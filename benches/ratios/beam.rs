//! Erlang's `gen_server`, where it is installed.
//!
//! It gets the same cores. Its schedulers place its processes as they see fit, as the system does
//! with ours, but for casts, where they are placed on a core each.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::calls::{Places, call, call_by_many, call_chain, spin_pair};
use crate::harness::{Bar, Slice, cores, in_thread, pin_to};
use crate::messages::cast;
use crate::starts;

/// Where the cores are far from each other, a call is nearly all transfers between them, while
/// Erlang may keep both of its processes on one.
pub(crate) fn against_call(bar: &Bar) {
    const FAR: f64 = 300.0;
    let slice = Slice::of_millis(10, 30);
    let is_far = spin_pair(Places::apart(), slice) > FAR;
    let bar = Bar { target: if is_far { Some(1.0) } else { bar.target }, ..*bar };
    against(&bar, "call", || call(Places::default(), slice));
}

pub(crate) fn against_8_callers(bar: &Bar) {
    against(bar, "8 callers", || call_by_many(8));
}

pub(crate) fn against_64_callers(bar: &Bar) {
    against(bar, "64 callers", || call_by_many(64));
}

pub(crate) fn against_chain(bar: &Bar) {
    against(bar, "chain", call_chain);
}

pub(crate) fn against_cast(bar: &Bar) {
    let cores = cores();
    against(bar, "cast", || {
        in_thread(|| {
            pin_to(Some(cores[0]));
            cast(1, Some(cores[1]))
        })
    });
}

pub(crate) fn against_spawn(bar: &Bar) {
    starts::warm_up();
    against(bar, "spawn", starts::start_and_stop);
}

fn against(bar: &Bar, what: &str, ours: impl FnMut() -> f64) {
    match Erlang::start() {
        Some(mut erlang) => {
            erlang.measure(what); // By then all its code is loaded.
            bar.compare(24, ours, || erlang.measure(what));
        }
        None => bar.skip("no erl"),
    }
}

/// A running Erlang that measures when it is asked to.
struct Erlang {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    script: PathBuf,
}

impl Erlang {
    /// `None` if it is not installed.
    fn start() -> Option<Erlang> {
        let script = env::temp_dir().join(format!("ratios_{}.escript", std::process::id()));
        fs::write(&script, SCRIPT).ok()?;
        let child = Command::new("escript")
            .arg(&script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut child) = child else {
            _ = fs::remove_file(&script);
            return None;
        };
        let requests = child.stdin.take().expect("it is piped");
        let answers = BufReader::new(child.stdout.take().expect("it is piped"));
        Some(Erlang { child, requests, answers, script })
    }

    /// Nanoseconds for one call by one or many, cast, or start and stop.
    fn measure(&mut self, what: &str) -> f64 {
        writeln!(self.requests, "{what}").expect("Erlang takes requests");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("Erlang answers");
        answer.trim().parse().expect("a number from Erlang")
    }
}

impl Drop for Erlang {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
        _ = fs::remove_file(&self.script);
    }
}

/// Measures what each line of its input names; prints nanoseconds.
const SCRIPT: &str = r#"#!/usr/bin/env escript
-module(ratios).
-mode(compile).
-behaviour(gen_server).
-export([main/1, init/1, handle_call/3, handle_cast/2]).

main(_) ->
    case io:get_line("") of
        "call\n" -> answer(in_process(fun() -> calls(none) end));
        "chain\n" -> answer(in_process(fun chain/0));
        "8 callers\n" -> answer(in_process(fun() -> callers(8) end));
        "64 callers\n" -> answer(in_process(fun() -> callers(64) end));
        "cast\n" -> answer(in_process(fun casts/0));
        "spawn\n" -> answer(in_process(fun spawns/0));
        _ -> ok
    end.

answer(Nanos) ->
    io:format("~.3f~n", [float(Nanos)]),
    main([]).

in_process(Body) ->
    Self = self(),
    spawn_link(fun() -> Self ! {nanos, Body()} end),
    receive {nanos, Nanos} -> Nanos end.

calls(Next) ->
    {ok, Server} = gen_server:start(?MODULE, Next, []),
    Call = fun() -> gen_server:call(Server, 1) end,
    mean(2000, Call),
    Nanos = mean(15000, Call),
    gen_server:stop(Server),
    Nanos.

chain() ->
    {ok, Last} = gen_server:start(?MODULE, none, []),
    Nanos = calls(Last),
    gen_server:stop(Last),
    Nanos.

callers(Count) ->
    {ok, Server} = gen_server:start(?MODULE, none, []),
    Calls = 30000 div Count,
    All = fun() ->
        Call = fun() -> repeat(Calls, fun() -> gen_server:call(Server, 1) end) end,
        Callers = [spawn_monitor(Call) || _ <- lists:seq(1, Count)],
        [receive {'DOWN', Ref, process, _, normal} -> ok end || {_, Ref} <- Callers]
    end,
    All(),
    Nanos = mean(1, All) / (Calls * Count),
    gen_server:stop(Server),
    Nanos.

casts() ->
    {ok, Server} = gen_server:start(?MODULE, none, []),
    All = fun() ->
        repeat(100000, fun() -> gen_server:cast(Server, {1, 2}) end),
        gen_server:call(Server, total)
    end,
    All(),
    Nanos = mean(1, All) / 100000,
    gen_server:stop(Server),
    Nanos.

spawns() ->
    mean(1000, fun() ->
        {ok, Server} = gen_server:start(?MODULE, none, []),
        gen_server:stop(Server)
    end).

mean(Count, Body) ->
    Start = erlang:monotonic_time(nanosecond),
    repeat(Count, Body),
    (erlang:monotonic_time(nanosecond) - Start) / Count.

repeat(0, _) -> ok;
repeat(Count, Body) -> Body(), repeat(Count - 1, Body).

init(Next) -> {ok, {Next, 0}}.
handle_call(total, _, {_, Total} = State) -> {reply, Total, State};
handle_call(Request, _, {none, _} = State) -> {reply, Request, State};
handle_call(Request, _, {Next, _} = State) -> {reply, gen_server:call(Next, Request), State}.
handle_cast({N, More}, {Next, Total}) -> {noreply, {Next, Total + N + More}}.
"#;
