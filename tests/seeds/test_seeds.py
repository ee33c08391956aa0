from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

import prompts
import seeds
from sandbox import catalogue
from seeds.model import CompressionSeed, MultiToolSeed, Seed, SingleToolSeed, has_path
from tasks.text_budget.promises import broken_promise
from tasks.text_budget.shape import keep_paths, shape_of, unknown_paths
from tasks.text_budget.shorten import few_elements

EVERY = (*seeds.load_single_tool(), *seeds.load_multi_tool())
README = Path(seeds.__file__).with_name("README.md")

Json = dict[str, Any]


def good() -> Json:
    """A seed that loads; tests spoil one thing in it."""
    find = {"api_name": "findSongs", "description": "Songs by mood.", "parameters": []}
    sheet = {"api_name": "sheetMusic", "description": "The notes of a song."}
    return {
        "domain": "Music",
        "tone": "casual",
        "form": "imperative",
        "persona": "friends",
        "tools": [
            {"tool_name": "Songbook", "description": "Songs.", "apis": [find]},
            {"tool_name": "Notes", "description": "Sheet music.", "apis": [sheet]},
        ],
        "query": "word " * 30,
        "relevant_apis": [["Songbook", "findSongs"], ["Notes", "sheetMusic"]],
    }


def good_compression() -> Json:
    return {
        "document": {"tool_name": "Songbook", "api_description": "Songs, songs and nothing but songs."},
        "response": {"songs": [{"title": "A"}]},
        "description": "Songs.",
        "keep": ["songs[].title"],
    }


def load(folder: Path, model: Any, said: object) -> Any:
    text = said if isinstance(said, str) else yaml.safe_dump(said)
    (folder / "example.yaml").write_text(text, encoding="utf-8")
    return seeds.load_folder(folder, model)


def test_there_are_as_many_seeds_as_the_paper_uses() -> None:
    counts = [len(seeds.load_single_tool()), len(seeds.load_multi_tool()), len(seeds.load_compression())]

    assert counts == [12, 36, 3]


def test_seeds_are_sorted_by_their_ids_which_are_their_files() -> None:
    for folder in ("single_tool", "multi_tool"):
        stems = sorted(file.stem for file in README.parent.joinpath(folder).glob("*.yaml"))
        loaded = seeds.load_single_tool() if folder == "single_tool" else seeds.load_multi_tool()
        assert [seed.id for seed in loaded] == stems


def four_grams(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.casefold())
    return set(zip(*(words[start:] for start in range(4)), strict=False))


def test_no_two_queries_share_a_fifth_of_their_four_grams() -> None:
    grams = {seed.id: four_grams(seed.query) for seed in EVERY}
    overlaps = {
        (one, other): len(grams[one] & grams[other]) / min(len(grams[one]), len(grams[other]))
        for one, other in itertools.combinations(grams, 2)
    }

    assert {pair: overlap for pair, overlap in overlaps.items() if overlap >= 0.2} == {}


def test_no_two_queries_open_alike() -> None:
    openings = Counter(tuple(re.findall(r"\w+", seed.query.casefold())[:2]) for seed in EVERY)

    assert [opening for opening, count in openings.items() if count > 1] == []


def test_seeds_are_of_many_domains() -> None:
    assert len({seed.domain for seed in EVERY}) >= 40


def test_seeds_know_nothing_of_the_sandbox() -> None:
    """Or the sandbox's instructions would be answers copied from the examples."""
    of_sandbox = {name for tool in catalogue.tools() for name in (tool.name, tool.category)}
    of_seeds = {name for seed in EVERY for name in (seed.domain, *(tool.tool_name for tool in seed.tools))}

    assert of_sandbox & of_seeds == set()


@pytest.mark.parametrize(
    ("aspect", "least"),
    [
        (lambda seed: seed.tone, 4),
        (lambda seed: seed.form, 12),
        (lambda seed: seed.persona, 4),
    ],
    ids=["tone", "form", "persona"],
)
def test_every_tone_form_and_persona_is_heard(aspect: Callable[[Seed], str], least: int) -> None:
    counts = Counter(map(aspect, EVERY))

    assert {value: count for value, count in counts.items() if count < least} == {}


def test_queries_are_of_all_lengths() -> None:
    lengths = sorted(len(seed.query.split()) for seed in EVERY)

    assert [sum(30 <= n < 45 for n in lengths) >= 12, sum(n >= 65 for n in lengths) >= 5] == [True, True]


def test_forms_are_what_they_say() -> None:
    asked = {seed.id: "?" in seed.query for seed in EVERY}

    assert [seed.id for seed in EVERY if seed.form == "interrogative" and not asked[seed.id]] == []


def test_many_seeds_offer_apis_that_are_not_needed() -> None:
    n_spare = [sum(len(tool.apis) for tool in seed.tools) - len(seed.relevant_apis) for seed in EVERY]

    assert sum(spare > 0 for spare in n_spare) >= len(EVERY) / 3


def test_a_seed_as_the_prompts_take_it(tmp_path: Path) -> None:
    said = good()
    said["tools"][0]["apis"][0]["parameters"] = [
        {"name": "mood", "type": "string", "required": True, "description": "Mood", "enum": ["sad", "gay"]}
    ]
    (seed,) = load(tmp_path, MultiToolSeed, said)

    assert seed.for_prompt() == {
        "documents": [
            {
                "tool_name": "Songbook",
                "tool_description": "Songs.",
                "category": "Music",
                "api_name": "findSongs",
                "api_description": "Songs by mood.",
                "parameters": [
                    {
                        "name": "mood",
                        "type": "string",
                        "required": True,
                        "description": "Mood",
                        "enum": ["sad", "gay"],
                    }
                ],
            },
            {
                "tool_name": "Notes",
                "tool_description": "Sheet music.",
                "category": "Music",
                "api_name": "sheetMusic",
                "api_description": "The notes of a song.",
                "parameters": [],
            },
        ],
        "query": " ".join(["word"] * 30),
        "relevant_apis": [["Songbook", "findSongs"], ["Notes", "sheetMusic"]],
    }


@pytest.mark.parametrize("name", ["single_tool", "multi_tool"])
def test_the_instruct_prompts_render_every_seed(name: str) -> None:
    loaded = seeds.load_single_tool() if name == "single_tool" else seeds.load_multi_tool()
    text = prompts.load(f"instruct/{name}").render(
        n=10,
        n_specific=7,
        n_complex=3,
        documents=["{}"],
        examples=[seed.for_prompt() for seed in loaded],
        min_words=30,
        language="English",
    )

    assert [seed.id for seed in loaded if seed.query.replace('"', '\\"') not in text] == []


def test_the_compress_prompt_renders_every_seed() -> None:
    loaded = seeds.load_compression()
    text = prompts.load("compress/user").render(
        document="{}",
        response="{}",
        shape="{}",
        max_tokens=9,
        examples=[seed.for_prompt() for seed in loaded],
    )

    assert [seed.id for seed in loaded if seed.description not in text] == []


def test_paths_mean_the_same_here_and_where_they_are_used() -> None:
    kept = {seed.id: unknown_paths(shape_of(seed.response), seed.keep) for seed in seeds.load_compression()}

    assert kept == {"parcel_events": (), "rental_listings": (), "tide_gauge": ()}


def test_worked_shortenings_break_no_promise() -> None:
    broken = {
        seed.id: broken_promise(
            seed.description,
            seed.document["api_description"],
            shape := shape_of(few_elements(seed.response)),
            keep_paths(shape, seed.keep),
        )
        for seed in seeds.load_compression()
    }

    assert broken == dict.fromkeys(broken)


@pytest.mark.parametrize(
    ("path", "there"),
    [
        ("a", True),
        ("a.b", True),
        ("items[].name", True),
        ("items[].rare", True),
        ("items[]", True),
        ("c", False),
        ("a.b.c", False),
        ("items.name", False),
        ("a[].b", False),
        ("items[].other", False),
    ],
)
def test_paths(path: str, there: bool) -> None:
    value = {"a": {"b": None}, "items": [{"name": 1}, {"name": 2, "rare": 3}]}

    assert has_path(value, path) is there


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        ({"domain": ""}, "domain: String should have at least 1 character"),
        ({"tone": "snide"}, "tone: Input should be 'blunt', 'casual', "),
        ({"mood": "sad"}, "mood: Extra inputs are not permitted"),
        ({"query": "too short"}, "query has 2 words, fewer than 30"),
        ({"query": "word " * 30 + "[city]"}, "query holds the placeholder '['"),
        ({"query": "word " * 30 + "from the SONGBOOK."}, "query names 'Songbook'"),
        ({"query": "word " * 30 + "findSongs"}, "query names 'findSongs'"),
        (
            {"relevant_apis": [["Songbook", "find"]]},
            "relevant_apis names ['Songbook', 'find'], which is not among",
        ),
        ({"relevant_apis": [["Songbook", "findSongs"]]}, "must belong to at least two tools"),
        ({"relevant_apis": [["Notes", "sheetMusic"]] * 2}, "relevant API 'Notes, sheetMusic' is given twice"),
        ({"relevant_apis": []}, "relevant_apis: Tuple should have at least 1 item"),
        ({"tools": good()["tools"] * 2}, "tool 'Songbook' is given twice"),
        ({"id": "other"}, "must be a mapping without an id"),
    ],
)
def test_a_faulty_seed_is_refused_with_file_and_fault(tmp_path: Path, spoil: Json, fault: str) -> None:
    with pytest.raises(seeds.SeedError) as caught:
        load(tmp_path, MultiToolSeed, good() | spoil)

    assert caught.value.message.startswith(f"seed {tmp_path.name}/example.yaml: ")
    assert fault in caught.value.message
    assert caught.value.fix == "seeds/README.md shows what a seed must hold"


def test_a_single_tool_seed_has_one_tool(tmp_path: Path) -> None:
    with pytest.raises(seeds.SeedError, match="a single-tool seed has one tool, not 2"):
        load(tmp_path, SingleToolSeed, good())


@pytest.mark.parametrize("text", ["- a list", "a: [", "\ttab: x", "12"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(seeds.SeedError, match=r"example\.yaml: (not YAML|must be a mapping)"):
        load(tmp_path, SingleToolSeed, text)


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (
            {"keep": ["songs[].title", "songs[].year"]},
            "keep names 'songs[].year', which the response does not have",
        ),
        ({"keep": []}, "keep: Tuple should have at least 1 item"),
        ({"keep": ["songs", "songs"]}, "path to keep 'songs' is given twice"),
        ({"description": "Songs, songs, and more than a few other things"}, "description is not shorter"),
    ],
)
def test_a_faulty_compression_seed_is_refused(tmp_path: Path, spoil: Json, fault: str) -> None:
    with pytest.raises(seeds.SeedError) as caught:
        load(tmp_path, CompressionSeed, good_compression() | spoil)

    assert fault in caught.value.message


def test_a_compression_seed_as_the_prompt_takes_it(tmp_path: Path) -> None:
    (seed,) = load(tmp_path, CompressionSeed, good_compression())

    assert seed.for_prompt() == good_compression()


def test_the_choice_depends_on_the_key_and_the_ids_alone() -> None:
    every = seeds.load_multi_tool()
    chosen = seeds.choose(every, 3, "0/sample-1")

    assert [seed.id for seed in chosen] == [
        "running_first_marathon",
        "books_reading_circle",
        "festival_camping",
    ]
    assert seeds.choose(every[::-1], 3, "0/sample-1") == chosen


def test_a_choice_of_more_than_there_are_is_all() -> None:
    assert sorted(seed.id for seed in seeds.choose(seeds.load_single_tool(), 99, "key")) == [
        seed.id for seed in seeds.load_single_tool()
    ]


def test_every_seed_is_chosen_now_and_then() -> None:
    every = seeds.load_multi_tool()
    chosen = Counter(seed.id for key in range(600) for seed in seeds.choose(every, 3, f"0/{key}"))

    assert len(chosen) == len(every)
    assert max(chosen.values()) < 3 * min(chosen.values())


def test_the_good_example_of_the_readme_is_good_and_the_bad_one_is_refused(tmp_path: Path) -> None:
    good_one, bad_one = re.findall(r"```yaml\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)

    assert len(load(tmp_path, MultiToolSeed, good_one)) == 1
    with pytest.raises(seeds.SeedError):
        load(tmp_path, MultiToolSeed, bad_one)


def test_the_digest_is_of_the_seeds() -> None:
    assert re.fullmatch("[0-9a-f]{32}", seeds.digest())
