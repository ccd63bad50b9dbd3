"""From a commit in a real Tryton until its event can be read in the ledger."""

import json
import random
import re
import sqlite3
import sys
import threading
import time

from bench import result, table
from bench.errors import BenchError
from bench.programs import RESULTS, ROOT, run

BRIEF = "from a commit in a real Tryton to the event in the ledger"

SALES_PER_SECOND_ASKED = 20
GIVE_UP_S = 60
ORDER_LINE = re.compile(r"order\.line:(\d+):")


def prepare(place):
    run([ROOT / "tools/lib/install", "--tryton"], what="installing Tryton")
    place.make("crossdockd", "crossdock", "plugin_order", "plugin_replenishment",
               "plugin_warehouse", "plugin_tryton")


def measure(place):
    place.data.chmod(0o755)  # a Tryton started by root runs as a user of its own
    folder = place.folder("detection")
    demo = [ROOT / "tools/demo", "--dir", folder, "--build", place.build]
    place.say("starting Tryton and a node on it (a minute or two the first time of a day)")
    try:
        run([*demo, "--erp", "tryton", "--batch", "--keep", "--seconds", "1"],
            what="tools/demo", log=RESULTS / "detection-demo.log")
        count = max(20, int(place.seconds * SALES_PER_SECOND_ASKED))
        place.say(f"entering {count} sales")
        times = enter_sales(folder, count)
    finally:
        run([*demo, "--stop"], what="stopping the demo", log=RESULTS / "detection-stop.log")
    lasting = sorted(seen - began for began, _, seen in times)
    after = sorted(seen - done for _, done, seen in times)
    return result.Measured({
        "sales": len(times),
        "tryton_detection_s_p50": share(lasting, 0.50),
        "tryton_detection_s_p99": share(lasting, 0.99),
        "tryton_detection_s_max": lasting[-1],
        "after_answer_s_p50": share(after, 0.50),
        "after_answer_s_p99": share(after, 0.99),
    })


def share(values, part):
    return values[min(len(values) - 1, int(part * len(values)))]


class Watch(threading.Thread):
    """Reads committed records from outside, as any reader of the ledger does."""

    def __init__(self, database):
        super().__init__(daemon=True)
        self.database = database
        self.seen = {}
        self.ending = threading.Event()

    def run(self):
        db = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=10)
        last = 0
        while not self.ending.wait(0.002):
            for last, header in db.execute(
                    "SELECT seq, header FROM record WHERE seq > ? ORDER BY seq", (last,)):
                found = ORDER_LINE.search(json.loads(header).get("id", ""))
                if found:
                    self.seen.setdefault(found[1], time.monotonic())
        db.close()


def enter_sales(folder, count):
    """One sale after the other, each confirmed after a pause of no fixed length, so that it
    falls anywhere between two polls. Returns (before Confirm was sent, after it was answered,
    event seen), in seconds, for each."""
    sys.path.insert(0, str(ROOT / "tools" / "erp"))
    import tryton_play as play  # a script beside; it needs the path above

    up = json.loads((folder / "erp.json").read_text(encoding="utf-8"))
    with open(up["logins"]["sales"], encoding="utf-8") as file:
        password = file.read().strip()
    rng = random.Random(1)

    class Timed(play.Session):
        confirm = (0.0, 0.0)

        def call(self, model, method, *params):
            if (model, method) != ("sale.sale", "confirm"):
                return super().call(model, method, *params)
            time.sleep(rng.uniform(0, 1))
            began = time.monotonic()
            answer = super().call(model, method, *params)
            self.confirm = (began, time.monotonic())
            return answer

    session = Timed(up["url"], up["database"], "sales", password)
    world = play.World(session)
    watch = Watch(folder / "data" / "ledger" / "ledger.db")
    watch.start()
    confirmed = {}
    try:
        for n in range(count):
            sale = play.enter_sale(
                session, world, rng.choice(world.customers), rng.choice(world.sites),
                [(rng.choice(world.items), 1)], play.working_day(world.today, 3),
                f"bench-{n}")
            confirmed[str(sale["lines"][0])] = session.confirm
        end = time.monotonic() + GIVE_UP_S
        while not confirmed.keys() <= watch.seen.keys():
            if time.monotonic() > end:
                lost = sorted(confirmed.keys() - watch.seen.keys())
                raise BenchError(f"no event within {GIVE_UP_S} s for {len(lost)} of {count} "
                                 f"order lines: {', '.join(lost[:5])}")
            time.sleep(0.01)
    finally:
        watch.ending.set()
        watch.join()
    return [(*confirmed[line], watch.seen[line]) for line in confirmed]


def show(whole):
    return (f"{table.figures(whole['figures'])}\n\n"
            "tryton_detection: from before Confirm is sent, so with Tryton's own work in it;\n"
            "after_answer: from when the person sees it confirmed\n")
