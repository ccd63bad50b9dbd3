"""The logic of tools/bench: options, ratios, the shape of a result, what is printed where."""

import contextlib
import io
import json
import os
import sys
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "benchmarks"))

from bench import command, decisions, machine, plan, programs, result, table  # noqa: E402
from bench.errors import BenchError  # noqa: E402

OURS = {name: 1.0 for name in decisions.OURS} | {"decisions_per_s_16": 3000.0}
MACHINE = {"cpus": 2, "cpu": "a cpu", "kernel": "6.1", "load": 0.1, "busy_share": 0.0,
           "fdatasync_ms_p50": 0.2}


def a_result(name="decisions", **figures):
    return result.assemble(
        name=name, machine=dict(MACHINE), commit="abc", notes=[], seconds=5.0,
        measured=result.Measured(figures or dict(OURS), {"ratio_langgraph": 12.3456789}))


class Ratios(unittest.TestCase):
    def peer(self, rate):
        return result.Measured({name: 1.0 for name in decisions.SPEED} |
                               {"decisions_per_s_16": rate}, notes=["its version"])

    def test_are_ours_over_the_peers_at_16_in_flight(self):
        whole = decisions.combine(result.Measured(OURS), {
            "langgraph": self.peer(200.0), "langgraph_fsync": self.peer(100.0)})
        self.assertEqual(whole.ratios, {"ratio_langgraph": 15.0, "ratio_langgraph_fsync": 30.0})
        self.assertEqual(whole.figures["langgraph_fsync_decisions_per_s_16"], 100.0)
        self.assertEqual(whole.figures["decisions_per_s_16"], 3000.0)
        self.assertIn("LangGraph JS, fsync: its version", whole.notes)

    def test_to_a_peer_that_did_nothing_are_refused(self):
        with self.assertRaises(BenchError):
            decisions.combine(result.Measured(OURS), {"langgraph": self.peer(0.0)})


class RePlanning(unittest.TestCase):
    OURS = {"sku_locations_per_s": 1000.0, "night_s": 100.0, "ets_per_s": 50.0}
    THEIRS = {"sku_locations_per_s": 10.0, "ets_per_s": 25.0, "version": "R 4",
              "largest_difference": 1e-15}

    def test_is_ours_over_r(self):
        whole = plan.combine(result.Measured(dict(self.OURS), notes=[]), dict(self.THEIRS))
        self.assertEqual(whole.ratios, {"ratio_r_forecast": 100.0, "ratio_r_ets": 2.0})
        self.assertIn("R 4", whole.notes)

    def test_is_not_compared_if_the_forecasts_differ(self):
        with self.assertRaises(BenchError):
            plan.combine(result.Measured(dict(self.OURS), notes=[]),
                         self.THEIRS | {"largest_difference": 1e-3})


class PeerThatFails(unittest.TestCase):
    def measured(self, prefix):
        notes = []
        place = mock.Mock(seconds=1.0)
        peers = mock.Mock()
        peers.output_of.side_effect = BenchError("it did not come up")
        return decisions.measure_peer(place, peers, prefix, notes), notes

    def test_is_noted_if_it_runs_only_somewhere(self):
        self.assertEqual(self.measured("restate"),
                         (None, ["Restate was not measured: it did not come up"]))

    def test_ends_the_benchmark_if_a_ratio_needs_it(self):
        with self.assertRaises(BenchError):
            self.measured("langgraph")


class OutputOfAProgram(unittest.TestCase):
    def test_gives_figures_ratios_and_notes(self):
        got = result.program_output("p", '{"figures": {"a": 1}, "notes": ["n"]}', ("a",))
        self.assertEqual(got, result.Measured({"a": 1}, {}, ["n"]))

    def test_that_makes_no_sense_is_refused(self):
        for text in ("", "[]", "{}", '{"figures": 3}', '{"figures": {"a": "1"}}',
                     '{"figures": {"a": NaN}}', '{"figures": {"a": true}}',
                     '{"figures": {"b": 1}}', '{"figures": {"a": 1}} and more'):
            with self.subTest(text), self.assertRaises(BenchError):
                result.program_output("p", text, ("a",))


class Result(unittest.TestCase):
    def setUp(self):
        held = tempfile.TemporaryDirectory()
        self.addCleanup(held.cleanup)
        self.folder = Path(held.name)

    def test_has_what_its_readers_need(self):
        whole = a_result()
        self.assertEqual(set(whole), {"name", "time", "commit", "machine", "seconds", "figures",
                                      "ratios", "notes"})
        self.assertEqual(whole["ratios"], {"ratio_langgraph": 12.346})
        self.assertRegex(whole["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")

    def test_is_kept_once_and_read_back(self):
        whole = a_result()
        path = result.keep(self.folder, whole)
        self.assertEqual(result.read(path), whole)
        with self.assertRaises(BenchError):
            result.keep(self.folder, whole)

    def test_last_is_the_newest_of_its_benchmark(self):
        for name, moment in (("decisions", "2026-01-02T00:00:00Z"),
                             ("decisions", "2026-01-10T00:00:00Z"),
                             ("ledger", "2026-02-01T00:00:00Z")):
            result.keep(self.folder, a_result(name) | {"time": moment})
        self.assertEqual(result.earlier(self.folder, "decisions", "last")["time"],
                         "2026-01-10T00:00:00Z")
        self.assertIsNone(result.earlier(self.folder, "decisions", None))

    def test_to_compare_with_must_be_there_and_of_the_same_benchmark(self):
        with self.assertRaises(BenchError):
            result.earlier(self.folder, "decisions", "last")
        path = result.keep(self.folder, a_result("ledger"))
        with self.assertRaises(BenchError):
            result.earlier(self.folder, "decisions", path)
        path.write_text("{}")
        with self.assertRaises(BenchError):
            result.earlier(self.folder, "ledger", path)

    def test_is_compared_number_by_number(self):
        before, now = a_result(a=10.0, gone=1.0, zero=0), a_result(a=15.0, new=1.0, zero=2)
        self.assertEqual(list(result.changes(before, now)), [
            ("a", 10.0, 15.0, 1.5), ("zero", 0, 2, None),
            ("ratio_langgraph", 12.346, 12.346, 1.0)])
        self.assertIn("+50.0 %", table.comparison(before, now))

    def test_numbers_keep_five_digits(self):
        self.assertEqual([result.rounded(v) for v in (0, 1234567.8, 12.34567, 0.00123456)],
                         [0, 1234568, 12.346, 0.0012346])


class Options(unittest.TestCase):
    def refused(self, *arguments):
        with contextlib.redirect_stderr(io.StringIO()) as said, \
                self.assertRaises(SystemExit) as end:
            command.parse(arguments)
        self.assertEqual(end.exception.code, 2)
        return said.getvalue()

    def test_that_make_no_sense_are_usage_errors(self):
        self.assertIn("--list", self.refused())
        self.assertIn("no benchmark 'speed'", self.refused("speed"))
        self.refused("ledger", "--seconds", "0")
        self.refused("ledger", "--seconds", "nan")
        self.refused("ledger", "--unknown")

    def test_quick_is_shorter_unless_seconds_are_given(self):
        self.assertEqual(command.parse(["ledger"]).seconds, 5)
        self.assertEqual(command.parse(["ledger", "--quick"]).seconds, 1)
        self.assertEqual(command.parse(["ledger", "--quick", "--seconds", "3"]).seconds, 3)


class Run(unittest.TestCase):
    """The whole command on a program that prints what a test wants."""

    def setUp(self):
        held = tempfile.TemporaryDirectory()
        self.addCleanup(held.cleanup)
        self.folder = Path(held.name)
        self.results = self.folder / "results"
        for patch in (mock.patch.object(programs, "RESULTS", self.results),
                      mock.patch.object(machine, "look", lambda *_: (dict(MACHINE), []))):
            patch.start()
            self.addCleanup(patch.stop)

    def program(self, text, code=0):
        path = self.folder / "bin" / "bench_decisions"
        path.parent.mkdir(exist_ok=True)
        (self.folder / "said").write_text(text)
        path.write_text(f'#!/bin/sh\ncat "{self.folder}/said"\nexit {code}\n')
        path.chmod(0o755)

    def bench(self, *arguments):
        with contextlib.redirect_stdout(io.StringIO()) as out, \
                contextlib.redirect_stderr(io.StringIO()) as err:
            code = command.main(["decisions", "--no-peers", "--build", str(self.folder),
                                 *arguments])
        return code, out.getvalue(), err.getvalue()

    def test_with_json_on_standard_output_prints_nothing_else_there(self):
        self.program(json.dumps({"figures": OURS}))
        code, out, err = self.bench("--json", "-")
        whole = json.loads(out)
        self.assertEqual((code, whole["name"], whole["figures"]), (0, "decisions", OURS))
        self.assertIn("steal_share", whole["machine"])
        self.assertIn("crossdock", err)

    def test_prints_a_table_and_keeps_what_the_next_one_is_compared_with(self):
        self.program(json.dumps({"figures": OURS}))
        self.assertEqual(result.keep(self.results, a_result(decisions_per_s_16=1500.0) |
                                     {"time": "2026-01-01T00:00:00Z"}).parent, self.results)
        code, out, _ = self.bench("--against", "last")
        self.assertEqual(code, 0)
        self.assertIn("3,000", out)
        self.assertIn("+100.0 %", out)
        self.assertEqual(len(list(self.results.glob("decisions-*.json"))), 2)
        self.assertEqual(list(self.results.glob("data-*")), [])

    def test_that_fails_says_why_and_keeps_nothing(self):
        for text, code in ((json.dumps({"figures": OURS}), 3), ("no JSON", 0), ("{}", 0)):
            with self.subTest(text):
                self.program(text, code)
                got, out, err = self.bench("--json", "-")
                self.assertEqual((got, out), (1, ""))
                self.assertIn("bench_decisions", err)
                self.assertEqual(list(self.results.glob("*.json")), [])

    def test_does_not_measure_what_it_could_not_write_or_compare(self):
        self.program(json.dumps({"figures": OURS}))
        for arguments in (("--json", str(self.folder / "none" / "x")), ("--against", "last"),
                          ("--against", str(self.folder / "none"))):
            with self.subTest(arguments):
                self.assertEqual(self.bench(*arguments)[0], 1)
                self.assertEqual(list(self.results.glob("*.json")), [])

    def test_ends_a_program_that_takes_too_long_with_what_it_started(self):
        pid_file = self.folder / "pid"
        with programs.Workplace(mock.Mock(build=self.folder, seconds=1.0), print) as place:
            with self.assertRaises(BenchError):
                place.output_of(
                    ["/bin/sh", "-c", f"sleep 1000 & echo $! > {pid_file}; wait"],
                    what="it", seconds=1)
        pid = int(pid_file.read_text())
        deadline = time.monotonic() + 20
        while self.runs(pid) and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertFalse(self.runs(pid))

    @staticmethod
    def runs(pid):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            return state != "Z"
        except FileNotFoundError:
            return False


class Machine(unittest.TestCase):
    def test_busy_and_stolen_are_shares_of_the_time_between(self):
        before, after = (1000, 600, 10), (1200, 750, 20)
        self.assertEqual(machine.busy(before, after), 0.25)
        self.assertEqual(machine.stolen(before, after), 0.05)
        self.assertEqual(machine.busy(before, before), 0.0)

    def test_that_is_not_quiet_is_warned_about(self):
        self.assertEqual(machine.warnings(0.4, 0.02, 2), [])
        self.assertEqual(len(machine.warnings(1.5, 0.02, 2)), 1)
        self.assertEqual(len(machine.warnings(1.5, 0.5, 2)), 2)

    def test_is_described(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertGreater(machine.fdatasync_ms(Path(folder)), 0)
            self.assertEqual(os.listdir(folder), [])
        self.assertTrue(machine.cpu_model())


class Peers(unittest.TestCase):
    def test_are_locked_by_hash_and_not_to_somebodys_registry(self):
        lock = json.loads((ROOT / "tools/benchmarks/peers/package-lock.json").read_text())
        for name, package in lock["packages"].items():
            if name:
                self.assertIn("integrity", package, name)
                self.assertNotIn("resolved", package, name)


if __name__ == "__main__":
    unittest.main()
