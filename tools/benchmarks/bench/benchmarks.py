"""Every benchmark by its name. A module of its own each: BRIEF, prepare(place),
measure(place) -> result.Measured, show(whole) -> text."""

from bench import decisions, detection, ledger, plan, plugin, redteam, swap

ALL = {"decisions": decisions, "detection": detection, "ledger": ledger, "plan": plan,
       "plugin": plugin, "redteam": redteam, "swap": swap}
