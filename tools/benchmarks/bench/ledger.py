"""The ledger alone: durable records, and bare SQLite with the same bytes beside it."""

from bench import result, table

BRIEF = "durable records per second, beside bare SQLite with the same bytes"

REQUIRED = ("records_per_s_64", "ack_ms_p50", "ack_ms_p99", "records_per_s_saturated",
            "verify_records_per_s", "fdatasync_ms_p50")


def prepare(place):
    place.make("bench_ledger")


def measure(place):
    command = [place.program("bench_ledger"), "--json", "-", "--seconds", place.seconds,
               place.folder("ledger")]
    place.say(f"measuring the ledger (about {place.seconds * 4 + 10:.0f} s)")
    text = place.output_of(command, what="bench_ledger", seconds=place.seconds * 8 + 120)
    return result.program_output("bench_ledger", text, REQUIRED)


def show(whole):
    return f"{table.figures(whole['figures'])}\n\n{table.figures(whole['ratios'])}\n"
