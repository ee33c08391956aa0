"""Which configuration a command takes in a data folder: the default one only where it belongs."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest
from typer.testing import CliRunner

from flows import DEFAULT_PROFILE
from flows.cli import app
from flows.configure import chosen_config, load_config
from tasks.catalogue.opening import sources_digest
from tasks.errors import UsageError
from warehouse import manifest

SOURCES_OF_OTHERS = "sources of others"
SOURCES_OF_THE_SANDBOX = sources_digest(load_config().catalogue)


def _crawled(data: Path, build: ModuleType, sources: str | None) -> None:
    crawl = build.stage(build.counts("crawl", 1, 1)).model_copy(update={"sources": sources})
    manifest.commit(data, build.manifest(stages={"crawl": crawl}))


@pytest.mark.parametrize("command", ["refresh", "plan", "plan --crawl", "annotate", "probe", "serve"])
def test_the_default_profile_is_refused_for_a_data_set_of_other_sources(
    tmp_path: Path, build: ModuleType, command: str
) -> None:
    _crawled(tmp_path, build, SOURCES_OF_OTHERS)
    result = CliRunner().invoke(app, [*command.split(), "--data", str(tmp_path)])
    assert (result.exit_code, result.output) == (
        2,
        f"toolloom: the data set in {tmp_path} is of other sources than the profile 'sandbox', "
        "which is taken where none is named\n  fix: name its configuration with --config FILE, or this one "
        "with --profile sandbox, or another folder with --data\n",
    )


@pytest.mark.parametrize("sources", [SOURCES_OF_THE_SANDBOX, None])
def test_it_is_taken_for_its_own_data_set_and_where_sources_were_not_recorded(
    tmp_path: Path, build: ModuleType, sources: str | None
) -> None:
    _crawled(tmp_path, build, sources)
    assert chosen_config(tmp_path, profile=None, file=None) == load_config()


def test_searches_over_what_came_with_queries_take_it_and_a_refresh_does_not(
    tmp_path: Path, build: ModuleType
) -> None:
    crawl, pose = (build.stage(build.counts(stage, 1, 1)) for stage in ("crawl", "pose"))
    crawl = crawl.model_copy(update={"sources": SOURCES_OF_OTHERS})
    manifest.commit(tmp_path, build.manifest(stages={"crawl": crawl, "pose": pose}))
    assert chosen_config(tmp_path, profile=None, file=None, searches_only=True) == load_config()
    with pytest.raises(UsageError, match="of other sources"):
        chosen_config(tmp_path, profile=None, file=None)


def test_it_is_taken_for_a_new_folder(tmp_path: Path) -> None:
    assert chosen_config(tmp_path / "new", profile=None, file=None) == load_config()


def test_whoever_names_a_profile_or_a_file_or_sources_is_not_asked(tmp_path: Path, build: ModuleType) -> None:
    _crawled(tmp_path, build, SOURCES_OF_OTHERS)
    file = tmp_path / "mine.toml"
    file.write_text((Path("flows/profiles") / f"{DEFAULT_PROFILE}.toml").read_text())
    sources = 'catalogue.sources=[{ kind = "hub", location = "http://mine.test" }]'
    assert chosen_config(tmp_path, profile=DEFAULT_PROFILE, file=None) == load_config()
    assert chosen_config(tmp_path, profile=None, file=file) == load_config(file=file)
    assert chosen_config(tmp_path, profile=None, file=None, overrides=[sources]) == load_config(
        overrides=[sources]
    )
