"""From a profile or a TOML file and overrides to a `Config`, or one clear message."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from flows import DEFAULT_PROFILE
from flows.params import Config
from flows.report import say
from tasks.catalogue.opening import are_sources_of
from tasks.catalogue.toolbench.instructions import LOAD_QUERIES
from tasks.errors import UsageError
from tasks.llm.params import OLD_ENDPOINT_ID
from warehouse import manifest
from warehouse.manifest import Manifest

PROFILES = Path(__file__).parent / "profiles"


def profile_names() -> list[str]:
    return sorted(path.stem for path in PROFILES.glob("*.toml"))


def load_config(
    *,
    profile: str | None = None,
    file: Path | None = None,
    overrides: Iterable[str] = (),
    queries: Path | None = None,
) -> Config:
    """The configuration of `file` or of a profile, the sandbox's if neither is given, with
    `section.key=value` overrides.

    queries: their APIs are the catalogue of a configuration that names no sources.  Raises `UsageError`
    naming the file, the key, the value and the fix.
    """
    if profile is not None and file is not None:
        raise UsageError("--profile and --config exclude each other", fix="give one of them")
    path = file if file is not None else _profile_path(profile or DEFAULT_PROFILE)
    values = _read_toml(path)
    for override in overrides:
        _override(values, override)
    if queries is not None:
        _take_sources(values, queries)
    if isinstance(llm := values.get("llm"), dict) and OLD_ENDPOINT_ID in llm:
        say(f"note: [llm] {OLD_ENDPOINT_ID} is called endpoint_id now; the old name is still read")
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        raise UsageError(_explain(error, values), fix=_hint(error)) from error


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
    return LOAD_QUERIES in run.stages and "probe" not in run.stages


def _take_sources(values: dict[str, Any], queries: Path) -> None:
    catalogue = values.setdefault("catalogue", {})
    if isinstance(catalogue, dict):
        catalogue.setdefault("sources", [{"kind": "toolbench", "location": str(queries)}])


def _profile_path(profile: str) -> Path:
    if profile not in profile_names():
        close = get_close_matches(profile, profile_names(), n=1)
        raise UsageError(
            f"there is no profile {profile!r}",
            fix=(f"did you mean {close[0]!r}? " if close else "")
            + f"profiles: {', '.join(profile_names())}; or give a file of your own with --config",
        )
    return PROFILES / f"{profile}.toml"


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(
            f"configuration file {path} does not exist", fix="check the path given to --config"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{path} is not valid TOML: {error}", fix="text values need quotes, tables need [brackets]"
        ) from None
    except IsADirectoryError:
        raise UsageError(f"{path} is a folder", fix="name a TOML file with --config") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", fix="check its permissions") from None


def _override(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    section, dot, name = key.strip().partition(".")
    if not equals or not section:
        raise UsageError(
            f"--set {override!r} has no value", fix="write --set section.key=value, as in annotate.width=3"
        )
    if not dot:
        values[section] = _value(text)
        return
    table = values
    *sections, name = (section, *name.split("."))
    for part in sections:
        table = table.setdefault(part, {})
        if not isinstance(table, dict):
            raise UsageError(f"--set {override!r}: {part!r} is not a section", fix="leave out the dot")
    table[name] = _value(text)
    # What is said last is meant for every host, also for those the file has said something else of.
    own = table.get("hosts") if sections == [section] and name != "hosts" else None
    for said in own.values() if isinstance(own, dict) else ():
        if isinstance(said, dict):
            said.pop(name, None)


def _value(text: str) -> Any:
    """A TOML value; what is none is taken as text, so that quotes are not needed in a shell."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _explain(error: ValidationError, values: Mapping[str, Any]) -> str:
    problems = _without_consequences(error.errors())
    # What was found is shown unless any of it may be a secret.
    shown = not any("credentials" in problem["msg"] for problem in problems)
    lines = ["the configuration cannot be used:"]
    for problem in problems:
        where = ".".join(str(part) for part in problem["loc"]) or "(top level)"
        found = f" (found: {_found(values, problem['loc'])!r})"
        told = found if shown and problem["type"] != "missing" else ""
        lines.append(f"  {where}: {_reason(problem)}{told}")
    return "\n".join(lines)


def _without_consequences(problems: list[ErrorDetails]) -> list[ErrorDetails]:
    """Without lists that are too short only because an item of theirs was refused, which is told itself."""
    refused = {problem["loc"][:n] for problem in problems for n in range(len(problem["loc"]))}
    return [
        problem for problem in problems if problem["type"] != "too_short" or problem["loc"] not in refused
    ]


def _reason(problem: ErrorDetails) -> str:
    kinds = problem.get("ctx", {}).get("expected_tags")
    reasons = {
        "extra_forbidden": "no such key",
        "missing": "this key is required",
        "union_tag_invalid": f"no such kind; there are {kinds}",
        "union_tag_not_found": "its `kind` is missing (docs/sources.md)",
    }
    return reasons.get(problem["type"], problem["msg"])


def _found(values: Any, where: tuple[int | str, ...]) -> Any:
    for part in where:
        if isinstance(values, Mapping) and part == values.get("kind"):
            continue  # pydantic names the kind of a source on the way to its keys
        try:
            values = values[part]
        except (KeyError, IndexError, TypeError):
            return None
    return values


def _hint(error: ValidationError) -> str:
    unknown = [problem["loc"] for problem in error.errors() if problem["type"] == "extra_forbidden"]
    hints = [
        f"{'.'.join(map(str, where))}: did you mean {close[0]!r}?"
        for where in unknown
        if (close := get_close_matches(str(where[-1]), _known_keys(where[:-1]), n=1))
    ]
    return " ".join(hints) or "see docs/configuration.md for every key, its meaning and its default"


def _known_keys(section: tuple[int | str, ...]) -> list[str]:
    model: type[BaseModel] = Config
    for part in section:
        field = model.model_fields.get(str(part))
        annotation = None if field is None else field.annotation
        kinds = (annotation, *get_args(annotation))  # what may be left out is a union with None
        inner = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
        if not inner:
            return []
        model = inner[0]
    return list(model.model_fields)
