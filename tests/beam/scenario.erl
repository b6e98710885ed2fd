%% Runs scenarios on the BEAM. See `script.rs` for what they are, and `here.rs` for the other side,
%% to which each function here has its like.
%%
%% A scenario comes as one packet on standard input, its trace goes as one to standard output. It is
%% to be run with a single scheduler: then everything rests when the director runs and nobody else
%% is ready to.
-module(scenario).

-export([main/0, start_child/3, start_tree/3]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2, handle_continue/2, terminate/2]).
-export([callback_mode/0, handle_event/4, terminate/3]).

-define(HOUR, 3600000).
%% How many callbacks of a machine do something.
-define(FUEL, 40).

main() ->
    logger:set_primary_config(level, none),
    load_all(),
    timer:start(),
    Port = open_port({fd, 0, 1}, [binary, {packet, 4}, eof]),
    serve(Port).

%% So that nobody ever waits for code, which would look like rest.
load_all() ->
    Modules = lists:append([begin
        _ = application:load(Application),
        {ok, Modules} = application:get_key(Application, modules),
        Modules
    end || Application <- [kernel, stdlib]]),
    _ = code:ensure_modules_loaded(Modules),
    ok.

serve(Port) ->
    receive
        {Port, {data, Script}} ->
            port_command(Port, run(Script)),
            serve(Port);
        {Port, eof} ->
            halt(0)
    end.

run(Script) ->
    Others = processes(),
    Me = self(),
    {Director, Monitor} = spawn_monitor(fun() -> direct(Script, [self() | Others], Me) end),
    receive
        {trace, Director, Trace} ->
            receive {'DOWN', Monitor, process, Director, _} -> Trace end;
        {'DOWN', Monitor, process, Director, Reason} ->
            io_lib:format("broken ~0p~n", [Reason])
    end.

%%% The director.

direct(Script, Others, Client) ->
    World = {ets:new(world, [public]), self()},
    put(world, World),
    put(others, Others),
    put(trace, []),
    try
        [step(words(Line)) || Line <- binary:split(Script, <<"\n">>, [global, trim_all])]
    catch
        throw:restless -> note("restless")
    end,
    Trace = lists:reverse(get(trace)),
    clear_up(),
    Client ! {trace, self(), Trace}.

step(['*' | Indices] = Step) ->
    note(["step ", show_step(Step)]),
    World = get(world),
    [spawn(fun() -> actor(World, Index, []) end) || Index <- Indices],
    settle(Step);
step([Actor | Ops] = Step) ->
    note(["step ", show_step(Step)]),
    case find({pid, Actor}) of
        {ok, Pid} ->
            case {is_process_alive(Pid), get({busy, Pid})} of
                {false, _} ->
                    note("result gone");
                {true, undefined} ->
                    put({busy, Pid}, true),
                    Pid ! {do, Ops},
                    settle(Step);
                {true, true} ->
                    note("result busy")
            end;
        none ->
            note("result absent")
    end.

%% Waits until everything rests, and notes how it looks then.
settle(Step) ->
    Deadline = erlang:monotonic_time(millisecond) + patience(),
    rest(Deadline),
    case has_timer(Step) of
        true ->
            %% What was to happen sooner has happened before this.
            {ok, _} = timer:send_after(2, barrier),
            receive barrier -> ok end,
            erlang:send_after(1, self(), barrier),
            receive barrier -> ok end,
            rest(Deadline);
        false ->
            ok
    end,
    [note_state(Pid) || Pid <- everybody(), is_process_alive(Pid)],
    ok.

%% How long a scenario may take to come to rest.
patience() ->
    case os:getenv("TEST_TIMEOUT_MS") of
        false -> 20000;
        Milliseconds -> list_to_integer(Milliseconds)
    end.

has_timer(Term) when is_list(Term) -> lists:any(fun has_timer/1, Term);
has_timer(now) -> true;
has_timer(soon) -> true;
has_timer(_) -> false.

rest(Deadline) ->
    Busy = attend(false),
    erlang:yield(),
    case Busy orelse erlang:statistics(total_run_queue_lengths) > 0 orelse is_anybody_busy() of
        true ->
            case erlang:monotonic_time(millisecond) > Deadline of
                true -> throw(restless);
                false -> rest(Deadline)
            end;
        false ->
            case attend(false) of
                true -> rest(Deadline);
                false -> ok
            end
    end.

%% Who is not ready to run may still be ending.
is_anybody_busy() ->
    Pids = processes() -- get(others),
    lists:any(fun(Pid) -> process_info(Pid, status) =/= {status, waiting} end, Pids).

%% Attends to what has come, and says whether anything has.
attend(Attended) ->
    receive
        {hello, Pid, IsBusy} ->
            [put({busy, Pid}, true) || IsBusy],
            monitor(process, Pid),
            Pid ! welcome,
            attend(true);
        {event, Pid, Text} ->
            note(["event ", label(Pid), " ", Text]),
            attend(true);
        {done, Pid, Text} ->
            erase({busy, Pid}),
            note(["result ", label(Pid), " ", Text]),
            attend(true);
        {'DOWN', _, process, Pid, Reason} ->
            note(["ended ", label(Pid), " ", reason(Reason)]),
            attend(true)
    after 0 ->
        Attended
    end.

note_state(Pid) ->
    case get({busy, Pid}) of
        true ->
            ok;
        undefined ->
            Items = [links, monitors, monitored_by, registered_name, message_queue_len, trap_exit],
            case process_info(Pid, Items) of
                undefined -> ok;
                Infos -> note(["state ", label(Pid), [state(Info) || Info <- Infos]])
            end
    end.

state({links, Pids}) -> [" links", labels([Pid || Pid <- Pids, is_pid(Pid)])];
state({monitors, Objects}) -> [" monitors", labels([Object || {process, Object} <- Objects])];
state({monitored_by, Pids}) ->
    [" watched", labels([Pid || Pid <- Pids, Pid =/= self(), get({busy, Pid}) =:= undefined])];
state({registered_name, []}) -> "";
state({registered_name, Name}) -> [" name ", atom_to_list(Name)];
state({message_queue_len, Len}) -> [" queue ", integer_to_list(Len)];
state({trap_exit, Traps}) -> [" traps ", atom_to_list(Traps)].

labels(Objects) ->
    [[" ", Label] || Label <- lists:sort([lists:flatten(object(Object)) || Object <- Objects])].

clear_up() ->
    {Table, _} = get(world),
    [erlang:cancel_timer(Ref) || {{timer, _}, Ref} <- ets:tab2list(Table)],
    kill_all().

kill_all() ->
    case processes() -- get(others) of
        [] ->
            ok;
        Pids ->
            [exit(Pid, kill) || Pid <- Pids],
            erlang:yield(),
            kill_all()
    end.

note(Line) ->
    put(trace, [[Line, "\n"] | get(trace)]).

%%% What all know.

find(Key) ->
    {Table, _} = get(world),
    case ets:lookup(Table, Key) of
        [{_, Value}] -> {ok, Value};
        [] -> none
    end.

the(Key) ->
    case find(Key) of
        {ok, Value} -> Value;
        none -> throw(absent)
    end.

keep(Key, Value) ->
    {Table, _} = get(world),
    ets:insert(Table, {Key, Value}).

count(Key) ->
    {Table, _} = get(world),
    ets:update_counter(Table, Key, 1, {Key, 0}).

everybody() ->
    case find(everybody) of
        {ok, Pids} -> lists:reverse(Pids);
        none -> []
    end.

%% Lets the process be known by its index.
enlist(Index, Pid) ->
    case find({label, Pid}) of
        {ok, _} ->
            ok;
        none ->
            Label = case count({lives, Index}) of
                1 -> ["p", integer_to_list(Index)];
                Life -> ["p", integer_to_list(Index), "#", integer_to_list(Life)]
            end,
            keep({label, Pid}, Label),
            keep({pid, Index}, Pid),
            keep(everybody, [Pid | lists:reverse(everybody())])
    end.

%% The caller is known from now on, and its end will be told.
enter(World, Index) -> enter(World, Index, false).

enter(World, Index, IsBusy) ->
    put(world, World),
    enlist(Index, self()),
    {_, Director} = World,
    Director ! {hello, self(), IsBusy},
    receive welcome -> ok end.

event(Text) ->
    {_, Director} = get(world),
    Director ! {event, self(), Text}.

%%% Actors.

actor(World, Index, []) ->
    enter(World, Index),
    actor_loop();
actor(World, Index, Ops) ->
    enter(World, Index, true),
    obey(Ops).

actor_loop() ->
    receive {do, Ops} -> obey(Ops) end.

obey(Ops) ->
    case run_all(Ops, []) of
        return ->
            ok;
        Texts ->
            {_, Director} = get(world),
            Director ! {done, self(), lists:join(" ; ", Texts)},
            actor_loop()
    end.

run_all([[return] | _], _) -> return;
run_all([Op | Ops], Texts) -> run_all(Ops, [perform(Op) | Texts]);
run_all([], Texts) -> lists:reverse(Texts).

perform(Op) ->
    try do(Op)
    catch throw:absent -> "absent"
    end.

do([spawn, Index | Ops]) ->
    World = get(world),
    started(Index, spawn(fun() -> actor(World, Index, Ops) end));
do([spawn_link, Index | Ops]) ->
    World = get(world),
    started(Index, spawn_link(fun() -> actor(World, Index, Ops) end));
do([spawn_monitor, Index, Monitor | Ops]) ->
    World = get(world),
    {Pid, Ref} = spawn_monitor(fun() -> actor(World, Index, Ops) end),
    started_monitor(Index, Pid, Monitor, Ref);
do([spawn_alias, Index, Monitor, Mode | Ops]) ->
    World = get(world),
    Body = fun() -> actor(World, Index, Ops) end,
    {Pid, Ref} = spawn_opt(Body, [{monitor, [{alias, Mode}]}]),
    started_monitor(Index, Pid, Monitor, Ref);
do([link, Index]) ->
    link(the({pid, Index})),
    "ok";
do([unlink, Index]) ->
    unlink(the({pid, Index})),
    "ok";
do([monitor, Monitor, Index]) ->
    new_monitor(Monitor, monitor(process, destination(Index)));
do([monitor_tag, Monitor, Index]) ->
    new_monitor(Monitor, monitor(process, destination(Index), [{tag, tagged}]));
do([monitor_alias, Monitor, Index, Mode]) ->
    new_monitor(Monitor, monitor(process, destination(Index), [{alias, Mode}]));
do([demonitor, Monitor]) ->
    show(demonitor(the({monitor, Monitor}), [info]));
do([demonitor_flush, Monitor]) ->
    show(demonitor(the({monitor, Monitor}), [flush, info]));
do([exit, Index, Reason]) ->
    exit(the({pid, Index}), term(Reason)),
    "ok";
do([exit_self, Reason]) ->
    exit(term(Reason));
do([crash]) ->
    error(boom);
do(['catch', Op]) ->
    try do(Op) of
        Text -> ["fine ", Text]
    catch
        exit:Reason -> ["caught ", reason(Reason)];
        error:Reason:Stack -> ["caught ", reason({Reason, Stack})]
    end;
do([trap, Traps]) ->
    show(process_flag(trap_exit, Traps =:= on));
do([register, Name, Index]) ->
    attempt(fun() -> register(Name, the({pid, Index})) end);
do([register, Name]) ->
    attempt(fun() -> register(Name, self()) end);
do([unregister, Name]) ->
    attempt(fun() -> unregister(Name) end);
do([whereis, Name]) ->
    case whereis(Name) of
        undefined -> "nobody";
        Pid -> label(Pid)
    end;
do([is_alive, Index]) ->
    show(is_process_alive(the({pid, Index})));
do([send, Index, Tag]) ->
    destination(Index) ! {tag, Tag, label(self())},
    "ok";
do([send_name, Name, Tag]) ->
    attempt(fun() -> Name ! {tag, Tag, label(self())} end);
do([send_alias, Alias, Tag]) ->
    the({monitor, Alias}) ! {tag, Tag, label(self())},
    "ok";
do([alias, Alias, Mode]) ->
    Ref = case Mode of
        reply -> alias([reply]);
        explicit_unalias -> alias([explicit_unalias])
    end,
    new_monitor(Alias, Ref);
do([unalias, Alias]) ->
    show(unalias(the({monitor, Alias})));
do([send_after, Timer, Time, To, Tag]) ->
    new_timer(Timer, erlang:send_after(time(Time), destination(To), {tag, Tag, "timer"}));
do([start_timer, Timer, Time, To, Tag]) ->
    new_timer(Timer, erlang:start_timer(time(Time), destination(To), Tag));
do([exit_after, Time, Index, Reason]) ->
    {ok, _} = timer:exit_after(time(Time), the({pid, Index}), term(Reason)),
    "ok";
do([cancel, Timer]) ->
    time_left(erlang:cancel_timer(the({timer, Timer})));
do([read, Timer]) ->
    time_left(erlang:read_timer(the({timer, Timer})));
do([drain]) ->
    ["drained", drain()];
do(['receive', tag]) ->
    receive {tag, _, _} = Message -> message(Message) after 0 -> "none" end;
do(['receive', tag, Tag]) ->
    receive {tag, Tag, _} = Message -> message(Message) after 0 -> "none" end;
do(['receive', exit, Index]) ->
    Pid = the({pid, Index}),
    receive {'EXIT', Pid, _} = Message -> message(Message) after 0 -> "none" end;
do(['receive', down, Monitor]) ->
    Ref = the({monitor, Monitor}),
    receive
        {'DOWN', Ref, _, _, _} = Message -> message(Message);
        {tagged, Ref, _, _, _} = Message -> message(Message)
    after 0 ->
        "none"
    end;
do(['receive', timeout, Timer]) ->
    Ref = the({timer, Timer}),
    receive {timeout, Ref, _} = Message -> message(Message) after 0 -> "none" end;

%% proc_lib.
do([pl_start, Index, How | Ops]) ->
    Args = [get(world), Index, self(), Ops],
    case How of
        nolink -> acknowledged(proc_lib_start(start, Args));
        link ->
            acknowledged(start_linked(Index, fun() -> proc_lib_start(start_link, Args) end));
        [monitor, Monitor] ->
            {Result, Ref} = proc_lib_start(start_monitor, Args),
            new_monitor(Monitor, Ref),
            acknowledged(Result)
    end;
do([pl_stop, To, Reason]) ->
    stopped(fun() -> proc_lib:stop(destination(To), term(Reason), infinity) end);

%% gen_server. A late reply to a call without a time-out would arrive; this one takes no less long.
do([start, Index, How, Name | Ops]) ->
    start(gen_server, Index, How, Name, {server, get(world), Index, Ops});
do([call, To | Act]) ->
    try gen_server:call(destination(To), {act, Act}, ?HOUR) of
        Reply -> ["replied ", show(Reply)]
    catch
        exit:{Reason, {gen_server, call, _}} -> ["failed ", reason(Reason)]
    end;
do([call_or_exit, To | Act]) ->
    ["replied ", show(gen_server:call(destination(To), {act, Act}, ?HOUR))];
do([request, To | Act]) ->
    Request = gen_server:send_request(destination(To), {act, Act}),
    case gen_server:receive_response(Request, infinity) of
        {reply, Reply} -> ["replied ", show(Reply)];
        {error, {Reason, _}} -> ["failed ", reason(Reason)]
    end;
do([cast, To | Act]) ->
    gen_server:cast(destination(To), {act, Act}),
    "ok";
do([tell, Index | Act]) ->
    the({pid, Index}) ! {act, Act},
    "ok";
do([answer, Deferred, Reply]) ->
    gen_server:reply(the({deferred, Deferred}), Reply),
    "ok";
do([stop, To, Reason]) ->
    stopped(fun() -> gen_server:stop(destination(To), term(Reason), infinity) end);
do([suspend, To]) ->
    asked(fun() -> sys:suspend(destination(To), infinity) end);
do([resume, To]) ->
    asked(fun() -> sys:resume(destination(To), infinity) end);
do([terminate, To, Reason]) ->
    asked(fun() -> sys:terminate(destination(To), term(Reason), infinity) end);

%% gen_statem.
do([start_machine, Index, How, Name | Rules]) ->
    start(gen_statem, Index, How, Name, {machine, get(world), Index, Rules});
do([machine_call, To, Event]) ->
    try gen_statem:call(destination(To), Event) of
        Reply -> ["replied ", show(Reply)]
    catch
        exit:{Reason, {gen_statem, call, _}} -> ["failed ", reason(Reason)]
    end;
do([machine_cast, To, Event]) ->
    gen_statem:cast(destination(To), Event),
    "ok";
do([machine_tell, Index, Event]) ->
    the({pid, Index}) ! {machine_event, Event},
    "ok";
do([machine_state, To]) ->
    asked(fun() ->
        {State, #{fuel := Fuel}} = sys:get_state(destination(To), infinity),
        ["state ", show(State), " ", show(Fuel)]
    end);
do([wait, _]) ->
    "ok";

%% supervisor.
do([start_sup, Index, Name | Spec]) ->
    Init = {supervisor, get(world), Index, Spec},
    start_outcome(start_linked(Index, fun() -> start_supervisor(Name, Init) end));
do([start_simple, Index, Name | Spec]) ->
    Init = {simple, get(world), Index, Spec},
    start_outcome(start_linked(Index, fun() -> start_supervisor(Name, Init) end));
do([start_child, To, Spec]) ->
    asked(fun() -> child_outcome(supervisor:start_child(destination(To), child_spec(Spec))) end);
do([start_one, To, Index | Inits]) ->
    asked(fun() -> child_outcome(supervisor:start_child(destination(To), [Index, Inits])) end);
do([terminate_child, To, Index]) ->
    asked(fun() -> supervisor:terminate_child(destination(To), Index) end);
do([terminate_one, To, Index]) ->
    Pid = the({pid, Index}),
    asked(fun() -> supervisor:terminate_child(destination(To), Pid) end);
do([restart_child, To, Index]) ->
    asked(fun() -> child_outcome(supervisor:restart_child(destination(To), Index)) end);
do([delete_child, To, Index]) ->
    asked(fun() -> supervisor:delete_child(destination(To), Index) end);
do([which_children, To]) ->
    asked(fun() -> children(supervisor:which_children(destination(To))) end);
do([count_children, To]) ->
    asked(fun() -> counts(supervisor:count_children(destination(To))) end);
do([get_childspec, To, Index]) ->
    asked(fun() -> spec_outcome(supervisor:get_childspec(destination(To), Index)) end);
do([get_one_spec, To, Index]) ->
    Pid = the({pid, Index}),
    asked(fun() -> spec_outcome(supervisor:get_childspec(destination(To), Pid)) end).

started(Index, Pid) ->
    enlist(Index, Pid),
    label(Pid).

started_monitor(Index, Pid, Monitor, Ref) ->
    enlist(Index, Pid),
    new_monitor(Monitor, Ref),
    label(Pid).

new_monitor(Monitor, Ref) ->
    keep({monitor, Monitor}, Ref),
    keep({label, Ref}, atom_to_list(Monitor)),
    "ok".

new_timer(Timer, Ref) ->
    keep({timer, Timer}, Ref),
    keep({label, Ref}, atom_to_list(Timer)),
    "ok".

time(now) -> 0;
time(zero) -> 0;
time(soon) -> 1;
time(never) -> ?HOUR.

time_left(false) -> "none";
time_left(_) -> "left".

attempt(Fun) ->
    try Fun() of
        _ -> "ok"
    catch
        error:badarg -> "badarg"
    end.

drain() ->
    receive Message -> [" (", message(Message), ")" | drain()] after 0 -> [] end.

proc_lib_start(Function, Args) ->
    Body = fun(World, Index, Starter, Ops) ->
        enter(World, Index),
        acknowledge(Ops, Starter)
    end,
    apply(proc_lib, Function, [erlang, apply, [Body, Args]]).

acknowledge([[ack, Value] | Ops], Starter) ->
    proc_lib:init_ack(Starter, {said, Value}),
    case run_all(Ops, []) of
        return -> ok;
        _ -> actor_loop()
    end;
acknowledge([[return] | _], _) ->
    ok;
acknowledge([Op | Ops], Starter) ->
    perform(Op),
    acknowledge(Ops, Starter);
acknowledge([], _) ->
    ok.

acknowledged({said, Value}) -> ["said ", show(Value)];
acknowledged({error, Reason}) -> ["failed ", reason(Reason)].

start(Behaviour, Index, How, Name, Init) ->
    Start = fun(Function) -> start_server(Behaviour, Function, Name, Init) end,
    case How of
        nolink -> start_outcome(Start(start));
        link -> start_outcome(start_linked(Index, fun() -> Start(start_link) end));
        [monitor, Monitor] ->
            case Start(start_monitor) of
                {ok, {Pid, Ref}} ->
                    new_monitor(Monitor, Ref),
                    start_outcome({ok, Pid});
                Other ->
                    start_outcome(Other)
            end
    end.

start_server(Behaviour, Function, '-', Init) -> Behaviour:Function(?MODULE, Init, []);
start_server(Behaviour, Function, Name, Init) ->
    Behaviour:Function({local, Name}, ?MODULE, Init, []).

start_outcome({ok, Pid}) -> ["ok ", label(Pid)];
start_outcome(ignore) -> "ignored";
start_outcome({error, {already_started, Pid}}) -> ["already ", label(Pid)];
start_outcome({error, Reason}) -> ["failed ", reason(Reason)].

%% Before OTP 26, who starts a linked process that fails is left with its exit signal, if it traps
%% exits.
start_linked(Index, Start) ->
    Before = find({pid, Index}),
    case Start() of
        {Word, _} = Started when Word =:= ok; Word =:= said ->
            Started;
        Failed ->
            [erlang:yield() || _ <- lists:seq(1, 5)],
            forget_exit(find({pid, Index}), Before),
            Failed
    end.

forget_exit(Before, Before) ->
    %% `init` was not run.
    {messages, Messages} = process_info(self(), messages),
    case [Pid || {'EXIT', Pid, normal} <- Messages, find({label, Pid}) =:= none] of
        [Pid | _] -> receive {'EXIT', Pid, _} -> ok end;
        [] -> ok
    end;
forget_exit({ok, Pid}, _) ->
    receive {'EXIT', Pid, _} -> ok after 0 -> ok end.

stopped(Fun) ->
    try Fun() of
        ok -> "ok"
    catch
        exit:{Reason, {sys, terminate, _}} -> ["failed ", reason(Reason)];
        exit:Reason -> ["failed ", reason(Reason)]
    end.

asked(Fun) ->
    try Fun() of
        {error, Reason} -> show(Reason);
        Outcome -> show(Outcome)
    catch
        exit:{Reason, {_, _, _}} -> ["failed ", reason(Reason)]
    end.

start_supervisor('-', Init) -> supervisor:start_link(?MODULE, Init);
start_supervisor(Name, Init) -> supervisor:start_link({local, Name}, ?MODULE, Init).

child_outcome({ok, undefined}) -> "undefined";
child_outcome({ok, Pid}) -> ["ok ", label(Pid)];
child_outcome({error, {bad_combination, _}}) -> "spec";
child_outcome({error, already_present}) -> "already_present";
child_outcome({error, {already_started, Pid}}) -> ["already ", label(Pid)];
child_outcome({error, {Reason, Child}}) when element(1, Child) =:= child ->
    ["failed ", reason(Reason)];
child_outcome({error, Reason}) when is_atom(Reason), Reason =/= oops, Reason =/= killed,
                                   Reason =/= normal, Reason =/= shutdown ->
    show(Reason);
child_outcome({error, Reason}) -> ["failed ", reason(Reason)].

children(Children) ->
    ["children", [[" ", child(Child)] || Child <- Children]].

child({Id, Pid, Type, _}) ->
    [show(Id), "=", case Pid of
        undefined -> "undefined";
        restarting -> "restarting";
        _ -> label(Pid)
    end, "/", show(Type)].

counts(Counts) ->
    ["counts", [[" ", show(Count)] || {_, Count} <- Counts]].

spec_outcome({ok, #{id := Id, restart := Restart, shutdown := Shutdown, type := Type} = Spec}) ->
    Significant = maps:get(significant, Spec, false),
    Items = [Id, Restart, shutdown(Shutdown), Type, Significant],
    ["spec", [[" ", show(Item)] || Item <- Items]];
spec_outcome({error, Reason}) -> show(Reason).

shutdown(?HOUR) -> hour;
shutdown(Shutdown) -> Shutdown.

%%% Servers, machines and supervisors.

init({server, World, Index, Ops}) ->
    enter(World, Index),
    event("init"),
    case outcome(Ops, undefined, []) of
        {_, ignore, _, _} -> ignore;
        {_, {stop, Reason}, _, _} -> {stop, Reason};
        {_, go_on, [], State} -> {ok, State};
        {_, go_on, [Wait], State} -> {ok, State, Wait}
    end;
init({machine, World, Index, Rules}) ->
    enter(World, Index),
    event("init"),
    Init = lists:append([Actions || [init | Actions] <- Rules]),
    {Actions, Data} = actions(Init, none, #{rules => Rules, fuel => ?FUEL, kept => []}),
    {ok, a, Data, Actions};
init({supervisor, World, Index, [Strategy, Intensity, AutoShutdown | Children]}) ->
    enter(World, Index),
    Flags = #{strategy => Strategy, intensity => Intensity, period => ?HOUR div 1000,
              auto_shutdown => AutoShutdown},
    {ok, {Flags, [child_spec(Child) || Child <- Children]}};
init({simple, World, Index, [Intensity, AutoShutdown, Restart, Shutdown, Significant]}) ->
    enter(World, Index),
    Flags = #{strategy => simple_one_for_one, intensity => Intensity, period => ?HOUR div 1000,
              auto_shutdown => AutoShutdown},
    Spec = #{id => template, start => {?MODULE, start_child, [World]}, restart => Restart,
             shutdown => time_to_end(Shutdown), significant => Significant},
    {ok, {Flags, [Spec]}}.

child_spec([child, Index, Restart, Shutdown, Significant | Inits]) ->
    #{id => Index, start => {?MODULE, start_child, [get(world), Index, Inits]},
      restart => Restart, shutdown => time_to_end(Shutdown), significant => Significant};
child_spec([tree, Index, Restart, Significant | Spec]) ->
    #{id => Index, start => {?MODULE, start_tree, [get(world), Index, Spec]},
      restart => Restart, significant => Significant, type => supervisor}.

time_to_end(hour) -> ?HOUR;
time_to_end(Shutdown) -> Shutdown.

%% Each start of a child has an `init` of its own, the last one counting for all that follow.
start_child(World, Index, Inits) ->
    put(world, World),
    Start = min(count({starts, Index}), length(Inits)),
    Init = lists:nth(Start, Inits),
    gen_server:start_link(?MODULE, {server, World, Index, Init}, []).

start_tree(World, Index, Spec) ->
    supervisor:start_link(?MODULE, {supervisor, World, Index, Spec}).

handle_call({act, Act}, From, State) ->
    event("call"),
    case outcome(Act, From, State) of
        {none, go_on, Wait, New} -> list_to_tuple([noreply, New | Wait]);
        {{reply, Reply}, go_on, Wait, New} -> list_to_tuple([reply, Reply, New | Wait]);
        {none, {stop, Reason}, _, New} -> {stop, Reason, New};
        {{reply, Reply}, {stop, Reason}, _, New} -> {stop, Reason, Reply, New}
    end.

handle_cast({act, Act}, State) ->
    event("cast"),
    next(outcome(Act, undefined, State)).

handle_info({act, Act}, State) ->
    event("told"),
    next(outcome(Act, undefined, State));
handle_info(timeout, State) ->
    event("timeout"),
    {noreply, State};
handle_info(Message, State) ->
    event(["info ", message(Message)]),
    {noreply, State}.

handle_continue(Act, State) ->
    event("continue"),
    next(outcome(Act, undefined, State)).

next({_, go_on, Wait, State}) -> list_to_tuple([noreply, State | Wait]);
next({_, {stop, Reason}, _, State}) -> {stop, Reason, State}.

%% The state is what is to be done at the end.
terminate(Reason, State) ->
    event(["terminate ", reason(Reason)]),
    [perform(Op) || Op <- State],
    ok.

%% What comes of an act: the reply, whether to go on, what to wait for, the state.
outcome(Act, From, State) -> outcome(Act, From, none, go_on, [], State).

outcome([], _, Reply, Next, Wait, State) -> {Reply, Next, Wait, State};
outcome([Op | Ops], From, Reply, Next, Wait, State) ->
    case Op of
        [reply, Value] -> outcome(Ops, From, {reply, Value}, Next, Wait, State);
        [defer, Deferred] ->
            keep({deferred, Deferred}, From),
            outcome(Ops, From, none, Next, Wait, State);
        [ignore] -> outcome(Ops, From, Reply, ignore, Wait, State);
        ['end', Reason] -> outcome(Ops, From, Reply, {stop, term(Reason)}, Wait, State);
        [timeout, Time] -> outcome(Ops, From, Reply, Next, [time(Time)], State);
        [hibernate] -> outcome(Ops, From, Reply, Next, [hibernate], State);
        [continue | Act] -> outcome(Ops, From, Reply, Next, [{continue, Act}], State);
        [at_end | Act] -> outcome(Ops, From, Reply, Next, Wait, Act);
        _ ->
            perform(Op),
            outcome(Ops, From, Reply, Next, Wait, State)
    end.

%%% Machines, which do what their rules say: see `machine_table.rs`.

callback_mode() -> [handle_event_function, state_enter].

handle_event(enter, Old, State, Data) ->
    event(["enter ", show(Old), " ", show(State)]),
    react([enter, State], none, Data);
handle_event(info, {machine_event, Event}, State, Data) ->
    event([show(State), " info ", show(Event)]),
    react([on, State, Event], none, Data);
handle_event(Type, Event, State, Data) when is_atom(Event) ->
    event([show(State), " ", kind(Type), " ", show(Event)]),
    From = case Type of
        {call, Client} -> Client;
        _ -> none
    end,
    react([on, State, Event], From, Data);
handle_event(info, Message, _, _) ->
    event(["info ", message(Message)]),
    keep_state_and_data.

terminate(boom, State, _) ->
    event(["terminate crash ", show(State)]);
terminate(Reason, State, _) ->
    event(["terminate ", reason(Reason), " ", show(State)]).

react(_, _, #{fuel := 0}) ->
    keep_state_and_data;
react(Place, From, #{rules := Rules, fuel := Fuel} = Data) ->
    Less = Data#{fuel := Fuel - 1},
    case [lists:nthtail(length(Place), Rule) || Rule <- Rules, lists:prefix(Place, Rule)] of
        [[Outcome | Ops]] ->
            {Actions, New} = actions(Ops, From, Less),
            result(Outcome, From, Actions, New);
        [] ->
            {keep_state, Less}
    end.

result(keep, _, Actions, Data) -> {keep_state, Data, Actions};
result(repeat, _, Actions, Data) -> {repeat_state, Data, Actions};
result([next, State], _, Actions, Data) -> {next_state, State, Data, Actions};
result([stop, Reason], _, _, Data) -> {stop, Reason, Data};
result([stop_and_reply, Reason, Value], From, _, Data) ->
    {stop_and_reply, Reason, replies(From, Value), Data};
result(crash, _, _, _) -> error(boom).

%% The actions in the words of OTP, and the data with the clients that are kept.
actions(Ops, From, Data) ->
    lists:foldl(fun(Op, {Actions, Before}) ->
        {More, After} = action(Op, From, Before),
        {Actions ++ More, After}
    end, {[], Data}, Ops).

action([postpone], _, Data) -> {[postpone], Data};
action([hibernate], _, Data) -> {[hibernate], Data};
action([next_event, Kind, Event], _, Data) -> {[{next_event, type(Kind), Event}], Data};
action([pass_on, _], none, Data) -> {[], Data};
action([pass_on, Event], From, Data) -> {[{next_event, {call, From}, Event}], Data};
action([reply, Value], From, Data) -> {replies(From, Value), Data};
action([keep], none, Data) -> {[], Data};
action([keep], From, #{kept := Kept} = Data) -> {[], Data#{kept := Kept ++ [From]}};
action([reply_kept, _], _, #{kept := []} = Data) -> {[], Data};
action([reply_kept, Value], _, #{kept := [From | Kept]} = Data) ->
    {replies(From, Value), Data#{kept := Kept}};
action([timeout, Which, Time, Event], _, Data) -> {[{type(Which), span(Time), Event}], Data};
action([cancel, Which], _, Data) -> {[{type(Which), cancel}], Data};
action([update, Which, Event], _, Data) -> {[{type(Which), update, Event}], Data}.

replies(none, _) -> [];
replies(From, Value) -> [{reply, From, Value}].

span(infinity) -> infinity;
span(late) -> ?HOUR;
span(Time) -> time(Time).

type(event) -> timeout;
type(state) -> state_timeout;
type(Name) when Name =:= n1; Name =:= n2 -> {timeout, Name};
type(Kind) -> Kind.

kind({call, _}) -> "call";
kind(timeout) -> "event";
kind(state_timeout) -> "state";
kind({timeout, Name}) -> show(Name);
kind(Type) -> show(Type).

%%% Words.

%% A line as nested lists of atoms and integers.
words(Line) ->
    {Words, []} = words(binary:split(Line, <<" ">>, [global, trim_all]), []),
    Words.

words([], Words) -> {lists:reverse(Words), []};
words([<<"(">> | Rest], Words) ->
    {List, Left} = words(Rest, []),
    words(Left, [List | Words]);
words([<<")">> | Rest], Words) -> {lists:reverse(Words), Rest};
words([Word | Rest], Words) -> words(Rest, [word(Word) | Words]).

word(<<Digit, _/binary>> = Word) when Digit >= $0, Digit =< $9 -> binary_to_integer(Word);
word(Word) -> binary_to_atom(Word).

show_step(Step) -> lists:join(" ", [show_word(Word) || Word <- Step]).

show_word(List) when is_list(List) -> ["( ", [[show_word(Word), " "] || Word <- List], ")"];
show_word(Word) -> show(Word).

show(Atom) when is_atom(Atom) -> atom_to_list(Atom);
show(Integer) when is_integer(Integer) -> integer_to_list(Integer);
show(Text) when is_list(Text) -> Text;
show(Other) -> io_lib:format("~0p", [Other]).

term('shutdown:x') -> {shutdown, x};
term(Reason) -> Reason.

reason(Reason) when is_atom(Reason) -> atom_to_list(Reason);
reason({shutdown, {failed_to_start_child, Id, Reason}}) ->
    ["child(", show(Id), ",", reason(Reason), ")"];
reason({shutdown, x}) -> "shutdown:x";
reason({Spec, _}) when Spec =:= start_spec; Spec =:= supervisor_data -> "spec";
reason({Reason, {Module, _, _}}) when Module =:= gen_server; Module =:= sys;
                                        Module =:= gen_statem ->
    ["call:", reason(Reason)];
reason({boom, Stack}) when is_list(Stack) -> "crash";
reason({Error, Stack}) when is_list(Stack) -> ["crash:", show(Error)];
reason(Other) -> ["?", re:replace(show(Other), "\\s", "_", [global])].

object(Pid) when is_pid(Pid) -> label(Pid);
object({Name, _}) -> atom_to_list(Name).

destination(Index) when is_integer(Index) -> the({pid, Index});
destination(Name) -> Name.

label(Object) ->
    case find({label, Object}) of
        {ok, Label} -> Label;
        none -> "?"
    end.

message({tag, Tag, From}) -> ["tag ", show(Tag), " from ", From];
message({'EXIT', Pid, Reason}) -> ["exit ", label(Pid), " ", reason(Reason)];
message({'DOWN', Ref, process, Object, Reason}) ->
    ["down ", label(Ref), " ", object(Object), " ", reason(Reason)];
message({tagged, Ref, process, Object, Reason}) ->
    ["tagged-down ", label(Ref), " ", object(Object), " ", reason(Reason)];
message({timeout, Ref, Tag}) -> ["timeout ", label(Ref), " ", show(Tag)];
message(_) -> "other".
