"""Import: answers that another tool made, as searches with their instructions; no stage of a refresh."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict

from tasks.catalogue.toolbench.layout import File, contents_digest
from tasks.exact_json import digest_of
from tasks.frame.running import TableRows, write_shard
from tasks.frame.services import Services
from tasks.frame.stage import Stage
from tasks.identity import NotInKey
from tasks.importing.files import find_answers
from tasks.importing.importing import STAGE as NAME
from tasks.importing.importing import parts_of
from warehouse.ref import Counts, ShardOutput
from warehouse.tables import ANNOTATIONS, EVALUATIONS, INSTRUCTIONS, NODES, PREFERENCES, REJECTS

VERSION = 1
PROGRESS_UNIT = "file"  # how many answers there are is known at the end


class AnswersIn(BaseModel):
    """A folder of answer files."""

    model_config = ConfigDict(frozen=True)

    place: Annotated[Path, NotInKey("place")]


def take_in(services: Services, params: AnswersIn) -> Sequence[ShardOutput]:
    """Some files at a time, whose rows are written before the next are read."""
    found = find_answers(params.place)
    progress = services.progress(STAGE.name)
    progress.expect(len(found.answers) + len(found.sets), PROGRESS_UNIT)
    counted = progress.shard(1)
    outputs = []
    for part in parts_of(found):
        rows: TableRows = {
            INSTRUCTIONS: part.instructions,
            ANNOTATIONS: part.annotations,
            NODES: part.nodes,
            EVALUATIONS: part.evaluations,
            PREFERENCES: part.preferences,
            REJECTS: [*part.rejects, *part.remarks],
        }
        n_out, n_rejected = len(part.annotations), len(part.rejects)
        counts = Counts(unit=STAGE.unit, n_in=n_out + n_rejected, n_out=n_out, n_rejected=n_rejected)
        outputs.append(write_shard(services.store, rows, counts))
        counted.take_up(part.n_files)
        counted.finish(part.n_files, rejected=n_rejected)
    return outputs


def contents(params: AnswersIn) -> str:
    """Of all that the rows may depend on."""
    found = find_answers(params.place)
    read = contents_digest(File(place, path) for place, path in found.read)
    return digest_of([read, *found.refused]) if found.refused else read


STAGE = Stage(
    name=NAME,
    version=VERSION,
    unit="answer",
    writes=(INSTRUCTIONS, ANNOTATIONS, NODES, EVALUATIONS, PREFERENCES, REJECTS),
    contents=contents,
    whole=take_in,
)
