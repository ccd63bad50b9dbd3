"""What it costs to replace an agent while it works, beside Erlang/OTP doing the same."""

import json
import shutil

from bench import result, table
from bench.errors import BenchError
from bench.programs import ROOT, run

BRIEF = "an agent's versions take over from each other under load, beside Erlang's code_change"

SWAPS_PER_SECOND_ASKED = 200
STATE_BYTES = (1 << 20) - 64
PEER = ROOT / "tools/benchmarks/peers/erlang"

REQUIRED = ("swaps", "pause_ms_p50", "pause_ms_p99", "lost", "repeated", "reordered")


def prepare(place):
    if not shutil.which("escript"):
        run([ROOT / "tools/lib/install", "--peers"], what="installing the peers")
    place.make("bench_swap")


def measure(place):
    swaps = max(20, int(place.seconds * SWAPS_PER_SECOND_ASKED))
    place.say(f"measuring {swaps} swaps (about {swaps * 0.1 + 30:.0f} s)")
    text = place.output_of([place.program("bench_swap"), "--json", "-", "--swaps", swaps],
                           what="bench_swap", seconds=swaps + 300)
    ours = result.program_output("bench_swap", text, REQUIRED)
    if not shutil.which("escript"):
        ours.notes.append("Erlang/OTP (erlang-base) is not here, so it was not measured")
        return ours
    place.say("measuring Erlang/OTP")
    text = place.output_of(["escript", PEER / "swap.escript", str(max(20, swaps // 2)),
                            str(STATE_BYTES), PEER / "keeper.erl"],
                           what="Erlang/OTP", seconds=swaps + 120)
    try:
        theirs = json.loads(text)
    except ValueError as e:
        raise BenchError(f"Erlang/OTP printed no JSON: {text.strip()[:200]!r}") from e
    ours.figures.update({f"erlang_{name}": value for name, value in theirs.items()})
    for share in ("p50", "p99"):
        ours.ratios[f"ratio_erlang_pause_{share}"] = result.ratio(
            theirs[f"pause_ms_{share}"], ours.figures[f"pause_ms_{share}"])
    return ours


def show(whole):
    return f"{table.figures(whole['figures'])}\n{table.figures(whole['ratios'])}\n"
