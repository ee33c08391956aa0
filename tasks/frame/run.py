"""What every stage of one run shares."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from prompts import digests_of
from tasks.calling.params import CallingParams
from tasks.identity import identity
from tasks.llm.params import BudgetParams, Capabilities, LlmParams
from tasks.transport.mcp.server import McpServer


class RunContext(BaseModel):
    """One run over one data folder; passed to every task, never part of a key as a whole.

    as_of: per stage that asks the world (crawl, probe), how old its rows may be at most.
    shard_counts: number of shards per stage of the run before; kept, so that a changed row touches one shard.
    capabilities: what the model endpoint was found to be able to do.
    replay: searches call no API; they see what the call store holds.
    key_variables: environment variables whose values are taken out of all that servers say.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: Path
    run_id: str
    started_at: datetime
    as_of: dict[str, datetime]
    shard_counts: dict[str, int] = {}
    calling: CallingParams
    llm: LlmParams
    budget: BudgetParams = BudgetParams()
    mcp_servers: tuple[McpServer, ...] = ()
    capabilities: Capabilities = Capabilities()
    replay: bool = False
    key_variables: tuple[str, ...] = ()

    def calling_identity(self) -> dict[str, object]:
        return calling_identity(self.calling, self.mcp_servers)

    def model_identity(self) -> dict[str, object]:
        """What of `[llm]` can change a reply: never the address or the speed.

        What the endpoint cannot do is asked for in words, so it counts, and so do the words.
        """
        missing = self.capabilities.missing
        in_words = {"lacking": [*missing, *digests_of("endpoint")]} if missing else {}
        return identity(self.llm, "model") | in_words


def calling_identity(calling: CallingParams, mcp_servers: tuple[McpServer, ...]) -> dict[str, object]:
    """What of `[calling]` can change an outcome: not where names resolve to, nor how fast we go.

    With MCP servers, who they are as well: their APIs' rows name no address.
    """
    servers = [identity(server) for server in mcp_servers]
    return identity(calling) | ({"mcp": servers} if servers else {})
