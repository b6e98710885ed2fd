%% A server, and what its clients measure, in nanoseconds.
-module(dist_bench).
-behaviour(gen_server).
-export([start/0, calls/2, casts/2, bulk/2, init/1, handle_call/3, handle_cast/2]).

start() ->
    %% Who starts it ends at once.
    {ok, _} = gen_server:start({local, bench}, ?MODULE, [], []),
    ok.

calls(Node, Count) ->
    Server = {bench, Node},
    mean(Count, fun() ->
        repeat(Count, fun() -> 1 = gen_server:call(Server, {echo, 1}) end)
    end).

casts(Node, Count) ->
    Server = {bench, Node},
    Text = binary:copy(<<"x">>, 64),
    Before = gen_server:call(Server, total),
    mean(Count, fun() ->
        repeat(Count, fun() -> gen_server:cast(Server, {add, Text}) end),
        Before = gen_server:call(Server, total) - Count * 64
    end).

bulk(Node, Bytes) ->
    Server = {bench, Node},
    Binary = binary:copy(<<"x">>, Bytes),
    Before = gen_server:call(Server, total),
    mean(1, fun() ->
        gen_server:cast(Server, {bulk, Binary}),
        Before = gen_server:call(Server, total, infinity) - Bytes
    end).

mean(Count, Body) ->
    Start = erlang:monotonic_time(nanosecond),
    Body(),
    (erlang:monotonic_time(nanosecond) - Start) / Count.

repeat(0, _) -> ok;
repeat(Count, Body) -> Body(), repeat(Count - 1, Body).

init([]) -> {ok, 0}.
handle_call(total, _, Total) -> {reply, Total, Total};
handle_call({echo, N}, _, Total) -> {reply, N, Total}.
handle_cast({add, Text}, Total) -> {noreply, Total + byte_size(Text)};
handle_cast({bulk, Binary}, Total) -> {noreply, Total + byte_size(Binary)}.
