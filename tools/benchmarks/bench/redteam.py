"""What hostile plugins in sandboxes leave of their neighbours' throughput."""

from bench import result, table

BRIEF = "an agent at half of its capacity, alone and beside every hostile plugin there is"

REQUIRED = ("attackers", "alone_per_s", "attacked_per_s")


def prepare(place):
    place.make("bench_redteam")


def measure(place):
    place.say(f"measuring (about {place.seconds * 4 + 15:.0f} s)")
    text = place.output_of([place.program("bench_redteam"), "--json", "-",
                            "--seconds", place.seconds],
                           what="bench_redteam", seconds=place.seconds * 10 + 120)
    return result.program_output("bench_redteam", text, REQUIRED)


def show(whole):
    return f"{table.figures(whole['figures'])}\n{table.figures(whole['ratios'])}\n"
