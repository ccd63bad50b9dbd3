"""Text for people."""

from bench import result


def shown(value):
    """1,234 or 12.3 or 0.567: three digits that count."""
    if value is None:
        return "-"
    for limit, digits in ((100, 0), (10, 1), (1, 2)):
        if abs(value) >= limit:
            return f"{value:,.{digits}f}"
    return f"{value:.3f}"


def grid(rows):
    """Columns as wide as they need; the first to the left, numbers to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        first, *rest = (cell.ljust(w) if i == 0 else cell.rjust(w)
                        for i, (cell, w) in enumerate(zip(row, widths)))
        lines.append("  ".join([first, *rest]).rstrip())
    return "\n".join(lines)


def heading(whole):
    m = whole["machine"]
    return (f"\n{whole['name']} at {whole['commit']}, {whole['time']}\n"
            f"{m['cpus']} x {m['cpu']}, Linux {m['kernel']}, load {m['load']}, "
            f"one fdatasync {shown(m['fdatasync_ms_p50'])} ms\n")


def figures(group):
    return grid([[name, shown(value)] for name, value in group.items()])


def comparison(before, now):
    rows = [["", before["commit"], now["commit"], "change"]]
    for name, old, new, factor in result.changes(before, now):
        change = "-" if factor is None else f"{(factor - 1) * 100:+.1f} %"
        rows.append([name, shown(old), shown(new), change])
    head = f"\nAgainst {before['time']}"
    if before.get("seconds") != now.get("seconds"):
        head += " (measured for another time, so compare with care)"
    return f"{head}\n{grid(rows)}\n"
