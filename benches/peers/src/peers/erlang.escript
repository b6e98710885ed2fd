#!/usr/bin/env escript
%% The work that src/work.rs describes, on Erlang's own gen_server and supervisor.
%%
%%   escript erlang.escript release           prints the release
%%   escript erlang.escript SUBJECT BUDGET    prints nanoseconds (or kilobytes), or "none"

-mode(compile).
-export([init/1, handle_call/3, handle_cast/2, start_child/0]).

-define(CALLERS, 8).
-define(RING, 1000).
-define(IDLE, 10000).
-define(CASTS, 10000).
-define(CRASHES, 100).

main(["release"]) ->
    io:format("~s~n", [erlang:system_info(otp_release)]);
main([Subject, Budget]) ->
    logger:set_primary_config(level, none),
    Value = measure(list_to_atom(Subject), list_to_integer(Budget) * 1000000),
    io:format("~w~n", [Value]),
    halt(0).

measure(call, Budget) ->
    by_clients(fun call/2, 1, 1, Budget);
measure(thread, _Budget) ->
    none;
measure(callers, Budget) ->
    by_clients(fun call/2, ?CALLERS, 1, Budget);
measure(chain, Budget) ->
    Client = start(start(start(none))),
    with_clients(fun forward/2, [Client], 1, Budget);
measure(cast, Budget) ->
    by_clients(fun cast/2, 1, ?CASTS, Budget);
measure(casters, Budget) ->
    by_clients(fun cast/2, 2, ?CASTS, Budget);
measure(spawn, Budget) ->
    by_clients(fun start_and_stop/2, 1, 1, Budget);
measure(ring, Budget) ->
    ring(Budget);
measure(crash, Budget) ->
    by_clients(fun crash/2, 1, ?CRASHES, Budget);
measure(memory, _Budget) ->
    memory();
measure(_Echo, _Budget) ->
    none.

%% What a server does with the next one.

call(_Next, 0) ->
    ok;
call(Next, N) ->
    N = gen_server:call(Next, {echo, N}),
    call(Next, N - 1).

forward(_Next, 0) ->
    ok;
forward(Next, N) ->
    N = gen_server:call(Next, {forward, N}),
    forward(Next, N - 1).

cast(_Next, 0) ->
    ok;
cast(Next, N) ->
    gen_server:cast(Next, {add, N, N}),
    N rem ?CASTS =:= 1 andalso gen_server:call(Next, {echo, N}),
    cast(Next, N - 1).

start_and_stop(_Next, 0) ->
    ok;
start_and_stop(Next, N) ->
    gen_server:stop(start(none)),
    start_and_stop(Next, N - 1).

crash(_Next, 0) ->
    ok;
crash(Next, N) ->
    {ok, Supervisor} = supervisor:start_link(?MODULE, supervisor),
    crash_child(?CRASHES),
    unlink(Supervisor),
    gen_server:stop(Supervisor),
    crash(Next, N - ?CRASHES).

crash_child(0) ->
    ok;
crash_child(N) ->
    gen_server:cast(child, crash),
    call_child(N),
    crash_child(N - 1).

call_child(N) ->
    try
        gen_server:call(child, {echo, N})
    catch
        exit:_ ->
            erlang:yield(),
            call_child(N)
    end.

%% How it is timed.

by_clients(Work, Count, Step, Budget) ->
    Server = start(none),
    with_clients(Work, [start(Server) || _ <- lists:seq(1, Count)], Step, Budget).

with_clients(Work, Clients, Step, Budget) ->
    Count = length(Clients),
    All = fun(Rounds) ->
        [gen_server:cast(Client, {job, Work, Rounds div Count, self()}) || Client <- Clients],
        [receive done -> ok end || _ <- Clients]
    end,
    per_round(All, Step * Count, Budget).

ring(Budget) ->
    [First | Rest] = Nodes = [start(none) || _ <- lists:seq(1, ?RING)],
    Link = fun(Node, Next) -> gen_server:cast(Node, {link, Next, self()}) end,
    lists:zipwith(Link, Nodes, Rest ++ [First]),
    Hop = fun(Rounds) ->
        gen_server:cast(First, {hop, Rounds}),
        receive done -> ok end
    end,
    per_round(Hop, ?RING, Budget).

memory() ->
    gen_server:call(start(none), {echo, 0}),
    Before = resident(),
    Nodes = [start(none) || _ <- lists:seq(1, ?IDLE)],
    [gen_server:call(Node, {echo, 0}) || Node <- Nodes],
    (resident() - Before) / ?IDLE.

resident() ->
    {ok, Status} = file:read_file("/proc/self/status"),
    {match, [Resident]} =
        re:run(Status, "VmRSS:\\s*([0-9]+) kB", [{capture, all_but_first, list}]),
    list_to_integer(Resident).

per_round(Work, Step, Budget) ->
    {Rounds, Elapsed} = warm_up(Work, Step, Budget div 8),
    Fitting = max(1, Budget * Rounds div Elapsed div Step) * Step,
    time(Work, Fitting) / Fitting.

warm_up(Work, Rounds, Enough) ->
    case time(Work, Rounds) of
        Elapsed when Elapsed < Enough -> warm_up(Work, Rounds * 2, Enough);
        Elapsed -> {Rounds, Elapsed}
    end.

time(Work, Rounds) ->
    Start = erlang:monotonic_time(nanosecond),
    Work(Rounds),
    erlang:monotonic_time(nanosecond) - Start.

%% The server.

start(Next) ->
    {ok, Pid} = gen_server:start(?MODULE, Next, []),
    Pid.

start_child() ->
    gen_server:start_link({local, child}, ?MODULE, none, []).

init(supervisor) ->
    Child = #{id => child, start => {?MODULE, start_child, []}},
    {ok, {#{intensity => 2 * ?CRASHES, period => 1}, [Child]}};
init(Next) ->
    {ok, {Next, 0, none}}.

handle_call({echo, N}, _From, State) ->
    {reply, N, State};
handle_call({forward, N}, _From, {Next, _, _} = State) ->
    {reply, gen_server:call(Next, {echo, N}), State}.

handle_cast({add, N, More}, {Next, Total, Done}) ->
    {noreply, {Next, Total + N + More, Done}};
handle_cast({hop, 0}, {_, _, Done} = State) ->
    Done ! done,
    {noreply, State};
handle_cast({hop, Left}, {Next, _, _} = State) ->
    gen_server:cast(Next, {hop, Left - 1}),
    {noreply, State};
handle_cast({link, Next, Done}, {_, Total, _}) ->
    {noreply, {Next, Total, Done}};
handle_cast({job, Work, Rounds, Done}, {Next, _, _} = State) ->
    Work(Next, Rounds),
    Done ! done,
    {noreply, State};
handle_cast(crash, _State) ->
    error(told_to_crash).
