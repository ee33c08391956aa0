from __future__ import annotations

from typing import Any

import pytest

from tasks.catalogue.openapi import parsing
from tasks.catalogue.openapi.parsing import parse
from tasks.errors import BadRow


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"", None),
        (b"# nothing but a comment", None),
        (b'{"a": [1, 2.5, true, null, "x"]}', {"a": [1, 2.5, True, None, "x"]}),
        (b"a:\n- 1\n- 2.5\n- true\n- null\n- x\n", {"a": [1, 2.5, True, None, "x"]}),
        ('\ufeff{"a": "ü"}'.encode(), {"a": "ü"}),
        ("a: ü".encode("utf-16"), {"a": "ü"}),
        ('{"a": "ü"}'.encode("utf-16-le"), {"a": "ü"}),
        ('{"a": 1}'.encode("utf-32"), {"a": 1}),
        (b"{a: 1, b: [x, y,],}", {"a": 1, "b": ["x", "y"]}),
        (b'{"a": 12345678901234567890123}', {"a": 12345678901234567890123}),
        (b"a: 12345678901234567890123", {"a": 12345678901234567890123}),
    ],
)
def test_json_and_yaml_in_any_unicode_encoding(raw: bytes, value: Any) -> None:
    assert parse(raw) == value


@pytest.mark.parametrize(
    ("yaml", "value"),
    [
        ("on: yes", {"on": "yes"}),
        ("no: off", {"no": "off"}),
        ("200: =", {"200": "="}),
        ("null: ~", {"null": None}),
        ("2024-01-15: 2024-01-15T12:00:00Z", {"2024-01-15": "2024-01-15T12:00:00Z"}),
        ("a: 12:30:45", {"a": "12:30:45"}),
        ("a: 1_000", {"a": "1_000"}),
        ("a: 0x1F\nb: 0o17\nc: -3\nd: 1e3\ne: .5", {"a": 31, "b": 15, "c": -3, "d": 1000.0, "e": 0.5}),
        (
            "a: 9876543210987654321\nb: -98765432109876543210",
            {"a": 9876543210987654321, "b": -98765432109876543210},
        ),
        ("a: .inf\nb: .nan", {"a": ".inf", "b": ".nan"}),
        ("a: '1'\nb: \"true\"\nc: !!str 2", {"a": "1", "b": "true", "c": "2"}),
        ('a: !!int "7"', {"a": 7}),
        ("a: !include other.yaml\nb: !!python/name:os.system x", {"a": "other.yaml", "b": "x"}),
        ("a: &x {k: 1}\nb: *x", {"a": {"k": 1}, "b": {"k": 1}}),
        ("a: &x k\n*x : 2", {"a": "k", "k": 2}),
        ("b: &b {x: 1, y: 2}\nc: {<<: *b, y: 3}", {"b": {"x": 1, "y": 2}, "c": {"x": 1, "y": 3}}),
        ("b: &b {x: 1}\nc: {<<: [*b, {x: 2, z: 4}]}", {"b": {"x": 1}, "c": {"x": 1, "z": 4}}),
    ],
)
def test_yaml_is_1_2_with_the_core_schema(yaml: str, value: Any) -> None:
    assert parse(yaml.encode()) == value


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ("a: ü".encode("latin-1"), "it is not text in UTF-8 (byte 3)"),
        (b'{"a": 1, "b": {"c": 1, "c": 2}}', "the key 'c' stands twice in one object"),
        (b"a: 1\nb: 2\na: 3", "line 3: the key 'a' stands twice in one mapping"),
        (b"a: 1\n---\nb: 2", "line 2: a second YAML document begins"),
        (b"a: &a [*a]", "line 1: the alias *a stands inside what it names"),
        (b"? {a: 1}\n: 2", "line 1: a key must be text"),
        (b"? [a]\n: 2", "line 1: a key must be text"),
        (b"a: 1\nb:\n\tc: 2", "it is not YAML: line 3: found character that cannot start any token"),
        (b'a: "x\x01y"', "it is not YAML: character 5: control characters are not allowed"),
        (b"a: *b", "line 1: the alias *b names nothing"),
    ],
)
def test_what_is_broken_is_told_with_its_place(raw: bytes, message: str) -> None:
    with pytest.raises(BadRow) as caught:
        parse(raw)
    assert (caught.value.reason, caught.value.message) == ("unreadable", message)


@pytest.mark.parametrize("raw", [b'{"a": ]', b'{"a": "x\x01y"}', b'{"a": "\\ud800"}', b'{"a": 1', b"[" * 50])
def test_what_begins_like_json_is_called_broken_json(raw: bytes) -> None:
    with pytest.raises(BadRow, match=r"^it is not JSON: ") as caught:
        parse(raw)
    assert caught.value.reason == "unreadable"


def bomb(levels: int) -> bytes:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join(lines).encode()


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (bomb(10), "line 7: more than 3,000,000 values"),
        (b"[" * 100_000, "line 1: more than 200 levels"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, "line 1: more than 200 levels"),
        (b"[" * 600 + b"]" * 600, "it is nested too deeply"),
        (b"a: &a [[[[[1]]]]]\nb: " + b"[" * 196 + b"*a" + b"]" * 196, "line 2: more than 200 levels"),
    ],
)
def test_files_made_to_exhaust_us_are_refused(raw: bytes, message: str) -> None:
    with pytest.raises(BadRow) as caught:
        parse(raw)
    assert (caught.value.reason, caught.value.message) == ("too_large", message)


def test_a_bomb_small_enough_is_read() -> None:
    assert len(parse(bomb(3))["a2"]) == 10


def test_the_limits_hold_to_the_last_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsing, "MAX_NODES", 4)
    assert parse(b"a: 1\nb: 2\nc: 3") == {"a": 1, "b": 2, "c": 3}
    with pytest.raises(BadRow, match="more than 4 values"):
        parse(b"a: 1\nb: 2\nc: 3\nd: 4")
    monkeypatch.setattr(parsing, "MAX_BYTES", 3)
    with pytest.raises(BadRow, match="larger than 3 bytes"):
        parse(b"a: 1")
