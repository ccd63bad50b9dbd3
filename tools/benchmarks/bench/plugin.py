"""What a plugin's step costs in the node's process, and in a sandboxed one of its own."""

from bench import result, table

BRIEF = "a plugin's step in the node's process and in a sandbox: event to checked effects"

REQUIRED = ("in_process_step_us_p50", "in_process_step_us_p99", "sandboxed_round_trip_us_p50",
            "sandboxed_steps_per_s")


def prepare(place):
    place.make("bench_plugin")


def measure(place):
    place.say(f"measuring steps (about {place.seconds * 7 + 2:.0f} s)")
    text = place.output_of([place.program("bench_plugin"), "--json", "-",
                            "--seconds", place.seconds],
                           what="bench_plugin", seconds=place.seconds * 14 + 60)
    return result.program_output("bench_plugin", text, REQUIRED)


def show(whole):
    return f"{table.figures(whole['figures'])}\n"
