"""Complete durable decisions: crossdock, and peers doing the same work."""

from bench import result, table
from bench.errors import BenchError
from bench.programs import Peers

BRIEF = "durable decisions per second and latency, beside LangGraph JS and Restate"

IN_FLIGHT = (1, 16, 64)
RATIO_AT = "decisions_per_s_16"
SPEED = tuple(f"decisions_per_s_{n}" for n in IN_FLIGHT) + (
    "latency_ms_p50_1", "latency_ms_p99_1", "records_per_decision")
OURS = SPEED + ("rss_mb_idle", "start_to_serving_s")

# prefix of the figures: (shown, script, arguments, may be missing)
PEERS = {
    "langgraph": ("LangGraph JS, as it comes", "langgraph.mjs", ("--durable", "default"), False),
    "langgraph_fsync": ("LangGraph JS, fsync", "langgraph.mjs", ("--durable", "fsync"), False),
    "restate": ("Restate", "restate.mjs", (), True),
}


def prepare(place):
    place.make("bench_decisions")
    place.program("bench_decisions")
    if not place.options.no_peers:
        Peers(place).prepare()


def measure(place):
    place.say(f"measuring crossdock (about {place.seconds * 3 + 10:.0f} s)")
    text = place.output_of(
        [place.program("bench_decisions"), "--json", "-", "--seconds", place.seconds],
        what="bench_decisions", seconds=place.seconds * 12 + 120)
    ours = result.program_output("bench_decisions", text, OURS)
    if place.options.no_peers:
        ours.notes.append("--no-peers: no peer was measured")
        return ours
    peers = Peers(place)
    if not peers.isolated:
        ours.notes.append("this machine lets nobody make a network; the peers had its own")
    theirs = {}
    for prefix in PEERS:
        measured = measure_peer(place, peers, prefix, ours.notes)
        if measured:
            theirs[prefix] = measured
    return combine(ours, theirs)


def measure_peer(place, peers, prefix, notes):
    name, script, arguments, optional = PEERS[prefix]
    place.say(f"measuring {name} (about {place.seconds * 3 + 3:.0f} s)")
    try:
        text = peers.output_of(
            script, *arguments, "--dir", place.folder(prefix), "--seconds", place.seconds,
            what=name, seconds=place.seconds * 12 + 120)
        return result.program_output(name, text, SPEED)
    except BenchError as e:
        if not optional:
            raise
        place.say(e)
        notes.append(f"{name} was not measured: {e}")
        return None


def combine(ours, theirs):
    """One set of figures, the peers' with their prefix, and how often faster crossdock is."""
    whole = result.Measured(dict(ours.figures), dict(ours.ratios), list(ours.notes))
    for prefix, peer in theirs.items():
        whole.figures |= {f"{prefix}_{name}": value for name, value in peer.figures.items()}
        whole.ratios[f"ratio_{prefix}"] = result.ratio(ours.figures[RATIO_AT],
                                                       peer.figures[RATIO_AT])
        whole.notes += [f"{PEERS[prefix][0]}: {note}" for note in peer.notes]
    return whole


def show(whole):
    figures = whole["figures"]
    rows = [["decisions per second", *(f"{n} in flight" for n in IN_FLIGHT), "p50 ms", "p99 ms",
             "records each", "crossdock is"]]
    for prefix, name in {"": "crossdock", **{p: v[0] for p, v in PEERS.items()}}.items():
        start = f"{prefix}_" if prefix else ""
        if f"{start}{RATIO_AT}" not in figures:
            continue
        ratio = whole["ratios"].get(f"ratio_{prefix}")
        rows.append([name, *(table.shown(figures[start + f]) for f in SPEED),
                     f"{table.shown(ratio)} x" if ratio else ""])
    return (f"{table.grid(rows)}\n"
            "p50, p99: latency with 1 in flight; crossdock is: so many times faster at 16\n\n"
            f"crossdock idle: {table.shown(figures['rss_mb_idle'])} MB; "
            f"serving {table.shown(figures['start_to_serving_s'])} s after its start\n")
