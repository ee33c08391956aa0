"""BEIR's layout, for retrievers: every kept API, every instruction, and the APIs that it needs.

corpus.jsonl      {"_id", "title", "text", "metadata": {"tool_name", "api_name"}}
queries.jsonl     {"_id", "text", "metadata": {"scenario", "level"}}
qrels/train.tsv   query-id, corpus-id, score; qrels/test.tsv has all that is held out from training
"""

from __future__ import annotations

from dataclasses import dataclass

from tasks.exporting.folder import ExportFolder, json_streams, tabbed_files
from tasks.exporting.searches import TRAIN, Source
from tasks.retrieval.documents import ApiDocument, document_of
from warehouse.tables.catalogue import Parameter

_HEADER = ("query-id", "corpus-id", "score")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptApi:
    """An API that can be found."""

    api_id: str
    tool_name: str
    api_name: str
    description: str
    parameters: tuple[Parameter, ...]

    @property
    def document(self) -> ApiDocument:
        names = [parameter.arg_name for parameter in self.parameters]
        return document_of(self.tool_name, self.api_name, self.api_id, self.description, names)


def export_beir(source: Source, folder: ExportFolder) -> None:
    """Writes everything the module's head names; nothing where no instruction has its APIs there."""
    documents = [api.document for api in source.rows(KeptApi, "export_documents")]
    there = {document.api_id for document in documents}
    with json_streams(folder) as streams, tabbed_files(folder) as tabbed:
        for instruction in source.instructions():
            needed = sorted({relevant.api_id for relevant in instruction.relevant_apis})
            if not needed or not there.issuperset(needed):
                why = "it needs an API that is not kept" if needed else "it does not say what it needs"
                source.left_out[why] += 1
                continue
            level, id_ = source.level_of(instruction), instruction.instruction_id
            about = {"scenario": instruction.scenario, "level": level}
            streams.write("queries.jsonl", {"_id": id_, "text": instruction.query, "metadata": about})
            split = "train" if level == TRAIN else "test"
            for api_id in needed:
                tabbed.write(f"qrels/{split}.tsv", id_, api_id, 1, header=_HEADER)
        for document in documents if folder.written else ():
            entry = {"_id": document.api_id, "title": document.title, "text": document.body}
            names = {"tool_name": document.tool, "api_name": document.api}
            streams.write("corpus.jsonl", {**entry, "metadata": names})
