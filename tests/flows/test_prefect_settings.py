"""Which of the user's own Prefect settings concern a run, and which files in Prefect's home."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from flows.prefect.server import named_when_gone, prepare_environment, served_at
from tasks.errors import ConnectionFailed

OF_OTHER_FLOWS = {
    "PREFECT_DEFAULT_RESULT_STORAGE_BLOCK": "s3-bucket/nobody-knows",
    "PREFECT_RESULTS_DEFAULT_SERIALIZER": "none-such",
    "PREFECT_TASKS_DEFAULT_CACHE_POLICY": "never heard of",
    "PREFECT_TASKS_DEFAULT_PERSIST_RESULT": "perhaps",
    "PREFECT_LOGGING_SETTINGS_PATH": "/etc/passwd",
    "PREFECT_LOGGING_CONFIG_PATH": "/etc/passwd",
    "PREFECT_HOME": "/proc/none",
    "PREFECT_PROFILE": "another",
    "PREFECT_SERVER_DATABASE_CONNECTION_URL": "postgresql+asyncpg://nobody@127.0.0.1:9/x",
    "PREFECT_LOCAL_STORAGE_PATH": "/proc/none",
    "PREFECT_API_REQUEST_TIMEOUT": "soon",
    "PREFECT_CLIENT_CUSTOM_HEADERS": '{"a": ',
    "PREFECT_LOGGING_LEVEL": "LOUD",
}
OF_A_SERVER = {
    "PREFECT_API_URL": "http://127.0.0.1:9/api",
    "PREFECT_API_KEY": "pnu_0123456789",
    "PREFECT_CLIENT_CUSTOM_HEADERS": '{"X-Team": "a, \\"b\\": c"}',
    "PREFECT_API_REQUEST_TIMEOUT": "12.5",
}


def test_only_how_a_server_is_reached_is_taken_from_the_environment(tmp_path: Path) -> None:
    before = dict(os.environ)
    try:
        os.environ.update({**OF_OTHER_FLOWS, **OF_A_SERVER})
        prepare_environment(tmp_path, verbose=True)
        found = {name: value for name, value in os.environ.items() if name.startswith("PREFECT_")}
    finally:
        os.environ.clear()
        os.environ.update(before)
    assert found == {
        **OF_A_SERVER,
        "PREFECT_HOME": f"{tmp_path}/prefect",
        "PREFECT_LOCAL_STORAGE_PATH": f"{tmp_path}/prefect/results",
        "PREFECT_PROFILES_PATH": "/dev/null/none",
        "PREFECT_LOGGING_SETTINGS_PATH": "/dev/null/none",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    }


PREPARED = """
import sys
from pathlib import Path
from flows.prefect.server import prepare_environment
prepare_environment(Path(sys.argv[1]), verbose=False)
import prefect
from prefect.logging.configuration import setup_logging
from prefect.settings import get_current_settings
setup_logging()
settings = get_current_settings()
print(settings.results.default_storage_block, settings.api.url)
"""


def test_what_somebody_put_into_the_home_is_not_read_and_nothing_breaks(tmp_path: Path) -> None:
    """A file of logging names what is called; a profile, where all is sent."""
    home, mark = tmp_path / "prefect", tmp_path / "called"
    home.mkdir()
    (home / "logging.yml").write_text(
        "version: 1\nhandlers:\n  console:\n    (): os.mkdir\n    path: " + str(mark) + "\n"
        "loggers:\n  prefect:\n    handlers: [console]\n"
    )
    (home / "profiles.toml").write_text(
        'active = "theirs"\n[profiles.theirs]\nPREFECT_API_URL = "http://127.0.0.1:9/api"\n'
        'PREFECT_DEFAULT_RESULT_STORAGE_BLOCK = "x/y"\n'
    )
    done = subprocess.run(
        [sys.executable, "-c", PREPARED, str(tmp_path)],
        env={**os.environ, **OF_OTHER_FLOWS},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stderr, done.stdout.splitlines()[-1]) == ("", "None None")
    assert not mark.exists()


SETTINGS_IN = {
    ".env": "PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK=x/y\nPREFECT_API_URL=http://127.0.0.1:9/api\n",
    "prefect.toml": '[api]\nurl = "http://127.0.0.1:9/api"\n[results]\ndefault_storage_block = "x/y"\n',
    "pyproject.toml": '[tool.prefect.api]\nurl = "http://127.0.0.1:9/api"\n'
    '[tool.prefect.results]\ndefault_storage_block = "x/y"\n',
}


def test_settings_in_the_folder_one_stands_in_are_not_read(tmp_path: Path) -> None:
    """Each of the files says the same, so that any one that is read would show."""
    for file, text in SETTINGS_IN.items():
        (tmp_path / file).write_text(text)
    (tmp_path / "prefect").mkdir()
    in_neutral = PREPARED.replace(
        "import prefect\n", "from flows.prefect.server import NEUTRAL\nos.chdir(NEUTRAL)\n", 1
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", f"import os{in_neutral}", str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stderr, done.stdout.splitlines()[-1]) == ("", "None None")


@pytest.mark.parametrize(
    "mark",
    [
        {"url": "http://elsewhere.test:80", "pid": os.getpid()},
        {"url": "http://127.0.0.1:80@elsewhere.test", "pid": os.getpid()},
        {"url": "http://127.0.0.1:9", "pid": "1"},
        {"url": "http://127.0.0.1:9", "pid": 1 << 70},
        ["http://127.0.0.1:9"],
    ],
)
def test_a_folder_names_no_server_but_one_of_this_machine(tmp_path: Path, mark: object) -> None:
    (tmp_path / "prefect").mkdir()
    (tmp_path / "prefect" / "served.json").write_text(json.dumps(mark))
    assert served_at(tmp_path) is None


@pytest.mark.parametrize(
    ("failure", "why"),
    [
        (httpx.ReadTimeout(""), "ReadTimeout"),
        (httpx.ConnectError("All connection attempts failed\nsee above"), "All connection attempts failed"),
    ],
)
def test_a_server_that_is_gone_is_told_with_what_failed(
    failure: Exception, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")

    with pytest.raises(ConnectionFailed) as told, named_when_gone(None):
        raise failure

    assert told.value.message == f"the Prefect server at http://127.0.0.1:9/api failed during the run ({why})"


def test_a_server_that_is_there_and_too_busy_is_told_too(
    prefect_api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", prefect_api)
    busy = RuntimeError("Unable to acquire concurrency slots: 503 Service Unavailable")
    busy.__cause__ = httpx.HTTPError("503")

    with (
        pytest.raises(ConnectionFailed, match="concurrency slots: 503 Service Unavailable"),
        named_when_gone(None),
    ):
        raise busy
