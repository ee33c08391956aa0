"""The Prefect server a run reports to: the configured one, or one of our own for the time of the run.

Prefect's ephemeral server stops with the process and drops the records it has not written yet, so a run
without a server starts a real one, with its history inside the data folder, and waits for every record
of its task runs before it stops it (measured: docs/running.md).
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import re
import socket
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import httpx
import requests

from flows.prefect.guarded_server import HOST
from flows.prefect.supervise import PYTHON, Child
from flows.report import say
from tasks.errors import ConnectionFailed, ToolloomError, UsageError
from tasks.transport.proxies import never_for_loopback

START_TIMEOUT_S = 180.0
DRAIN_TIMEOUT_S = 60.0
QUIET_S = 2.5  # the recorder flushes every second

# Batching makes recording a task run four times cheaper; the rest keeps the server quiet and at home.
_SERVER_SETTINGS = {
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_READ_BATCH_SIZE": "200",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_LOGGING_SERVER_LEVEL": "WARNING",
    "PREFECT_CLI_PROMPT": "false",
    "DO_NOT_TRACK": "1",
}


def _is_headers(text: str) -> bool:
    try:
        headers = json.loads(text)
    except ValueError:
        return False
    return isinstance(headers, dict) and all(isinstance(value, str) for value in headers.values())


_is_line = re.compile(r"[ -~]+").fullmatch
_is_number = re.compile(r"\d{1,6}(\.\d{1,6})?").fullmatch
_is_switch = re.compile(r"(?i)true|false|1|0|yes|no|on|off").fullmatch
# How the configured server is reached: all that a run takes of the user's own Prefect settings, whose other
# ones (a storage block, a serializer, a policy, another home) are made for flows that are not ours.
_OF_THE_USER: Mapping[str, Callable[[str], object]] = {
    "PREFECT_API_URL": _is_line,
    "PREFECT_API_KEY": _is_line,
    "PREFECT_API_AUTH_STRING": _is_line,
    "PREFECT_API_SSL_CERT_FILE": os.path.isfile,
    "PREFECT_API_TLS_INSECURE_SKIP_VERIFY": _is_switch,
    "PREFECT_API_ENABLE_HTTP2": _is_switch,
    "PREFECT_API_REQUEST_TIMEOUT": _is_number,
    "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": _is_switch,
    "PREFECT_CLIENT_CUSTOM_HEADERS": _is_headers,
    "PREFECT_CLIENT_MAX_RETRIES": re.compile(r"\d{1,4}").fullmatch,
    "PREFECT_LOGGING_LEVEL": re.compile(r"DEBUG|INFO|WARNING|ERROR|CRITICAL").fullmatch,
}
_NOWHERE = f"{os.devnull}/none"  # a file that nobody can put there, as somebody could into the home
NEUTRAL = Path(os.devnull).parent
"""Where Prefect is imported: it takes settings from `.env`, `prefect.toml` and `pyproject.toml` of the folder
one stands in, which may be somebody else's."""


def prepare_environment(data: Path, *, verbose: bool) -> None:
    """Prefect settings every command of ours wants; call before prefect is imported.

    Nothing else of the environment, a profile or the data folder, which may be somebody else's, has a say,
    nor has the folder one stands in where Prefect is imported in NEUTRAL: files of settings and of logging
    name code and servers.  Logs go to the server, so that the UI shows them; the terminal has them only with
    `verbose`.
    """
    never_for_loopback()  # where our server is, for all of Prefect's clients
    for name in [name for name in os.environ if name.upper().startswith("PREFECT_")]:
        value = os.environ.pop(name)
        is_usable = _OF_THE_USER.get(name)
        if is_usable is None or not value:
            continue
        if is_usable(value):
            os.environ[name] = value
        else:
            say(f"warning: the environment variable {name} is ignored: Prefect could not read its value")
    os.environ["PREFECT_HOME"] = str(data / "prefect")
    os.environ["PREFECT_LOCAL_STORAGE_PATH"] = str(data / "prefect" / "results")
    os.environ["PREFECT_PROFILES_PATH"] = os.environ["PREFECT_LOGGING_SETTINGS_PATH"] = _NOWHERE
    if not verbose:
        os.environ["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] = "CRITICAL"
        os.environ["PREFECT_LOGGING_INTERNAL_LEVEL"] = "CRITICAL"
        logging.raiseExceptions = False  # a log that cannot be sent is no news for the terminal
    os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"
    os.environ.setdefault("DO_NOT_TRACK", "1")


class OwnServer:
    """A Prefect server of ours, starting."""

    def __init__(self, data: Path, port: int = 0) -> None:
        """port: 0 is any free one.  Raises `UsageError` when it is taken."""
        self.port = _bindable(port)
        self.log = data / "prefect" / "server.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.child = Child(
            [*PYTHON, "flows.prefect.guarded_server", str(self.port)],
            env=self._environment(data),
            cwd=NEUTRAL,
            log=self.log,
        )

    def _environment(self, data: Path) -> dict[str, str]:
        inherited = {key: value for key, value in os.environ.items() if key != "PREFECT_API_URL"}
        return (
            inherited
            | _SERVER_SETTINGS
            | {
                "PREFECT_HOME": str(data / "prefect"),
                "PREFECT_SERVER_API_HOST": HOST,
                "PREFECT_SERVER_API_PORT": str(self.port),  # without it the UI asks port 4200
            }
        )

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def wait(self) -> None:
        """Until the server answers; raises `UsageError` when it does not come up."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline and self.child.running:
            if _healthy(f"{self.url}/api"):
                return
            time.sleep(0.1)
        raise UsageError(
            "the Prefect server did not start",
            fix=f"see {self.log} (is its disk full?), or set PREFECT_API_URL to a server that runs",
        )


def own_server_unless_configured(data: Path) -> OwnServer | None:
    """Starts our own server when no `PREFECT_API_URL` is set; it may still be starting.

    A folder that `toolloom serve` serves has its server already: two must not write one history.

    It stops when this process exits, after Prefect's own workers, which send their last events and logs
    while the interpreter shuts down, and would wait for a minute if nobody took them.
    """
    configured = os.environ.get("PREFECT_API_URL")
    if configured:
        _require_healthy(configured)
        return None
    served = served_at(data)
    if served is not None:
        os.environ["PREFECT_API_URL"] = f"{served}/api"
        return None
    server = OwnServer(data)
    os.environ["PREFECT_API_URL"] = f"{server.url}/api"  # before prefect is imported, or it starts another
    atexit.register(server.child.stop)
    return server


@contextmanager
def server_of_its_own(data: Path, port: int) -> Iterator[tuple[str, Callable[[], bool]]]:
    """The address of the configured server, or of one that is started for the `with` block; whether it lives.

    While the block lasts, `served_at` knows the address of one that was started.
    """
    configured = os.environ.get("PREFECT_API_URL")
    if configured:
        _require_healthy(configured)
        # A server of others may be away for a while: the executor asks it again and again.
        yield configured.rstrip("/").removesuffix("/api"), lambda: True
        return
    server = OwnServer(data, port)
    os.environ["PREFECT_API_URL"] = f"{server.url}/api"
    with server.child:
        say("starting the Prefect server ...")
        server.wait()
        _mark(data).write_text(json.dumps({"url": server.url, "pid": os.getpid()}), encoding="utf-8")
        try:
            yield server.url, lambda: server.child.running
        finally:
            _mark(data).unlink(missing_ok=True)


def served_at(data: Path) -> str | None:
    """The address of the server that `toolloom serve` runs for the folder; None when it is not served."""
    try:
        served = json.loads(_mark(data).read_text(encoding="utf-8"))
        os.kill(served["pid"], 0)
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return None
    url = str(served["url"])
    if re.fullmatch(rf"http://{re.escape(HOST)}:\d+", url) is None:
        return None  # not written by `toolloom serve`: the folder came from somewhere
    return url if _healthy(f"{url}/api") else None


def _mark(data: Path) -> Path:
    return data / "prefect" / "served.json"


def _require_healthy(api_url: str) -> None:
    if not _healthy(api_url):
        raise UsageError(
            f"no Prefect server answers at PREFECT_API_URL={api_url}",
            fix="start it, correct the variable, or unset it: a run starts a server of its own",
        )


@contextmanager
def named_when_gone(own: OwnServer | None) -> Iterator[None]:
    """Says that it was the Prefect server that failed where all that is known is that a request did."""
    try:
        yield
    except ToolloomError:
        raise
    except Exception as error:  # Prefect's client wraps a lost server in errors of every kind
        api_url = os.environ["PREFECT_API_URL"]
        # Where it asks for a slot, the client puts an error of its own around a server that is too busy.
        of_http = isinstance(error, httpx.HTTPError) or isinstance(error.__cause__, httpx.HTTPError)
        if not of_http and _healthy(api_url):
            raise  # a bug of ours
        mend = f"see {own.log}" if own is not None else "start it again, or unset PREFECT_API_URL"
        why = str(error).partition("\n")[0] or type(error).__name__  # a timeout has no words of its own
        raise ConnectionFailed(
            f"the Prefect server at {api_url} failed during the run ({why})",
            fix=f"{mend}; then run the same command again: finished shards are not computed twice",
        ) from error


def wait_for_records(api_url: str, flow_run_id: UUID, expected: int | None) -> int:
    """Waits until the server has the final state of `expected` task runs; returns how many are missing.

    When it is not known how many there were (the run failed), waits until no more arrive.
    """
    deadline = time.monotonic() + DRAIN_TIMEOUT_S
    recorded, quiet_since = -1, time.monotonic()
    while time.monotonic() < deadline:
        found = _finished_task_runs(api_url, flow_run_id)
        if found != recorded:
            recorded, quiet_since = found, time.monotonic()
        if recorded >= expected if expected is not None else time.monotonic() - quiet_since > QUIET_S:
            break
        time.sleep(0.1)
    return max(0, (expected or 0) - recorded)


def _finished_task_runs(api_url: str, flow_run_id: UUID) -> int:
    secret = os.environ.get("PREFECT_API_AUTH_STRING")  # as Prefect's client sends it
    auth = {"Authorization": f"Basic {b64encode(secret.encode()).decode()}"} if secret else {}
    runs, parents = [str(flow_run_id)], [str(flow_run_id)]
    while parents:  # flows within flows within flows
        children = requests.post(
            f"{api_url}/flow_runs/filter",
            json={"flow_runs": {"parent_flow_run_id": {"any_": parents}}},
            headers=auth,
            timeout=10,
        ).json()
        parents = [child["id"] for child in children]
        runs += parents
    count = requests.post(
        f"{api_url}/task_runs/count",
        json={
            "flow_runs": {"id": {"any_": runs}},
            "task_runs": {
                "subflow_runs": {"exists_": False},  # what stands for a subflow is no task of ours
                "state": {"type": {"any_": ["COMPLETED", "FAILED", "CRASHED", "CANCELLED"]}},
            },
        },
        headers=auth,
        timeout=10,
    ).json()
    return int(count)


def _healthy(api_url: str) -> bool:
    try:
        return requests.get(f"{api_url.rstrip('/')}/health", timeout=2).ok
    except requests.RequestException:
        return False


def _bindable(port: int) -> int:
    """The port, or a free one for 0.  Raises `UsageError` when another program listens on it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise UsageError(
                f"port {port} on {HOST} cannot be had for the Prefect server ({error.strerror})",
                fix="stop the program that uses it, choose another with --port (0: any free one), or set "
                "PREFECT_API_URL to the server that runs there",
            ) from error
        return int(probe.getsockname()[1])
