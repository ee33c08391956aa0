"""The configuration of a command that works in a data folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from flows.configure import DEFAULT_PROFILE, load_config
from flows.params import Config
from tasks.catalogue.opening import are_sources_of
from tasks.errors import UsageError
from warehouse import manifest
from warehouse.manifest import Manifest


def chosen_config(
    data: Path,
    *,
    profile: str | None,
    file: Path | None,
    overrides: Sequence[str] = (),
    searches_only: bool = False,
    queries: Path | None = None,
) -> Config:
    """`load_config`, which takes the default profile only for a folder that is new, or its own.

    Whoever forgets to name the configuration of their data set would get the sandbox's in its place.
    searches_only: a catalogue that came with query files, of no configuration, will do.  Raises `UsageError`.
    """
    config = load_config(profile=profile, file=file, overrides=overrides, queries=queries)
    is_default = profile is None and file is None
    if is_default and not any(override.startswith("catalogue") for override in overrides):
        _refuse_other_sources(config, data, searches_only)
    return config


def _refuse_other_sources(config: Config, data: Path, searches_only: bool) -> None:
    last = manifest.latest(data)
    if last is None or "crawl" not in last.stages or (searches_only and came_with_queries(last)):
        return
    if not are_sources_of(last.stages["crawl"].sources, config.catalogue):
        raise UsageError(
            f"the data set in {data} is of other sources than the profile {DEFAULT_PROFILE!r}, "
            "which is taken where none is named",
            fix="name its configuration with --config FILE, or this one with "
            f"--profile {DEFAULT_PROFILE}, or another folder with --data",
        )


def came_with_queries(run: Manifest) -> bool:
    """Whether the catalogue, and all else there is, came with query files."""
    return "pose" in run.stages and "probe" not in run.stages
