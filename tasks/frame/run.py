"""What every stage of one run shares."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from prompts import digests_of
from tasks.calling.params import CallingParams
from tasks.identity import identity
from tasks.llm.params import BudgetParams, Capabilities, JudgeParams, LlmParams
from tasks.transport.mcp.server import McpServer

# What asks the judge, where that is another endpoint than the one of `[llm]`.
JUDGING = frozenset({"evaluate", "prefer"})


class RunContext(BaseModel):
    """One run over one data folder; passed to every task, never part of a key as a whole.

    as_of: per stage that asks the world (crawl, probe), how old its rows may be at most.
    shard_counts: number of shards per stage of the run before; kept, so that a changed row touches one shard.
    llm: the endpoint that is asked; of a run that asks no other than the judge, the judge.
    judge: the endpoint that judging stages ask; None where that is `llm`, or nothing is judged.
    capabilities, judge_capabilities: what these were found to be able to do.
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
    judge: JudgeParams | None = None
    budget: BudgetParams = BudgetParams()
    mcp_servers: tuple[McpServer, ...] = ()
    capabilities: Capabilities = Capabilities()
    judge_capabilities: Capabilities = Capabilities()
    replay: bool = False
    key_variables: tuple[str, ...] = ()

    def calling_identity(self) -> dict[str, object]:
        return calling_identity(self.calling, self.mcp_servers)

    def model_identity(self, stage: str = "") -> dict[str, object]:
        """What of the endpoint that a stage asks can change a reply: never the address or the speed.

        What it cannot do is asked for in words, so it counts, and so do the words.
        """
        llm, capabilities = self.llm, self.capabilities
        if self.judge is not None and stage in JUDGING:
            llm, capabilities = self.judge, self.judge_capabilities
        missing = capabilities.missing
        in_words = {"lacking": [*missing, *digests_of("endpoint")]} if missing else {}
        return identity(llm, "model") | in_words


def calling_identity(calling: CallingParams, mcp_servers: tuple[McpServer, ...]) -> dict[str, object]:
    """What of `[calling]` can change an outcome: not where names resolve to, nor how fast we go.

    With MCP servers, who they are as well: their APIs' rows name no address.
    """
    servers = [identity(server) for server in mcp_servers]
    return identity(calling) | ({"mcp": servers} if servers else {})
