"""Re-planning at night, beside R's forecast package doing the same series by series."""

import json
import os
import shutil

from bench import result, table
from bench.errors import BenchError
from bench.programs import RESULTS, ROOT, run

BRIEF = "re-planning of 100,000 item-sites on one core, beside R's forecast package"

REQUIRED = ("sku_locations_per_s", "night_s", "ets_per_s")
SAMPLE = 1000
AGREED = 1e-9  # relative difference of forecasts that both make
# R's packages need another Boost than ours, so R has a Debian of its own.
R_ROOT = RESULTS / "r-root"
SCRIPT = ROOT / "tools/benchmarks/peers/replan.R"


def prepare(place):
    place.make("bench_plan")
    if not place.options.no_peers and not (R_ROOT / "usr/bin/Rscript").exists():
        make_r_root(place)


def make_r_root(place):
    if os.geteuid() != 0:
        place.say("R in a root of its own can only be made by root; measuring without it")
        return
    run([ROOT / "tools/lib/install", "--peers"], what="installing what the peers need")
    place.say("installing R in a root of its own (once, some minutes)")
    shutil.rmtree(R_ROOT, ignore_errors=True)
    begun = R_ROOT.with_suffix(".begun")
    shutil.rmtree(begun, ignore_errors=True)
    run(["debootstrap", "--variant=minbase", "--include=ca-certificates", "bookworm", begun],
        what="debootstrap", log=RESULTS / "r-root.log")
    for name in ("resolv.conf", "hosts"):
        shutil.copy2(f"/etc/{name}", begun / "etc" / name)
    run(["chroot", begun, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install",
         "--yes", "--no-install-recommends", "r-base-core", "r-cran-forecast"],
        what="installing R", log=RESULTS / "r-root.log")
    begun.rename(R_ROOT)


def measure(place):
    place.say(f"measuring (about {place.seconds * 3 + 5:.0f} s)")
    one_core = ["taskset", "--cpu-list", str(min(os.sched_getaffinity(0)))]
    program = place.program("bench_plan")
    text = place.output_of([*one_core, program, "--json", "-", "--seconds", place.seconds],
                           what="bench_plan", seconds=place.seconds * 10 + 120)
    ours = result.program_output("bench_plan", text, REQUIRED)
    if place.options.no_peers:
        ours.notes.append("--no-peers: no peer was measured")
        return ours
    if not (R_ROOT / "usr/bin/Rscript").exists():
        ours.notes.append("R is not here (root makes it), so it was not measured")
        return ours
    series = R_ROOT / "tmp/series.csv"
    place.output_of([program, "--series", series, "--rows", SAMPLE], what="bench_plan",
                    seconds=120)
    shutil.copy2(SCRIPT, R_ROOT / "tmp/replan.R")
    place.say(f"measuring R (about {place.seconds * 2 + 10:.0f} s)")
    text = place.output_of([*one_core, "chroot", R_ROOT, "Rscript", "/tmp/replan.R",
                            "/tmp/series.csv", place.seconds],
                           what="R", seconds=place.seconds * 4 + 300)
    try:
        theirs = json.loads(text)
    except ValueError as e:
        raise BenchError(f"R printed no JSON: {text.strip()[:200]!r}") from e
    return combine(ours, theirs)


def combine(ours, theirs):
    if theirs["largest_difference"] > AGREED:
        raise BenchError("R and we forecast different numbers from the same series: "
                         f"{theirs['largest_difference']:.1e} apart")
    ours.notes.append(theirs["version"])
    ours.notes.append("forecasts of both agree to "
                      f"{theirs['largest_difference']:.0e} on 50 series")
    for name in ("sku_locations_per_s", "ets_per_s"):
        ours.figures[f"r_{name}"] = theirs[name]
    ours.ratios["ratio_r_forecast"] = result.ratio(
        ours.figures["sku_locations_per_s"], theirs["sku_locations_per_s"])
    ours.ratios["ratio_r_ets"] = result.ratio(ours.figures["ets_per_s"], theirs["ets_per_s"])
    return ours


def show(whole):
    return f"{table.figures(whole['figures'])}\n{table.figures(whole['ratios'])}\n"
