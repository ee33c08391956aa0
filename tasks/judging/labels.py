"""What people say of answers: which are put before them, what their files hold, and who agrees with whom.

Judges are right four times out of five (arXiv 2307.16789, arXiv 2403.07714), and nobody knows which
four until people have labelled some of the same answers.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from io import StringIO
from pathlib import Path

from tasks.errors import UsageError
from tasks.exact_json import digest_of
from tasks.judging.facts import UNSOLVED
from tasks.judging.judge import SOLVED, UNSURE, solution_shown
from warehouse.ref import TableRef
from warehouse.store import Store
from warehouse.tables import ANNOTATIONS, INSTRUCTIONS
from warehouse.tables.annotations import Annotation
from warehouse.tables.evaluations import Label

LABELS_OF_PEOPLE = (SOLVED, UNSURE, UNSOLVED)
COLUMNS = ("annotation_id", "seen", "label", "person", "note")
"""Of a file of labels; `seen`, `person` and `note` may be missing, others are passed over."""

_ROWS_TOLD = 5
_LARGEST_FILE = 50_000_000
_LONGEST_FIELD = 1_000_000
_DELIMITERS = ",;\t"
_SHEET = "sheet-"
"""How files are called that people fill in by hand."""
_BLANK = r"[\s\x00-\x1f\u200b-\u200f\ufeff\"]*"
_FORMULA = rf"{_BLANK}[=+\-@\uff1d\uff0b\uff0d\uff20]"
_BEGINS_FORMULA = re.compile(rf"(?:^|(?<=[\r\n\t;]))(?={_FORMULA})")
_MARKED_FORMULA = re.compile(rf"(?:^|(?<=[\r\n\t;]))'(?=[\s']*{_FORMULA})")


@dataclass(frozen=True)
class Candidate:
    """An answer that may be put before people.  stratum: what it has in common with others."""

    annotation_id: str
    stratum: tuple[str, ...]


def sample_of(candidates: Sequence[Candidate], n: int) -> list[str]:
    """Ids of n of them: of each stratum its share, yet at least one where n allows it.

    Which ones is decided by a hash of their ids, and so is their order, which tells nothing of the strata.
    """
    strata: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for each in candidates:
        strata[each.stratum].append(each.annotation_id)
    wanted = _shares({stratum: len(ids) for stratum, ids in strata.items()}, min(n, len(candidates)))
    drawn = [
        annotation_id
        for stratum, ids in strata.items()
        for annotation_id in sorted(ids, key=_lot)[: wanted[stratum]]
    ]
    return sorted(drawn, key=_lot)


def _lot(annotation_id: str) -> bytes:
    return blake2b(annotation_id.encode(), digest_size=16, person=b"labels").digest()


def _shares(sizes: Mapping[tuple[str, ...], int], n: int) -> Mapping[tuple[str, ...], int]:
    """n divided by the sizes: one for each while it lasts, then to whom most of its share is missing."""
    total = sum(sizes.values())
    first = sorted(sizes, key=lambda stratum: (-sizes[stratum], stratum))[:n]
    given = {stratum: int(stratum in first) for stratum in sizes}
    for _ in range(n - len(first)):
        missing = {
            stratum: n * size / total - given[stratum]
            for stratum, size in sizes.items()
            if given[stratum] < size
        }
        given[max(missing, key=lambda stratum: (missing[stratum], stratum))] += 1
    return given


def krippendorff_alpha(ratings: Iterable[tuple[str, str, str]]) -> float | None:
    """Agreement of any number of raters beyond chance, of labels without an order.

    ratings: rater, what is rated, label; who has not rated something is missing.  None where nothing has two
    raters, or all say the same.  Raises `UsageError` without the extra `agreement`.
    """
    by_item: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for rater, item, label in ratings:
        by_item[item].append((rater, item, label))
    rated = [rating for several in by_item.values() if len(several) > 1 for rating in several]
    if len({label for _, _, label in rated}) < 2:
        return None
    try:
        from nltk.metrics.agreement import AnnotationTask  # noqa: PLC0415 - an extra, and slow to import
    except ImportError as missing:
        raise UsageError(
            "the library nltk is missing", fix="in a checkout: .venv/bin/pip install -e '.[agreement]'"
        ) from missing
    return float(AnnotationTask(data=rated).alpha())


def seen_digest(query: str, row: Annotation) -> str:
    """Of what is labelled: the request, the calls with what they returned, and the answer.

    It begins with a letter, as spreadsheets take digits, also with an e among them, for a number.
    """
    return "s" + digest_of([query, solution_shown(row)])[:16]


def spreadsheet_text(text: str) -> str:
    """Text that a spreadsheet takes for text: it executes what begins like a formula.

    That may be at any line or semicolon, too: where commas are for decimals, cells end at semicolons,
    whatever the quotes of a file with commas say.
    """
    return _BEGINS_FORMULA.sub("'", text)


def _typed(cell: str) -> str:
    """What `spreadsheet_text` was made of."""
    return _MARKED_FORMULA.sub("", cell)


def answers_of(
    store: Store, instructions: Sequence[TableRef], annotations: Sequence[TableRef]
) -> Mapping[str, tuple[str, str]]:
    """What may be labelled, as `read_labels` has it."""
    queries = {row.instruction_id: row.query for row in store.read(INSTRUCTIONS, instructions)}
    return {
        row.annotation_id: (row.instruction_id, seen_digest(queries.get(row.instruction_id, ""), row))
        for row in store.read(ANNOTATIONS, annotations)
    }


def read_labels(path: Path, answers: Mapping[str, tuple[str, str]]) -> list[Label]:
    """The labels in a CSV file; rows whose label is empty hold none.

    answers: what may be labelled, by annotation_id: the id of its instruction, and its `seen_digest`.  Raises
    `UsageError` that names the rows which cannot be used: then none is.
    """
    problems: list[str] = []
    found: dict[tuple[str, str], Label] = {}
    for line, row in _rows(path):
        text = {name: (row.get(name) or "").strip() for name in COLUMNS}
        if not text["label"]:
            continue
        if not text["person"] and path.stem.casefold().startswith(_SHEET):
            raise UsageError(
                f"row {line} of {path} does not say who labelled, and {path.stem} is the name of a sheet",
                fix="write your name into the column `person` of each row, or rename the file to your name",
            )
        problem, label = _label(text, answers, path.stem)
        if label is not None:
            other = found.setdefault((label.annotation_id, label.person), label)
            if other.label != label.label:
                problem = f"{label.person} has labelled {label.annotation_id} {other.label} in an earlier row"
        if problem:
            problems.append(f"row {line}: {problem}")
    if problems:
        told = "\n".join(f"    {each}" for each in problems[:_ROWS_TOLD])
        more = f"\n    and {len(problems) - _ROWS_TOLD:,} more" if len(problems) > _ROWS_TOLD else ""
        raise UsageError(
            f"{len(problems):,} rows of {path} cannot be used, so none was read:\n{told}{more}",
            fix=f"correct or remove these rows; labels are {', '.join(LABELS_OF_PEOPLE)}, and "
            "`toolloom evaluate --label N` writes a sheet of answers that are there",
        )
    if not found:
        raise UsageError(
            f"no row of {path} has a label",
            fix=f"write {', '.join(LABELS_OF_PEOPLE)} into its column `label`",
        )
    return [found[key] for key in sorted(found)]


def _label(
    text: Mapping[str, str], answers: Mapping[str, tuple[str, str]], file: str
) -> tuple[str, Label | None]:
    """What is wrong with a row, if anything, and its label."""
    said = {label.casefold(): label for label in LABELS_OF_PEOPLE}.get(text["label"].casefold())
    if said is None:
        return f"{text['label'][:80]!r} is no label", None
    annotation_id = text["annotation_id"]
    if annotation_id not in answers:
        return f"no answer is called {annotation_id[:80]!r}", None
    instruction_id, seen = answers[annotation_id]
    if text["seen"] and text["seen"] != seen:
        return f"the answer {annotation_id} is another one now than the one that was labelled", None
    label = Label(
        annotation_id=annotation_id,
        person=_typed(text["person"]) or file,
        instruction_id=instruction_id,
        label=said,
        note=_typed(text["note"]),
        seen=seen,
    )
    return "", label


def labelled_bytes(path: Path) -> bytes:
    """What a file of labels holds.  Raises `UsageError`."""
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise UsageError(f"{path} is too large to hold labels", fix="name the file that holds them")
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", fix="name a CSV file") from error


def _rows(path: Path) -> list[tuple[int, Mapping[str, str | None]]]:
    """The rows of a CSV file with the numbers that a spreadsheet shows.  Raises `UsageError`."""
    try:
        text = labelled_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{path} is no text in UTF-8",
            fix="save it as CSV in UTF-8; spreadsheets ask for that when saving",
        ) from error
    head = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=head.count)
    csv.field_size_limit(_LONGEST_FIELD)
    try:
        rows = list(csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise UsageError(f"{path} is no CSV: {error}", fix="save it as CSV, with a head row") from error
    names = [name.strip() for name in rows[0]] if rows else []
    missing = [name for name in ("annotation_id", "label") if name not in names]
    if missing:
        raise UsageError(
            f"{path} has no column {' and no column '.join(missing)}",
            fix=f"its first row names its columns: {', '.join(COLUMNS)}; `seen`, `person` and `note` may be "
            "missing",
        )
    return [
        (number, dict(zip(names, row, strict=False))) for number, row in enumerate(rows[1:], 2) if any(row)
    ]
