"""The refresh as a deployment: what Prefect is told of it, as values, and what a run of it may say."""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from flows import DEFAULT_DATA
from flows.configure import load_config, profile_names
from flows.params import Config
from tasks.errors import UsageError

FILE = "TOOLLOOM_DEPLOYMENT"
"""The environment variable that names the file which says what runs of a deployment execute: a `Deployment`
as JSON, or a profile or a configuration in TOML, whose folder is TOOLLOOM_DATA, as of any command."""

STARTED_IN = "TOOLLOOM_STARTED_IN"
"""The environment variable that names the folder in which `toolloom serve` was started: its configuration may
name files and commands from there, and its runs begin elsewhere (`flows.prefect.server.NEUTRAL`)."""

FROM_THE_FILE = frozenset({"catalogue", "calling", "llm", "loop", "retriever", "sandbox", "train"})
"""Sections whose commands, addresses, folders, names of models and of keys make a run do something."""
OF_A_RUN = frozenset(Config.model_fields) - FROM_THE_FILE
"""Sections that a run may say otherwise, but for folders, files, and what is said in words of one's own."""


class Deployment(BaseModel):
    """A refresh of one data folder under a name of its own."""

    model_config = ConfigDict(frozen=True)

    name: str
    config: Config
    data: Path

    @property
    def parameters(self) -> dict[str, Any]:
        """Of the flow, as JSON: what was set, so that the form in the UI shows no more than that.

        By the names of the configuration file, which are those of the form's schema.
        """
        config = self.config.model_dump(mode="json", exclude_unset=True, by_alias=True)
        return {"config": config, "data": str(self.data)}

    def check_run(self, config: Config, data: Path) -> None:
        """Raises `UsageError` when the parameters of a run name what only the file may name.

        Whoever may ask Prefect's server may start a run with parameters of his own: none of them may become a
        command, another folder, or a key on its way to another host.
        """
        own, given = _from_the_file(self.config), _from_the_file(config)
        other = [name for name in {**own, **given} if own.get(name) != given.get(name)]
        if data.resolve() != self.data.resolve():
            other.append("data")
        if other:
            raise UsageError(
                f"the parameters of this run change {', '.join(other)}, "
                "which only the deployment's file says",
                fix="start the run with the deployment's own values there; to change them, edit the "
                "configuration and start `toolloom serve` (or the worker) again",
            )


def check_parameters(config: Config, data: Path, environment: Mapping[str, str] = os.environ) -> None:
    """Holds the parameters of a deployment's run to the file that FILE names.  Raises `UsageError`."""
    named = environment.get(FILE)
    if not named:
        raise UsageError(
            f"what this deployment may execute is said by no file: {FILE} is not set",
            fix=f"set {FILE} to the configuration file (or the profile) of the deployment where its runs are "
            "executed, in prefect.yaml under job_variables; `toolloom serve` does it by itself",
        )
    told_by(named, environment).check_run(config, data)


def told_by(named: str, environment: Mapping[str, str]) -> Deployment:
    """What FILE names.  Raises `UsageError` when there is no such file, or it is no configuration."""
    if named.endswith(".json"):
        try:
            return Deployment.model_validate_json(Path(named).read_bytes())
        except (OSError, ValidationError) as error:
            raise UsageError(
                f"{FILE} names {named}, which cannot be read", fix="start `toolloom serve` again"
            ) from error
    is_profile = named in profile_names()
    config = load_config(profile=named if is_profile else None, file=None if is_profile else Path(named))
    return Deployment(
        name=config.name, config=config, data=Path(environment.get("TOOLLOOM_DATA", DEFAULT_DATA))
    )


def _from_the_file(config: Config) -> dict[str, Any]:
    """What a run must not say otherwise, by its name in the configuration."""
    told: dict[str, Any] = {}
    for section, value in config.model_dump(by_alias=True).items():
        if section in FROM_THE_FILE:
            told[section] = value
        elif isinstance(value, dict):
            told |= {f"{section}.{name}": inner for name, inner in value.items() if _is_free_text(inner)}
    return told


def _is_free_text(value: Any) -> bool:
    """A path, or a list or table with any text in it; a single word is one of few that mean something."""
    if isinstance(value, dict):
        return any(isinstance(inner, str) or _is_free_text(inner) for inner in value.values())
    if isinstance(value, (list, tuple)):
        return any((isinstance(v, str) and not isinstance(v, Enum)) or _is_free_text(v) for v in value)
    return isinstance(value, Path)
