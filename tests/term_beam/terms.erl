%% What Erlang says of terms. Files in, a file out: each binary in them has its length in front, in
%% four bytes.
-module(terms).
-export([main/1]).

main([Command, In, Out]) ->
    {ok, Input} = file:read_file(In),
    Output = case Command of
        "check" -> [check(Bytes, Text) || [Bytes, Text] <- chunks(2, Input)];
        "same" -> [chunk(atom_to_binary(same(A, B))) || [A, B] <- chunks(2, Input)];
        "generate" -> generate(binary_to_list(Input))
    end,
    ok = file:write_file(Out, Output),
    init:stop().

chunk(Binary) -> <<(byte_size(Binary)):32, Binary/binary>>.

chunks(Count, Input) ->
    case take(Count, Input, []) of
        {Chunks, Rest} -> [Chunks | chunks(Count, Rest)];
        none -> []
    end.

take(_, <<>>, []) -> none;
take(0, Rest, Chunks) -> {lists:reverse(Chunks), Rest};
take(Count, <<Length:32, Chunk:Length/binary, Rest/binary>>, Chunks) ->
    take(Count - 1, Rest, [Chunk | Chunks]).

%% What has been read, written again; how it prints; and whether Text is the same term.
check(Bytes, Text) ->
    try binary_to_term(Bytes) of
        Term ->
            Is = Text =:= <<>> orelse parse(Text) =:= Term,
            [chunk(term_to_binary(Term)), chunk(print(Term)), chunk(atom_to_binary(Is))]
    catch
        error:badarg -> [chunk(<<>>), chunk(<<>>), chunk(<<"badarg">>)]
    end.

parse(Text) ->
    {ok, Tokens, _} = erl_scan:string(unicode:characters_to_list(Text) ++ "."),
    {ok, Term} = erl_parse:parse_term(Tokens),
    Term.

%% Since 26 the keys of maps are sorted only if one asks for it. Before 25 floats are printed by
%% other rules, so there is nothing to compare with.
print(Term) ->
    case list_to_integer(erlang:system_info(otp_release)) of
        Release when Release >= 26 -> print("~0ktp", Term);
        25 -> print("~0tp", Term);
        _ -> <<>>
    end.

print(Format, Term) -> unicode:characters_to_binary(io_lib:format(Format, [Term])).

same(A, B) -> binary_to_term(A) =:= binary_to_term(B).

generate(Seed) ->
    [SeedNumber, Count] = [list_to_integer(Word) || Word <- string:lexemes(Seed, " ")],
    rand:seed(exsss, SeedNumber),
    [generated(lists:nth(rand:uniform(4), [1, 5, 20, 100])) || _ <- lists:seq(1, Count)].

%% Its text is empty if it prints with numbers that only this node knows, or in no order.
generated(Size) ->
    Term = term(Size),
    Version = rand:uniform(2),
    Text = case is_literal(Term) of
        true -> print(Term);
        false -> <<>>
    end,
    [chunk(term_to_binary(Term, [{minor_version, Version}])), chunk(Text)].

is_literal([Head | Tail]) -> is_literal(Head) andalso is_literal(Tail);
is_literal(Tuple) when is_tuple(Tuple) -> is_literal(tuple_to_list(Tuple));
is_literal(Map) when is_map(Map) -> map_size(Map) =< 32 andalso is_literal(maps:to_list(Map));
is_literal(Fun) when is_function(Fun) -> erlang:fun_info(Fun, type) =:= {type, external};
is_literal(Term) -> not (is_pid(Term) orelse is_reference(Term) orelse is_port(Term)).

term(Size) when Size =< 1 ->
    case rand:uniform(100) of
        1 -> many(rand:uniform(3));
        _ -> leaf()
    end;
term(Size) ->
    Count = rand:uniform(min(Size, 8)),
    Inside = [term((Size - 1) div Count) || _ <- lists:seq(1, Count)],
    case rand:uniform(7) of
        1 -> leaf();
        2 -> Inside;
        3 -> Inside;
        4 -> list_to_tuple(Inside);
        5 -> list_to_tuple(Inside);
        6 -> Inside ++ leaf();
        7 -> maps:from_list([{Key, leaf()} || Key <- Inside])
    end.

many(1) -> list_to_tuple([leaf() || _ <- lists:seq(1, 300)]);
many(2) -> maps:from_list([{N, leaf()} || N <- lists:seq(1, 40)]);
many(3) -> lists:duplicate(65534 + rand:uniform(3), 7).

leaf() ->
    case rand:uniform(15) of
        1 -> rand:uniform(300) - 20;
        2 -> integer();
        3 -> integer();
        4 -> float_of(rand:uniform(4));
        5 -> float_of(rand:uniform(4));
        6 -> atom();
        7 -> atom();
        8 -> unicode:characters_to_binary(text());
        9 -> rand:bytes(rand:uniform(20));
        10 -> Bits = rand:uniform(70), <<(rand:uniform(1 bsl Bits) - 1):Bits>>;
        11 -> text();
        12 -> one_of([[], {}, #{}, <<>>, ""]);
        13 -> one_of([self(), make_ref(), hd(erlang:ports()), spawn(fun() -> ok end)]);
        14 -> Free = rand:uniform(1000), one_of([fun() -> Free end, fun lists:map/2]);
        15 -> one_of([fun 'A b':'C'/255, fun erlang:self/0])
    end.

one_of(List) -> lists:nth(rand:uniform(length(List)), List).

integer() ->
    Power = 1 bsl (8 * (rand:uniform(20) - 1)),
    Number = one_of([Power, Power bsr 1, Power * rand:uniform(255), Power bsl 2040]),
    one_of([1, -1]) * (Number + rand:uniform(3) - 2).

float_of(1) -> float(rand:uniform(1000)) * math:pow(10, rand:uniform(40) - 20);
float_of(2) -> rand:uniform(100000) / math:pow(10, rand:uniform(12));
float_of(3) -> float((1 bsl (rand:uniform(64))) + rand:uniform(3) - 2);
float_of(4) ->
    case rand:bytes(8) of
        <<Float/float>> -> Float;
        _ -> -0.0
    end.

atom() ->
    one_of([ok, '', a, 'aB_1@x', 'Hello', 'hello world', 'it\'s', 'end', 'été', 'Été', 'ж', '日本',
            'a.b', '\n\x{1}\x{7f}\x{85}', 'back\\slash', '_x', '1a', '[]', '÷', 'ß', 'ª', true,
            list_to_atom(lists:duplicate(255, $a)), list_to_atom(lists:duplicate(255, $é)),
            list_to_atom(lists:duplicate(255, $ж)), list_to_atom(lists:duplicate(128, $é))]).

text() ->
    Text = one_of(["x", "hello", "quo\"te", "line\nbreak\ttab\e", "grüße", "жук", "\x{7f}",
                   "\x{85}", "\x{2028}", [16#1f600], [16#fffe], [$a, 0], [16#d800 - 1]]),
    lists:flatten(lists:duplicate(one_of([1, 1, 2, 40]), Text)).
