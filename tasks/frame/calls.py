"""What calls APIs, for all stages of a process: by HTTP, through ToolBench's service, on MCP servers."""

from __future__ import annotations

from dataclasses import dataclass

from tasks.calling.call import DirectCaller, RetryingCaller, RoutingCaller, http_client
from tasks.calling.mcp import McpCaller
from tasks.calling.outcome import Caller
from tasks.calling.recording import RecordingCaller
from tasks.calling.toolbench import ToolbenchCaller, service_client
from tasks.exact_json import digest_of
from tasks.frame.run import RunContext
from tasks.probing.probe import Journal
from tasks.transport.kvstore import DurableMap, Scratch
from tasks.transport.mcp.sessions import McpSessions
from tasks.transport.proxies import Proxies
from tasks.transport.redactor import Redactor
from tasks.transport.runtime import Runtime


def recording_caller(
    run: RunContext, calls: DurableMap, caller: Caller | None = None, same_calls: DurableMap | None = None
) -> RecordingCaller:
    """What remembers the answers that APIs give to the searches of a run; without a caller, only that."""
    settings = digest_of(run.calling_identity())
    return RecordingCaller(caller, calls, settings=settings, since=run.started_at, same_calls=same_calls)


@dataclass(frozen=True)
class CallServices:
    """probing: calls an API once, `journal` remembers how that went.  searching: retries what may pass, and
    remembers every answer.  mcp: servers start when first listed or called, and stop with the runtime.
    """

    probing: Caller
    searching: RecordingCaller
    mcp: McpSessions
    call_map: DurableMap
    same_calls: DurableMap
    journal: Journal
    trials: Scratch

    @classmethod
    def open(cls, run: RunContext, runtime: Runtime, redactor: Redactor) -> CallServices:
        calling, store = run.calling, run.data / "store"
        client = runtime.enter(http_client(calling, calling.allow_hosts))
        service = runtime.enter(service_client(calling))
        mcp = runtime.enter(
            McpSessions(
                run.mcp_servers,
                resolve=calling.resolve,
                max_bytes=calling.max_bytes,
                timeout_s=calling.timeout_s,
                per_host_rps=calling.per_host_rps,
                proxies=Proxies(calling.proxy),
                logs=run.data / "logs",
                redactor=redactor,
            )
        )
        caller = RoutingCaller(
            {
                "http": DirectCaller(client, calling),
                "toolbench": ToolbenchCaller(calling, client=client, service=service),
                "mcp": McpCaller(mcp, timeout_s=calling.timeout_s, max_bytes=calling.max_bytes),
            },
            redactor,
        )
        call_map = DurableMap(store / "calls.sqlite")
        same_calls = DurableMap(store / "same_calls.sqlite")
        live = None if run.replay else RetryingCaller(caller, attempts=calling.attempts)
        searching = recording_caller(run, call_map, live, same_calls)
        trials = Scratch(store, "trials", run.run_id)
        return cls(
            probing=caller,
            searching=searching,
            mcp=mcp,
            call_map=call_map,
            same_calls=same_calls,
            journal=Journal(trials),
            trials=trials,
        )

    def close(self) -> None:
        """Behind the runtime, in which the last calls end."""
        self.trials.close()
        self.call_map.close()
        self.same_calls.close()
