%% The agent of tests/contract/versions/keeper.cpp as a gen_server: it counts what it sees of each
%% key, carries some ballast, and tells the collector. Compiled twice, with VERSION 1 and 2.
-module(keeper).
-behaviour(gen_server).
-export([start_link/2, init/1, handle_cast/2, handle_call/3, code_change/3]).
-vsn(?VERSION).

start_link(Collector, Bytes) -> gen_server:start_link(?MODULE, {Collector, Bytes}, []).

init({Collector, Bytes}) ->
    {ok, #{collector => Collector, last => #{}, seen => 0, ballast => binary:copy(<<"x">>, Bytes)}}.

handle_cast({seen, Key, N}, #{collector := C, last := Last, seen := Seen} = State) ->
    C ! {done, Key, N, ?VERSION},
    {noreply, State#{last := Last#{Key => N}, seen := Seen + 1}}.

handle_call(version, _From, State) -> {reply, ?VERSION, State}.

%% As a version does that takes its state through a form of its own: written and read once.
code_change(_Old, State, _Extra) -> {ok, binary_to_term(term_to_binary(State))}.
