"""What a plugin's step costs in the node's process. There is no other executor yet."""

from bench import result, table

BRIEF = "a plugin's step in the node's process: event to checked effects"

REQUIRED = ("in_process_step_us_p50", "in_process_step_us_p99")


def prepare(place):
    place.make("bench_plugin")


def measure(place):
    place.say(f"measuring steps (about {place.seconds * 3 + 1:.0f} s)")
    text = place.output_of([place.program("bench_plugin"), "--json", "-",
                            "--seconds", place.seconds],
                           what="bench_plugin", seconds=place.seconds * 8 + 60)
    measured = result.program_output("bench_plugin", text, REQUIRED)
    measured.notes.append("there is no process executor yet: nothing is measured of it")
    return measured


def show(whole):
    return f"{table.figures(whole['figures'])}\n"
