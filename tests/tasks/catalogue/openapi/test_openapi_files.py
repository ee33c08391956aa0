from __future__ import annotations

import os
from pathlib import Path

import pytest
from openapi_crawl import crawl, document, opened, write

from tasks.catalogue.openapi.files import contents_digest
from tasks.errors import UsageError

FILES = {
    "a.json": document(),
    "b/c.yaml": "openapi: 3.0.0\ninfo: {title: Farm}\nservers: [{url: https://farm.test}]\npaths: {}\n",
    "b/d.YML": document(info={"title": "Park", "version": "1"}),
    "b/notes.txt": "no document",
    "b/parts.yaml": "Pet: {type: object}\n",
    ".git/e.yaml": document(),
    "node_modules/f/openapi.json": document(),
    ".hidden.yaml": document(),
}


@pytest.mark.parametrize(
    ("location", "ids"),
    [
        (".", ["a.json", "b/c.yaml", "b/d.YML"]),
        ("b", ["c.yaml", "d.YML"]),
        ("a.json", ["a.json"]),
        ("*.json", ["a.json"]),
        ("**/*.YML", ["b/d.YML"]),
        ("b/[cd].*", ["c.yaml", "d.YML"]),
    ],
)
def test_a_location_is_a_file_a_folder_or_a_glob(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, location: str, ids: list[str]
) -> None:
    write(tmp_path, FILES)
    absolute, _ = crawl(tmp_path / location)
    monkeypatch.chdir(tmp_path)
    relative, _ = crawl(location)
    assert ([entry.id for entry in relative.entries], relative) == (ids, absolute)


def test_no_path_of_the_machine_is_in_what_is_crawled(tmp_path: Path) -> None:
    write(
        tmp_path, FILES | {"bad.yaml": "a: [", "worse.json": document({"/x": {"get": {"parameters": [{}]}}})}
    )
    assert str(tmp_path) not in repr(crawl(tmp_path))


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("missing.yaml", "does not exist"),
        ("*.toml", "holds no file"),
        ("empty", "holds no file: looked for .json, .yaml, .yml"),
        ("nothing.yaml", "cannot be used: nothing.yaml: it is empty"),
        ("image.png", "cannot be used: image.png: it is not text in UTF-8 (byte 0)"),
        ("broken.json", "cannot be used: broken.json: it is not JSON: "),
        ("package.json", "cannot be used: it names neither an `openapi` nor a `swagger` version"),
        (
            "old.json",
            "cannot be used: old.json: swaggerVersion: '1.2'; read are OpenAPI 2.0, 3.0, 3.1 and 3.2",
        ),
        ("future.json", "cannot be used: future.json: openapi: '4.0.0'; read are"),
        ("others", "cannot be used: none of its 2 files is an OpenAPI document"),
        ("pipe", "is neither a file nor a folder"),
        ("a\0b", "does not exist"),
    ],
)
def test_a_location_of_another_kind_is_told_before_anything_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, location: str, message: str
) -> None:
    write(
        tmp_path,
        {
            "nothing.yaml": "",
            "image.png": b"\x89PNG\r\n\x1a\n",
            "broken.json": '{"openapi": "3.0.0",',
            "package.json": {"name": "x"},
            "old.json": {"swaggerVersion": "1.2", "apis": []},
            "future.json": {"openapi": "4.0.0", "paths": {}},
            "others/package.json": {"name": "x"},
            "others/list.yaml": "- a\n- b",
        },
    )
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        opened(location).listing()
    assert message in caught.value.message
    assert location in caught.value.message or "\\x00" in caught.value.message
    assert caught.value.fix is not None
    assert "a file, a folder, a glob or a URL of OpenAPI documents" in caught.value.fix


def test_a_filter_that_leaves_nothing_is_told(tmp_path: Path) -> None:
    write(tmp_path, FILES)
    with pytest.raises(UsageError, match="no operation is left after `include` and `exclude`"):
        opened(tmp_path, include=("nothing",)).listing()


def test_files_that_are_all_bad_are_rejects(tmp_path: Path) -> None:
    listing, _ = crawl(write(tmp_path, {"a.json": "", "b.yaml": "a: ["}))
    assert (listing.entries, [reject.row_id for reject in listing.rejects]) == ((), ["a.json", "b.yaml"])


def test_bad_files_do_not_stop_the_others(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "broken.yaml": "openapi: 3.0.0\npaths: [",
            "empty.json": "",
            "future.yaml": "openapi: 4.1.0\npaths: {}",
            "good.json": document(),
            "latin.yaml": "openapi: 3.0.0 # ü".encode("latin-1"),
            "unversioned.json": {"paths": {"/pets": {}}},
        },
    )
    (tmp_path / "loop.yaml").symlink_to(tmp_path / "loop.yaml")
    (tmp_path / "out.yaml").symlink_to("/etc/hostname")
    (tmp_path / "gone.yaml").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.yaml")
    listing, crawled = crawl(tmp_path)
    assert [row.tool and row.tool.tool_name for row in crawled] == ["Zoo"]
    assert [(reject.row_id, reject.reason.value) for reject in listing.rejects] == [
        ("broken.yaml", "unreadable"),
        ("empty.json", "unreadable"),
        ("future.yaml", "unsupported_version"),
        ("gone.yaml", "unreadable"),
        ("latin.yaml", "unreadable"),
        ("loop.yaml", "unreadable"),
        ("out.yaml", "broken_reference"),
        ("pipe.yaml", "unreadable"),
        ("unversioned.json", "unsupported_version"),
    ]
    assert listing.rejects[0].detail == (
        "broken.yaml: it is not YAML: line 3: did not find expected node content"
    )


def test_a_document_that_went_away_between_listing_and_fetching_is_rejected(tmp_path: Path) -> None:
    write(tmp_path, {"a.json": document(), "b.json": document()})
    listing = opened(tmp_path).listing()
    (tmp_path / "b.json").unlink()
    _, second = opened(tmp_path).fetch(listing.entries)
    assert [(row.reason, row.detail) for row in second.rejects] == [
        ("not_found", "b.json is no longer there")
    ]


def test_the_digest_follows_every_file_that_matters(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "api/zoo.yaml": "paths: {$ref: '../common/paths.yaml#/x'}",
            "common/paths.yaml": 'x: {"$ref": "types/pet.json"}',
            "common/types/pet.json": {},
            "unrelated.txt": "",
        },
    )
    before = contents_digest(str(tmp_path))
    (tmp_path / "unrelated.txt").write_text("changed")
    assert contents_digest(str(tmp_path)) == before
    for place in ("api/zoo.yaml", "common/paths.yaml", "common/types/pet.json"):
        path = tmp_path / place
        path.write_bytes(path.read_bytes() + b" ")
        after = contents_digest(str(tmp_path))
        assert after != before
        before = after


def test_the_digest_of_one_file_follows_its_references(tmp_path: Path) -> None:
    write(tmp_path, {"zoo.json": document(components={"$ref": "pet.json"}), "pet.json": {}, "other.json": {}})
    location = str(tmp_path / "zoo.json")
    before = contents_digest(location)
    (tmp_path / "other.json").write_text("[]")
    assert contents_digest(location) == before
    (tmp_path / "pet.json").write_text("[]")
    assert contents_digest(location) != before


def test_the_digest_does_not_depend_on_where_the_files_are(tmp_path: Path) -> None:
    here, there = write(tmp_path / "here", FILES), write(tmp_path / "there", FILES)
    assert contents_digest(str(here)) == contents_digest(str(there))
    assert contents_digest(str(tmp_path / "nowhere")) != contents_digest(str(here))
