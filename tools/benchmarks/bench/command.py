"""The command line: what was asked, in which order things are done, what is printed where."""

import argparse
import json
import signal
import sys
from pathlib import Path

from bench import benchmarks, machine, programs, result, table
from bench.errors import BenchError

EPILOG = """\
Installs and builds what is missing first (packages as root or through sudo). Results are kept
in build/bench/NAME-TIME.json. Exit codes: 0 measured, 1 failed, 2 usage.
"""


def positive(text):
    value = float(text)
    if not 0 < value <= 600:
        raise argparse.ArgumentTypeError("must be above 0 and at most 600")
    return value


def parser():
    known = ", ".join(sorted(benchmarks.ALL))
    p = argparse.ArgumentParser(
        prog="tools/bench", description="Measures crossdock, and peers doing the same work.",
        epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False)
    p.add_argument("name", metavar="NAME", nargs="?", help=f"one of: {known}")
    p.add_argument("--list", action="store_true", help="name the benchmarks and end")
    p.add_argument("--json", metavar="FILE",
                   help="one JSON object into FILE; with - on standard output, and all else "
                        "on standard error")
    p.add_argument("--quick", action="store_true",
                   help="short: to see that it runs, not to compare")
    p.add_argument("--against", metavar="last|FILE",
                   help="compare with the last result of this benchmark, or that of a file")
    p.add_argument("--seconds", type=positive, metavar="N",
                   help="of each single measurement (default 5; with --quick 1)")
    p.add_argument("--no-peers", action="store_true", help="crossdock alone; no ratios to peers")
    p.add_argument("--build", metavar="DIR", type=Path,
                   help="take the programs of this build directory as they are; build nothing")
    return p


def parse(arguments):
    """Ends the program with code 2 and a sentence if they make no sense."""
    p = parser()
    options = p.parse_args(arguments)
    if options.list:
        return options
    if options.name is None:
        p.error("say which benchmark; --list names them")
    if options.name not in benchmarks.ALL:
        p.error(f"there is no benchmark {options.name!r}; --list names them")
    if options.seconds is None:
        options.seconds = 1.0 if options.quick else 5.0
    return options


def measure(options, say):
    benchmark = benchmarks.ALL[options.name]
    # Before anything is measured: a wrong file name should not cost minutes.
    earlier = result.earlier(programs.RESULTS, options.name, options.against)
    check_writable(options.json)
    with programs.Workplace(options, say) as place:
        benchmark.prepare(place)
        found, notes = machine.look(place.data, say)
        before = machine.cpu_times()
        measured = benchmark.measure(place)
        found["steal_share"] = machine.stolen(before, machine.cpu_times())
    whole = result.assemble(
        name=options.name, machine=found, commit=programs.commit(), measured=measured,
        notes=notes + (["--quick: too short to compare"] if options.quick else []),
        seconds=options.seconds)
    kept = result.keep(programs.RESULTS, whole)
    return benchmark, whole, earlier, kept


def show(benchmark, whole, earlier, kept, out):
    print(table.heading(whole), file=out)
    print(benchmark.show(whole), file=out)
    for note in whole["notes"]:
        print(f"- {note}", file=out)
    if earlier:
        print(table.comparison(earlier, whole), file=out)
    print(f"Kept in {programs.shown(kept)}", file=out)


def check_writable(where):
    if where in (None, "-"):
        return
    try:
        with open(where, "a", encoding="utf-8"):
            pass
    except OSError as e:
        raise BenchError(f"cannot write {where}: {e.strerror}") from e


def write_json(whole, where):
    text = json.dumps(whole, indent=2)
    if where == "-":
        print(text, flush=True)
    else:
        Path(where).write_text(text + "\n", encoding="utf-8")


def interrupted(number, frame):
    raise KeyboardInterrupt


def main(arguments):
    options = parse(arguments)
    if options.list:
        for name, benchmark in sorted(benchmarks.ALL.items()):
            print(f"{name:<12}{benchmark.BRIEF}")
        return 0
    signal.signal(signal.SIGTERM, interrupted)
    out = sys.stderr if options.json == "-" else sys.stdout

    def say(text):
        print(f"bench: {text}", file=sys.stderr, flush=True)

    try:
        benchmark, whole, earlier, kept = measure(options, say)
        show(benchmark, whole, earlier, kept, out)
        if options.json:
            write_json(whole, options.json)
        return 0
    except BenchError as e:
        say(e)
        return 1
    except KeyboardInterrupt:
        say("interrupted")
        return 1
