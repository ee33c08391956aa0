"""The lock holds what every supported Python needs: what a package requires may depend on the version."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKED = [
    Requirement(line)
    for line in (ROOT / "requirements.lock").read_text("utf-8").splitlines()
    if line[0] != "#"
]
VERSIONS = ["3.11", "3.12", "3.13", "3.14"]


def holds(requirement: Requirement, version: str, extras: set[str]) -> bool:
    """Whether a Python of that version needs it."""
    where = {"python_version": version, "python_full_version": f"{version}.0"}
    marker = requirement.marker
    return marker is None or any(marker.evaluate({**where, "extra": extra}) for extra in extras | {""})


# Some GB, which nothing but training, vectors and serving needs.
UNLOCKED = {"retriever", "serve", "train"}


def own() -> list[Requirement]:
    """What pyproject.toml asks for, extras included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    texts = [
        *project["dependencies"],
        *(
            text
            for extra, texts in project["optional-dependencies"].items()
            if extra not in UNLOCKED
            for text in texts
        ),
    ]
    return [Requirement(text) for text in texts if not text.startswith("toolloom")]


@pytest.mark.parametrize("version", VERSIONS)
def test_what_locked_packages_require_is_locked(version: str) -> None:
    locked = {canonicalize_name(each.name): each for each in LOCKED if holds(each, version, set())}
    missing = {}
    waiting = [(each, "pyproject.toml") for each in own()]
    looked_at: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        wanted, by = waiting.pop()
        name, extras = canonicalize_name(wanted.name), frozenset(wanted.extras)
        if name not in locked:
            missing[name] = by
        if name not in locked or (name, extras) in looked_at:
            continue
        looked_at.add((name, extras))
        pinned = re.sub("^==", "", str(locked[name].specifier))
        assert wanted.specifier.contains(pinned, prereleases=True), f"{by} wants {wanted}"
        try:
            inner = map(Requirement, requires(name) or ())
        except PackageNotFoundError:  # of another Python than this one
            continue
        waiting += [(each, name) for each in inner if holds(each, version, set(extras))]

    assert missing == {}
