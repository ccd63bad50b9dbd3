"""What is measured on, and whether it is quiet enough to believe the figures."""

import os
import platform
import statistics
import time

QUIET_SHARE = 0.10  # of all processors, busy with others' work
QUIET_LOAD = 0.5    # load average for each processor
PATIENCE_S = 20


def cpu_times():
    """(all, idle, stolen) ticks since boot, over all processors."""
    with open("/proc/stat", encoding="ascii") as stat:
        user, nice, system, idle, iowait, irq, softirq, steal = (
            int(v) for v in stat.readline().split()[1:9])
    return user + nice + system + idle + iowait + irq + softirq + steal, idle + iowait, steal


def busy(before, after):
    """The share of the time between two cpu_times() that went into work."""
    whole = after[0] - before[0]
    return 1 - (after[1] - before[1]) / whole if whole > 0 else 0.0


def stolen(before, after):
    whole = after[0] - before[0]
    return round((after[2] - before[2]) / whole, 3) if whole > 0 else 0.0


def busy_for(seconds):
    before = cpu_times()
    time.sleep(seconds)
    return busy(before, cpu_times())


def cpu_model():
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as info:
        for line in info:
            name, _, value = line.partition(":")
            if name.strip() in ("model name", "Model", "CPU part"):
                return value.strip()
    return platform.machine()


def fdatasync_ms(folder):
    """The disk's part of every durable figure: 4 KiB appended, then synced; the median."""
    path = folder / "fdatasync"
    took = []
    fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        for _ in range(100):
            start = time.perf_counter()
            os.write(fd, b"x" * 4096)
            os.fdatasync(fd)
            took.append((time.perf_counter() - start) * 1000)
    finally:
        os.close(fd)
        path.unlink()
    return statistics.median(took)


def warnings(load, share, cpus):
    """What to tell about a machine that is not quiet; kept in the result as well."""
    told = []
    if share > QUIET_SHARE:
        told.append(f"the machine was {share:.0%} busy with other work before the start: "
                    "figures are too low")
    if load > QUIET_LOAD * cpus:
        told.append(f"the load average was {load:.1f} on {cpus} processors: other work, or a "
                    "build just before")
    return told


def look(folder, say):
    """Waits some seconds for a quiet machine, then says what it is: (machine, warnings)."""
    deadline = time.monotonic() + PATIENCE_S
    share = busy_for(1)
    if share > QUIET_SHARE:
        say(f"the machine is {share:.0%} busy; waiting up to {PATIENCE_S} s for it to be quiet")
    while share > QUIET_SHARE and time.monotonic() < deadline:
        share = busy_for(2)
    load = os.getloadavg()[0]
    cpus = len(os.sched_getaffinity(0))
    told = warnings(load, share, cpus)
    for text in told:
        say(f"WARNING: {text}")
    return {
        "cpus": cpus,
        "cpu": cpu_model(),
        "kernel": platform.release(),
        "load": round(load, 2),
        "busy_share": round(share, 3),
        "fdatasync_ms_p50": round(fdatasync_ms(folder), 4),
    }, told
