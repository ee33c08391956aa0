"""What an export came to, as text for a terminal."""

from __future__ import annotations

from tasks.exporting.export import Exported
from tasks.exporting.folder import disk_path


def exported_line(exported: Exported) -> str:
    """An export in short, for the end of a refresh."""
    n_rows, n_left_out = sum(exported.written.values()), sum(exported.left_out.values())
    left_out = f", {n_left_out:,} {_counted(exported.unit, n_left_out)} left out" if n_left_out else ""
    return f"exported {exported.format} to {exported.out}: {n_rows:,} rows{left_out}"


def describe(exported: Exported) -> str:
    """A line for each file or folder with its rows, and for each reason to leave searches out."""
    width = max(len(name) for name in exported.written)
    lines = [f"{exported.format} in {disk_path(exported.out)}"]
    lines += [f"  {name:<{width}}  {n:>7,}" for name, n in sorted(exported.written.items())]
    lines += [
        f"  left out: {n:,} {_counted(exported.unit, n)}: {reason}" for reason, n in exported.left_out.items()
    ]
    return "\n".join(lines)


def _counted(unit: str, n: int) -> str:
    return unit if n == 1 else f"{unit}es" if unit.endswith("h") else f"{unit}s"
