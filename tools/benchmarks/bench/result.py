"""What a benchmark gives back: its shape, its ratios, how it is kept and compared."""

import json
import math
import time
from dataclasses import dataclass, field
from pathlib import Path

from bench.errors import BenchError


@dataclass
class Measured:
    figures: dict
    ratios: dict = field(default_factory=dict)
    notes: list = field(default_factory=list)


def number(name, value):
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise BenchError(f"{name} is {value!r}, which is no number")
    return value


def program_output(program, text, required=()):
    """The one JSON object that a program of ours prints: figures, maybe ratios and notes."""
    try:
        said = json.loads(text)
        figures = dict(said["figures"])
        ratios = dict(said.get("ratios", {}))
        notes = [str(n) for n in said.get("notes", [])]
    except (ValueError, KeyError, TypeError) as e:
        raise BenchError(
            f"{program} should print one JSON object with figures, but printed: "
            f"{text.strip()[:200]!r}") from e
    for name, value in (figures | ratios).items():
        number(f"{program}: {name}", value)
    missing = [name for name in required if name not in figures]
    if missing:
        raise BenchError(f"{program} did not report {', '.join(missing)}")
    return Measured(figures, ratios, notes)


def ratio(ours, theirs):
    if theirs <= 0:
        raise BenchError(f"a ratio to {theirs} makes no sense; the peer did nothing")
    return ours / theirs


def rounded(value):
    """Five significant digits: more would be noise, in a file that people read."""
    if value == 0:
        return 0
    digits = 4 - math.floor(math.log10(abs(value)))
    return round(value, digits) if digits > 0 else round(value)


def assemble(*, name, machine, commit, measured, notes, seconds):
    return {
        "name": name,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "commit": commit,
        "machine": machine,
        "seconds": seconds,
        "figures": {k: rounded(number(k, v)) for k, v in measured.figures.items()},
        "ratios": {k: rounded(number(k, v)) for k, v in measured.ratios.items()},
        "notes": measured.notes + notes,
    }


def keep(folder, whole):
    """Writes NAME-TIME.json, never over an earlier one; a name sorts as its time does."""
    folder.mkdir(parents=True, exist_ok=True)
    stamp = whole["time"].replace("-", "").replace(":", "")
    path = folder / f"{whole['name']}-{stamp}.json"
    try:
        with open(path, "x", encoding="utf-8") as out:
            json.dump(whole, out, indent=2)
            out.write("\n")
    except OSError as e:
        raise BenchError(f"cannot write {path}: {e.strerror}") from e
    return path


def read(path):
    try:
        whole = json.loads(Path(path).read_text(encoding="utf-8"))
        for group in ("figures", "ratios"):
            for name, value in whole[group].items():
                number(name, value)
        whole["name"], whole["time"], whole["commit"]
        return whole
    except OSError as e:
        raise BenchError(f"cannot read {path}: {e.strerror}") from e
    except (ValueError, KeyError, TypeError, AttributeError, BenchError) as e:
        raise BenchError(f"{path} is not a result of tools/bench") from e


def earlier(folder, name, against):
    """What to compare with, or None. `against` is None, "last" or a file."""
    if against is None:
        return None
    if against == "last":
        files = sorted(folder.glob(f"{name}-*.json"))
        if not files:
            raise BenchError(f"there is no earlier result of {name} in {folder}; "
                             "run it once without --against")
        against = files[-1]
    whole = read(against)
    if whole["name"] != name:
        raise BenchError(f"{against} is a result of {whole['name']}, not of {name}")
    return whole


def changes(before, now):
    """(name, before, now, now / before or None) of every number that both have."""
    for group in ("figures", "ratios"):
        for name, value in now[group].items():
            if name in before[group]:
                old = before[group][name]
                yield name, old, value, value / old if old else None
