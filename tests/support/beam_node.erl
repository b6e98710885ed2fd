%% A node that evaluates the expressions that it reads, one a line, each with a number in front. Each
%% is evaluated in a process of its own, and its value printed behind a marker and the number.
-module(beam_node).
-export([main/0]).

main() ->
    ok = io:setopts([{encoding, unicode}]),
    say("ready ~ts", [node()]),
    loop().

loop() ->
    case io:get_line("") of
        Line when is_list(Line) ->
            [Number, Text] = string:split(Line, " "),
            spawn(fun() -> evaluate(Number, Text) end),
            loop();
        %% Who has started the node is gone.
        _ ->
            erlang:halt(0)
    end.

evaluate(Number, Text) ->
    try
        {ok, Tokens, _} = erl_scan:string(Text),
        {ok, Expressions} = erl_parse:parse_exprs(Tokens),
        erl_eval:exprs(Expressions, erl_eval:new_bindings())
    of
        {value, Value, _} -> say("value ~ts ~0tp", [Number, Value])
    catch
        Class:Reason -> say("failed ~ts ~0tp", [Number, {Class, Reason}])
    end.

%% Whatever else is printed ends with its line.
say(Format, Arguments) ->
    io:put_chars(["\n#beam ", io_lib:format(Format, Arguments), "\n"]).
