"""Load queries: those of ToolBench's files as instructions over the catalogue; no stage of a refresh."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict

from tasks.catalogue.toolbench.instructions import LOAD_QUERIES, read_instructions
from tasks.catalogue.toolbench.layout import contents_digest, find_layout
from tasks.frame.running import TableRows, write_shard
from tasks.frame.services import Services
from tasks.frame.stage import Stage
from tasks.identity import NotInKey, OnceSet
from warehouse.ref import Counts, ShardOutput, StageOutput
from warehouse.tables import APIS, INSTRUCTIONS, REJECTS, TOOLS

VERSION = 1


class QueryFiles(BaseModel):
    """A file or folder of query files.  bare: they may name no APIs, since a retriever chooses them."""

    model_config = ConfigDict(frozen=True)

    place: Annotated[Path, NotInKey("place")]
    bare: Annotated[bool, OnceSet()] = False


def load_queries(services: Services, params: QueryFiles, crawled: StageOutput) -> Sequence[ShardOutput]:
    loaded = read_instructions(
        find_layout(params.place).queries,
        services.rows(APIS, crawled.tables[APIS.name]),
        services.rows(TOOLS, crawled.tables[TOOLS.name]),
        bare=params.bare,
    )
    counts = Counts(
        unit=STAGE.unit, n_in=loaded.n_queries, n_out=len(loaded.instructions), n_rejected=loaded.n_refused
    )
    rows: TableRows = {INSTRUCTIONS: list(loaded.instructions.values()), REJECTS: loaded.rejects}
    return [write_shard(services.store, rows, counts)]


STAGE = Stage(
    name=LOAD_QUERIES,
    version=VERSION,
    unit="instruction",
    reads={"crawl": (TOOLS, APIS)},
    writes=(INSTRUCTIONS, REJECTS),
    contents=lambda params: contents_digest(find_layout(params.place).queries),
    whole=load_queries,
)
