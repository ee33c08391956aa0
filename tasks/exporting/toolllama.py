"""ToolLLaMA's training data: a row per step, Thought, Action and Action Input as text.

toolllama_G123_dfs_<level>.json             rows of searches that were won
toolllama_G123_dfs_<level>_give_up.json     with --give-ups, rows of searches that gave up
"""

from __future__ import annotations

from tasks.exporting.conversation import conversation_of, training_row
from tasks.exporting.folder import ExportFolder
from tasks.exporting.searches import Search, Source
from tasks.exporting.streams import json_streams
from tasks.exporting.toolbench_answer import functions_of


def export_toolllama(source: Source, folder: ExportFolder) -> None:
    """Writes a file for each level of generalisation."""
    with json_streams(folder) as streams:
        for search in source.results(among=_method):
            name = f"toolllama_G123_{_method(search)}_{search.label}.json"
            functions = functions_of(search.annotation)
            for step in conversation_of(search.annotation.messages).steps:
                row = training_row(search.instruction.query, step, functions)
                if row is not None:
                    streams.write(name, row)


def _method(search: Search) -> str:
    return "cot" if search.annotation.method.startswith("react") else "dfs"
