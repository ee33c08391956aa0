"""What the loader promises of every prompt."""

from __future__ import annotations

import pytest
from jinja2.exceptions import SecurityError

import prompts
from prompts import Prompt, PromptError
from tasks.errors import UsageError


def test_a_prompt_knows_its_variables() -> None:
    prompt = Prompt("greeting", "Hello {{ name }}, {% for item in items %}{{ item }}{% endfor %}!")

    assert prompt.variables == {"name", "items"}


def test_rendering_fills_in_the_values() -> None:
    prompt = Prompt("greeting", "Hello {{ name }}!")

    assert prompt.render(name="Ada") == "Hello Ada!"


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({}, "missing: name"),
        ({"name": "Ada", "nmae": "Bea"}, "unknown: nmae"),
        ({"who": "Ada"}, "missing: name; unknown: who"),
    ],
)
def test_other_variables_than_it_takes_are_named(given: dict[str, str], complaint: str) -> None:
    with pytest.raises(PromptError) as caught:
        Prompt("greeting", "Hello {{ name }}!").render(**given)

    assert str(caught.value) == (
        f"prompt 'greeting' was given other variables than it takes ({complaint})\n  fix: it takes name"
    )


def test_a_key_missing_within_a_value_is_named() -> None:
    prompt = Prompt("list", "{% for item in items %}{{ item.title }}{% endfor %}")

    with pytest.raises(PromptError, match=r"prompt 'list': .* has no attribute 'title'"):
        prompt.render(items=[{"name": "a"}])


def test_values_are_never_templates() -> None:
    assert Prompt("echo", "{{ text }}").render(text="{{ 7 * 7 }} {% raw %}") == "{{ 7 * 7 }} {% raw %}"


def test_values_are_not_escaped_for_html() -> None:
    assert Prompt("echo", "{{ text | json }}").render(text="<é & 'ü'>") == "\"<é & 'ü'>\""


def test_values_cannot_reach_what_python_hides() -> None:
    with pytest.raises(SecurityError):
        Prompt("attack", "{{ text.__class__.__mro__ }}").render(text="x")


def test_the_digest_is_of_the_text_alone() -> None:
    one, other = Prompt("one", "Hello"), Prompt("other", "Hello")

    assert one.digest == other.digest != Prompt("one", "Hello!").digest


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(PromptError, match=r"there is no prompt 'search/usr'\n  fix: .*search/user"):
        prompts.load("search/usr")


@pytest.mark.parametrize("name", ["../pyproject", "/etc/hosts", "search/../search/user", ""])
def test_names_are_no_paths(name: str) -> None:
    with pytest.raises(UsageError):
        prompts.load(name)


def test_a_prompt_is_read_once() -> None:
    assert prompts.load("search/user") is prompts.load("search/user")


@pytest.mark.parametrize("name", prompts.names())
def test_every_prompt_has_its_name_a_text_and_a_digest(name: str) -> None:
    prompt = prompts.load(name)

    assert prompt.name == name
    assert prompt.text.strip()
    assert len(prompt.digest) == 32
