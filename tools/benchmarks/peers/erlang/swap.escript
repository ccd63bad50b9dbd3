#!/usr/bin/env escript
%% Swaps the code of a gen_server that works at 70 % of what it can do, as tools/bench swap does
%% with an agent. swap.escript SWAPS BYTES KEEPER_ERL; prints one JSON object.
-mode(compile).

main([SwapsText, BytesText, Source]) ->
    Swaps = list_to_integer(SwapsText),
    Bytes = list_to_integer(BytesText),
    Versions = [compile_version(Source, V) || V <- [1, 2]],
    load(hd(Versions)),
    Collector = spawn_link(fun() -> collect(#{}, 0, 0, 0) end),
    {ok, Server} = keeper:start_link(Collector, Bytes),
    Capacity = capacity(Server, Collector, 1500),
    Rate = min(Capacity * 0.7, 100000.0), % more fills its mailboxes before it is full

    Giver = spawn_link(fun() -> give(Server, Rate, erlang:monotonic_time(microsecond), 0) end),
    Pauses = swap(Server, Versions, Swaps, []),
    Giver ! {stop, self()},
    Given = receive {given, N} -> N end,
    {Done, Repeated, Reordered} = drain(Collector, Given, 600),
    Sorted = lists:sort(Pauses),
    io:format("{\"swaps\": ~b, \"pause_ms_p50\": ~.4f, \"pause_ms_p99\": ~.4f, "
              "\"capacity_per_s\": ~.1f, \"lost\": ~b, \"repeated\": ~b, \"reordered\": ~b}~n",
              [Swaps, quantile(Sorted, 0.5), quantile(Sorted, 0.99), Capacity,
               max(0, Given - Done), Repeated, Reordered]).

compile_version(Source, V) ->
    {ok, keeper, Binary} = compile:file(Source, [binary, {d, 'VERSION', V}]),
    Binary.

load(Binary) ->
    code:purge(keeper),
    {module, keeper} = code:load_binary(keeper, "keeper.erl", Binary).

swap(_Server, _Versions, 0, Pauses) -> Pauses;
swap(Server, [Now, Next], Left, Pauses) ->
    load(Next), % beside: the process goes on with the code it runs
    Begin = erlang:monotonic_time(microsecond),
    ok = sys:suspend(Server, infinity),
    ok = sys:change_code(Server, keeper, undefined, [], infinity),
    ok = sys:resume(Server, infinity),
    Pause = (erlang:monotonic_time(microsecond) - Begin) / 1000,
    timer:sleep(2),
    swap(Server, [Next, Now], Left - 1, [Pause | Pauses]).

capacity(Server, Collector, Ms) ->
    Begin = erlang:monotonic_time(microsecond),
    Sent = flood(Server, Collector, Begin + Ms * 1000, 0),
    Rate = Sent / ((erlang:monotonic_time(microsecond) - Begin) / 1.0e6),
    Collector ! {reset, self()},
    receive reset -> Rate end.

%% 256 at a time, until the last of them has been through both.
flood(Server, Collector, Until, N) ->
    case erlang:monotonic_time(microsecond) < Until of
        false -> N;
        true ->
            [gen_server:cast(Server, {seen, I rem 64, 0}) || I <- lists:seq(1, 256)],
            _ = gen_server:call(Server, version, infinity),
            Collector ! {count, self()},
            receive {count, _} -> ok end,
            flood(Server, Collector, Until, N + 256)
    end.

%% Bursts of what a millisecond is worth: a timer of the runtime is no finer.
give(Server, Rate, Begin, Given) ->
    receive {stop, From} -> From ! {given, Given}
    after 1 ->
        Due = trunc((erlang:monotonic_time(microsecond) - Begin) / 1.0e6 * Rate),
        [gen_server:cast(Server, {seen, I rem 64, I div 64}) || I <- lists:seq(Given, Due - 1)],
        give(Server, Rate, Begin, max(Given, Due))
    end.

collect(Next, Done, Repeated, Reordered) ->
    receive
        {done, Key, N, _Version} ->
            Expected = maps:get(Key, Next, 0),
            if N < Expected -> collect(Next, Done, Repeated + 1, Reordered);
               N > Expected -> collect(Next#{Key => N + 1}, Done + 1, Repeated, Reordered + 1);
               true -> collect(Next#{Key => N + 1}, Done + 1, Repeated, Reordered)
            end;
        {reset, From} -> From ! reset, collect(#{}, 0, 0, 0);
        {count, From} -> From ! {count, {Done, Repeated, Reordered}},
                         collect(Next, Done, Repeated, Reordered)
    end.

drain(Collector, Given, Tries) ->
    Collector ! {count, self()},
    receive
        {count, {Done, _, _} = All} when Done >= Given; Tries =:= 0 -> All;
        {count, _} -> timer:sleep(100), drain(Collector, Given, Tries - 1)
    end.

quantile([], _) -> 0.0;
quantile(Sorted, Q) ->
    lists:nth(min(length(Sorted), trunc(Q * length(Sorted)) + 1), Sorted) * 1.0.
