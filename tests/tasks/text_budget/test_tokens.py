import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.text_budget.tokens import CUT_MARKER, Tokenizer, count_tokens, cut, fits, tokenizer_of


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("", 0), ("hello world", 2), ("<|endoftext|>", 7), ("日本語🤖", 4), ("lone \ud800 surrogate", 4)],
)
def test_tokens_are_counted_as_o200k_does(text: str, tokens: int) -> None:
    assert count_tokens(text) == tokens


def test_a_text_fits_up_to_its_own_count() -> None:
    assert [fits("hello world", limit) for limit in (-1, 0, 1, 2, 3)] == [False, False, False, True, True]


def test_text_within_the_budget_is_left_alone() -> None:
    assert cut("line one\nline two", 100) == "line one\nline two"


@pytest.mark.parametrize(
    ("text", "max_tokens", "expected"),
    [
        ("one two three four five six seven eight nine ten", 9, "one two three four" + CUT_MARKER),
        ("aaa bbb ccc\nddd eee fff ggg hhh iii jjj kkk lll", 9, "aaa bbb ccc" + CUT_MARKER),
        ('{"first":1,"second":2,"third":3,"fourth":4}', 13, '{"first":1,"second":2' + CUT_MARKER),
        ("a b c", 2, "a b"),
    ],
    ids=["at a space", "at a line break", "at a comma", "no room for the marker"],
)
def test_text_is_cut_on_a_boundary(text: str, max_tokens: int, expected: str) -> None:
    assert cut(text, max_tokens) == expected


def test_the_marker_can_be_chosen() -> None:
    assert cut("word " * 100, 10, marker="…").endswith("word…")


@given(st.text(), st.integers(min_value=0, max_value=40))
def test_a_cut_is_a_beginning_and_never_over_budget(text: str, max_tokens: int) -> None:
    result = cut(text, max_tokens)
    assert count_tokens(result) <= max_tokens
    assert text.encode("utf-8", "replace").decode().startswith(result.removesuffix(CUT_MARKER))


def test_most_of_the_budget_is_used() -> None:
    text = "The quick brown fox jumps over the lazy dog. " * 1000
    assert 480 <= count_tokens(cut(text, 500)) <= 500


@pytest.mark.parametrize(
    ("model", "tokenizer"),
    [
        ("gpt-4o-mini", "o200k"),
        ("openai/gpt-4.1", "o200k"),
        ("gpt-5", "o200k"),
        ("o3-mini", "o200k"),
        ("gpt-oss-120b", "o200k"),
        ("gpt-4-turbo", "cl100k"),
        ("gpt-3.5-turbo-16k", "cl100k"),
        ("Qwen/Qwen3-8B", "cl100k (approximation)"),
        ("meta-llama/Llama-3.3-70B-Instruct", "cl100k (approximation)"),
        ("mistral-small", "o200k (approximation)"),
        ("olmo-2", "o200k (approximation)"),
    ],
)
def test_each_family_of_models_has_its_tokenizer(model: str, tokenizer: str) -> None:
    assert str(tokenizer_of(model)) == tokenizer


def test_encodings_count_differently() -> None:
    assert [Tokenizer(encoding).count("Größenordnungen") for encoding in ("o200k", "cl100k")] == [5, 6]
