"""Label: what people say of answers, read from a file; no stage of a refresh."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict

from tasks.exact_json import digest_of
from tasks.frame.running import TableRows, write_shard
from tasks.frame.services import Services
from tasks.frame.stage import Stage
from tasks.identity import NotInKey
from tasks.judging.labels import answers_of, labelled_bytes, read_labels
from warehouse.ref import Counts, ShardOutput, StageOutput
from warehouse.tables import ANNOTATIONS, INSTRUCTIONS, LABELS

VERSION = 1


class LabelFile(BaseModel):
    """A CSV file of labels."""

    model_config = ConfigDict(frozen=True)

    place: Annotated[Path, NotInKey("place")]


def label(
    services: Services, params: LabelFile, selected: StageOutput, annotated: StageOutput
) -> Sequence[ShardOutput]:
    answers = answers_of(
        services.store, selected.tables[INSTRUCTIONS.name], annotated.tables[ANNOTATIONS.name]
    )
    labels = read_labels(params.place, answers)
    counts = Counts(unit=STAGE.unit, n_in=len(labels), n_out=len(labels), n_rejected=0)
    rows: TableRows = {LABELS: labels}
    return [write_shard(services.store, rows, counts)]


STAGE = Stage(
    name="label",
    version=VERSION,
    unit="label",
    reads={"select": (INSTRUCTIONS,), "annotate": (ANNOTATIONS,)},
    writes=(LABELS,),
    contents=lambda params: digest_of([params.place.stem, labelled_bytes(params.place).hex()]),
    whole=label,
)
