"""What the rows of a search say of its answer."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from searched_answers import Call, answered

from tasks.judging.facts import facts_of
from tasks.judging.judge import functions_shown
from tasks.judging.values import values_of
from warehouse.tables.annotations import LOST
from warehouse.tables.evaluations import AnswerFacts


def rain(observation: object) -> Call:
    return (
        "rain",
        '{"city": "Oslo"}',
        observation if isinstance(observation, str) else json.dumps(observation),
    )


def unbacked(answer: str, *observations: object, query: str = "Will it rain in Oslo?") -> tuple[str, ...]:
    search = answered(answer, *map(rain, observations))
    return facts_of(search, ["ok"] * len(observations), query).unbacked


def test_calls_and_values_of_an_answer_are_counted() -> None:
    search = answered(
        "It rains 12.4 mm on 3 June 2026 and 40 mm on the next day.",
        rain({"day": "2026-06-03", "mm": 12.41}),
        ("rain", "{}", '{"error": "no city", "response": ""}'),
        ("snow", '{"city": "Oslo"}', '{"error": "there is no such function", "response": ""}'),
    )
    assert facts_of(search, ["ok", "invalid_arguments", "unknown_function"], "Will it rain?") == AnswerFacts(
        annotation_id="a",
        instruction_id="i",
        finished=True,
        empty=False,
        n_calls=3,
        n_failed=2,
        n_unknown=1,
        n_invalid=1,
        n_values=3,
        n_backed=2,
        unbacked=("40",),
        certain=None,
    )


def test_where_no_row_says_how_calls_ended_their_observations_do() -> None:
    told = [rain({"mm": 1}), rain({"error": "timeout", "response": ""}), rain(""), rain("plain text")]
    assert facts_of(answered("1 mm", *told), [], "Rain?").n_failed == 2


@pytest.mark.parametrize(
    ("functions", "n_unknown", "n_invalid"),
    [
        ('[{"name": "rain", "parameters": {"required": [["a"], {"b": 1}, 7, null, "city"]}}]', 0, 1),
        ('[{"name": "rain", "parameters": {"required": "city"}}]', 0, 0),
        ('[{"name": "rain", "parameters": {"required": {"city": true}}}]', 0, 0),
        ('[{"name": "rain", "parameters": ["city"]}]', 0, 0),
        ('[{"name": "rain", "parameters": "city"}]', 0, 0),
        ('[{"name": ["rain"]}]', 1, 0),
        ('[{"function": "rain"}, ["rain"], "rain", 7, null]', 1, 0),
        ('{"name": "rain"}', 1, 0),
        ("7", 1, 0),
        ("null", 1, 0),
        ("no JSON", 1, 0),
        ("", 1, 0),
    ],
)
def test_no_functions_are_too_odd_to_be_counted(functions: str, n_unknown: int, n_invalid: int) -> None:
    search = replace(answered("1 mm", ("rain", "{}", '{"mm": 1}')), functions=functions)
    facts = facts_of(search, ["ok"], "Rain?")
    assert (facts.n_unknown, facts.n_invalid) == (n_unknown, n_invalid)
    assert all(isinstance(each, dict) for each in functions_shown(functions))


def test_a_call_that_lacks_an_argument_is_invalid_and_one_with_another_is_not() -> None:
    given = ("{}", "[]", "Oslo", '{"city": null}', '{"city": "Oslo", "country": "NO"}')
    search = answered("It rains.", *(("rain", arguments, "{}") for arguments in given))
    assert facts_of(search, ["ok"] * len(given), "Rain?").n_invalid == 3


def cut(arguments: str) -> Call:
    return "rain", arguments, LOST


@pytest.mark.parametrize(
    ("calls", "n_failed", "n_invalid", "n_backed", "unbacked"),
    [
        ([cut('{"city": "Os')], None, None, None, ()),
        ([cut('{"city": "Oslo"}')], None, 0, None, ()),
        ([cut('{"town": "Oslo"}')], None, 1, None, ()),
        ([cut("")], None, None, None, ()),
        ([rain({"mm": 12}), cut('{"city": "Os')], None, None, 1, ()),
        ([rain({"mm": 13}), cut('{"city": "Os')], None, None, None, ()),
        ([("rain", '{"city": "Os', '{"mm": 13}')], 0, 1, 0, ("12",)),
    ],
)
def test_what_is_cut_in_the_file_of_an_answer_is_not_known(
    calls: list[Call], n_failed: int | None, n_invalid: int | None, n_backed: int | None, unbacked: object
) -> None:
    facts = facts_of(answered("It rains 12 mm.", *calls), [], "Rain?")
    found = (facts.n_failed, facts.n_invalid, facts.n_values, facts.n_backed, facts.unbacked)
    assert found == (n_failed, n_invalid, 1, n_backed, unbacked)


@pytest.mark.parametrize(
    ("answer", "finish", "certain"),
    [
        ("It rains.", "give_answer", None),
        ("", "give_answer", "Unsolved"),
        ("  ", "give_answer", "Unsolved"),
        (None, "give_up", "Unsolved"),
        ("It rains.", "none", "Unsolved"),
        ('{"return_type": "give_up_and_restart"}', "give_answer", "Unsolved"),
    ],
)
def test_only_an_answer_that_was_never_given_is_certain_to_solve_nothing(
    answer: str | None, finish: str, certain: str | None
) -> None:
    assert facts_of(answered(answer, rain({"mm": 1}), finish=finish), ["ok"], "Rain?").certain == certain


BACKED = [
    ("as it is", "It is 12.5 degrees.", {"temperature": 12.5}),
    ("rounded", "It is 12.5 degrees.", {"temperature": 12.4987}),
    ("rounded to a whole number", "It is about 312 K.", {"temperature": 311.73}),
    ("with marks between thousands", "1,234,567 people live there.", {"population": 1234567}),
    ("as a percentage", "The share is 38.8%.", {"share": 0.3882}),
    ("without its sign", "It loses 5 percent.", {"change": -5}),
    ("with a unit", "It takes 45min at 20°C.", {"minutes": 45, "celsius": 20}),
    ("within a text", "The train leaves from platform 9.", "Platform 9, on time"),
    ("a date in words", "It opens on June 3rd, 2026.", {"opens": "2026-06-03"}),
    ("a date written as ISO does", "It opens on 2026-06-03.", {"opens": "3 June 2026"}),
    ("a moment without its seconds", "It starts at 2026-06-03 08:15.", {"starts": "2026-06-03T08:15:30Z"}),
    ("a code", "The code is NOK.", {"currency": "NOK"}),
    ("a code with digits", "Its colour is #ff6347.", {"hex": "#FF6347"}),
    ("a quoted name", 'It is called "Berlevåg  Airport".', {"name": "Berlevåg Airport"}),
    ("escaped in JSON", 'Say "c0rrect\\:horse".', {"text": "c0rrect\\:horse"}),
    ("the length of a list", "There are 3 airports.", {"airports": ["a", "b", "c"]}),
    ("of a list that was cut", "There are 12 airports.", {"airports": ["a", {"_cut": "11 more items"}]}),
    ("under the key that names it", "The mask is 7 and the version is 4.", {"mask": 7, "version": 4}),
    ("a price", "It costs $12.50, or €11.", {"usd": 12.5, "eur": 11}),
    ("a percentage that is told as one", "It is 38.8%.", {"percent": 38.82}),
    ("a time", "It leaves at 8:15 and arrives at 09:05.", {"from": "08:15", "to": "2026-06-03T09:05:30Z"}),
    ("the year of a day", "It was built in 1987.", {"built": "1987-05-04"}),
    ("a sign that is told in words", "It fell by 5 points.", {"change": -5}),
    ("marks that are no digits", "The lake of 12 km² holds CO₂ at 9 AM.", {"area": 12, "hour": 9}),
    ("under another key of the clause", "The price of the room is 100.", {"room": 12, "price": 100}),
    ("thousands between points", "Es leben dort 1.234.567 Menschen.", {"population": 1234567}),
    ("thousands between spaces", "Il y a 1 234 567 habitants.", {"population": 1234567}),
    ("thousands between narrow spaces", "Il y a 12\u202f345 habitants.", {"population": 12345}),
    ("thousands between apostrophes", "Es kostet 12'500 Franken.", {"price": 12500}),
    ("thousands as in India", "It costs 12,34,567 rupees.", {"price": 1234567}),
    ("a decimal comma", "Es sind 12,5 Grad und 1.234,56 Euro.", {"t": 12.5, "eur": 1234.56}),
    ("thousands that were told with points", "It has 1234567 people.", {"population": "1.234.567"}),
    ("numbers without a space between", "The sizes are 3,4,5.", {"sizes": [3, 4, 5]}),
    ("numbers in a row", "In 2020 300 came.", {"year": 2020, "came": 300}),
    ("a range", "Expect 10-20 mm, or 5\u201315 km/h.", {"low": 10, "high": 20, "wind": [5, 15]}),
    ("a range of decimals", "It is 9.5-10.25%.", {"from": 9.5, "to": 10.25}),
    ("a size", "It is 29x31, or 29 \u00d7 31.", {"width": 29, "height": 31}),
    ("millions in words", "About 1.2 million people live there.", {"population": 1234567}),
    ("a telephone number", "Call +47 22 33 44 55.", {"phone": "+4722334455"}),
    ("a national telephone number", "Call 020 7183 8750 now.", {"phone": "+44 (20) 7183-8750"}),
    ("a telephone number with marks", "Call (555) 123-4567.", {"phone": "5551234567"}),
    ("a book's number", "Its ISBN is 978-3-16-148410-0.", {"isbn": 9783161484100}),
    ("a date of day, month, year", "It opens on 03/06/2026.", {"opens": "2026-06-03"}),
    ("a date of month, day, year", "It opens on 6/3/2026.", {"opens": "2026-06-03"}),
    ("a date with points", "Es \u00f6ffnet am 3.6.2026.", {"opens": "2026-06-03"}),
    ("a date of year, month, day", "It opens on 2026/06/03.", {"opens": "June 3, 2026"}),
    ("a short year", "It opens on 3/6/26.", {"opens": "2026-06-03"}),
    ("a date that was told otherwise", "It opens on 2026-06-13.", {"opens": "13.06.2026"}),
    ("a day without its year", "It opens on 3 June, or June 3rd.", {"opens": "2026-06-03"}),
    ("rows of a list", "There are 28 rows.", {"rows": [["a"]] * 28}),
    ("of a list at the top", "There are 28 of them.", [{"a": "x"}] * 28),
    ("of a list that was left out whole", "There are 28 rows.", {"rows": [{"_cut": "28 items"}]}),
    (
        "what is left of a list",
        "There are Oslo, Bergen and 2 more.",
        {"c": ["Oslo", "Bergen", "Moss", "Bodø"]},
    ),
    (
        "what is left of a list of objects that was cut",
        "There are Oslo (city) and 27 others.",
        {"c": [{"name": "Oslo"}, {"_cut": "27 more items"}]},
    ),
    (
        "names between quoted dates",
        'From "2026-06-03", the day "Oslo", to "Ås".',
        {"a": "2026-06-03 Oslo Ås"},
    ),
    ("a number within a key", "At 100 per hour it takes 3 years.", {"at_100_per_hour": "3 years"}),
    ("a time of twelve hours", "It opens at 5:30 PM.", {"opens": "17:30"}),
    ("a time of twelve hours in one word", "It opens at 2:30pm.", {"opens": "14:30:00"}),
    ("past midnight", "It opens at 12:30 AM.", {"opens": "2026-06-03T00:30:00Z"}),
    ("a date with twelve hours", "From 2026-06-03 05:30 PM on.", {"opens": "2026-06-03T17:30:00Z"}),
    ("a date with a p.m.", "It opens 2026-06-03T05:30:00 p.m.", {"opens": "2026-06-03 17:30:00"}),
    ("a date told with twelve hours", "From 2026-06-03 17:30 on.", {"opens": "2026-06-03 05:30 PM"}),
    ("a date past midnight", "From 2026-06-03 12:05 AM on.", {"opens": "2026-06-03T00:05:00Z"}),
    ("a whole hour", "It opens at 5 p.m. and closes at 9 PM.", {"opens": "17:00", "closes": 21}),
    ("a time that was told of twelve hours", "It opens at 17:30, or 5:30.", {"opens": "5:30 PM"}),
    ("a currency after the number", "It costs 20€.", {"price": 20}),
    ("a currency's country", "It costs US$5.", {"price": 5}),
    ("a currency's letters", "It costs CHF5.50.", {"price": 5.5}),
    ("short thousands and millions", "It costs $1.2M, or 1.2k a day.", {"all": 1200000, "day": 1200}),
    ("short millions that were told so", "It costs $1.2M.", "It costs 1.2M."),
    ("a price per month", "It costs €20/month.", {"price": 20}),
    ("a degree of latitude", "It lies at 52.52°N, 13.4°W.", {"lat": 52.52, "lon": -13.4}),
    ("a version without its v", "It is v2.3.1.", {"release": "2.3.1"}),
    ("a version with its v", "It is 2.3.1.", {"release": "v2.3.1"}),
    ("a version of two parts", "It is version 1.10.", {"version": "1.10"}),
    ("a colour without its mark", "It is #ff8800.", {"hex": "FF8800"}),
    ("per cent of a share", "It is 45.1 percent, or 45.1 %.", {"share": 0.4512}),
    ("a number of days", "It is a 3-day trip.", {"days": 3}),
    ("a number of stars", "It is a 5-star hotel.", {"stars": 5}),
    ("a run of days", "It is on 5-7 May 2024.", {"from": "2024-05-05", "to": "2024-05-07"}),
    ("a run of days after the month", "May 5\u20137, 2024.", {"from": "2024-05-05", "to": "2024-05-07"}),
    ("equal to", "x=5.", {"x": 5}),
    ("more than and about", "It is >5 and \u22485.2.", {"from": 5, "mean": 5.2}),
    ("between tags", "It is <b>5</b>.", {"x": 5}),
    ("a stop within the quotes", 'It is "The Great Gatsby."', {"title": "The Great Gatsby"}),
    ("another apostrophe", '“it\u2019s” and "he\'s"', {"a": "it's", "b": "he\u2019s"}),
    ("a number with zeros before it", "Its number is 00123.", {"number": "00123"}),
    ("a month with a zero", "In month 06.", {"day": "2026-06-03"}),
    ("a word that begins with a number", "It is 5-ht.", {"name": "5-HT"}),
    ("in what a list is numbered by", "1. It rains. 2) It snows. (3) It is 4 degrees.", {"degrees": 4}),
]


@pytest.mark.parametrize(
    ("answer", "observation"), [case[1:] for case in BACKED], ids=[case[0] for case in BACKED]
)
def test_values_that_were_returned_are_found(answer: str, observation: object) -> None:
    assert unbacked(answer, observation) == ()


PLANTED = [
    ("another number", "It is 13.5 degrees.", {"temperature": 12.5}, ("13.5",)),
    ("rounded wrongly", "It is 12.6 degrees.", {"temperature": 12.4987}, ("12.6",)),
    ("a small number is rounded by nobody", "There are 3 left.", {"left": 2.6}, ("3",)),
    ("another day", "It opens on 4 June 2026.", {"opens": "2026-06-03"}, ("4 June 2026",)),
    ("another year", "It opens on 2027-06-03.", {"opens": "2026-06-03"}, ("2027-06-03",)),
    ("another time", "It starts at 2026-06-03T09:15.", {"at": "2026-06-03T08:15:30Z"}, ("2026-06-03T09:15",)),
    ("another code", "The code is SEK.", {"currency": "NOK"}, ("SEK",)),
    ("a part of a code", "Its number is AB12.", {"number": "AB123"}, ("AB12",)),
    ("another name", 'It is called "Oslo Airport".', {"name": "Berlevåg Airport"}, ("Oslo Airport",)),
    ("another key's value", "The mask is 4 and the version is 7.", {"mask": 7, "version": 4}, ("4", "7")),
    (
        "an address in the same net",
        "Its address is 192.168.99.99.",
        {"ip": "192.168.1.1"},
        ("192.168.99.99",),
    ),
    ("another version", "It is version 1.2.9.", {"version": "1.2.3"}, ("1.2.9",)),
    ("a sign that nobody told", "It is -5 degrees.", {"degrees": 5}, ("-5",)),
    ("a digit of an identifier", "There are 5.", {"id": "ab5cd"}, ("5",)),
    ("numbers at the end of a sentence", "It is 99. Tomorrow (88) too.", {"t": 1}, ("99", "88")),
    ("another time", "It leaves at 08:20.", {"from": "08:15"}, ("08:20",)),
    ("nothing was returned", "It is 12 degrees.", "", ("12",)),
    (
        "beside its name, as long as a list",
        "Week 52; days left 3; quarter 4.",
        {"week": 52, "days_left": 5, "quarter": 4, "gaps": [7, 8, 9]},
        ("3",),
    ),
    ("at the end of a sentence", "It takes off letters 1. It rains.", {"letters": 4}, ("1",)),
    ("a long code", "The code is TCACAVLCY.", {"code": "TCACAVSCY"}, ("TCACAVLCY",)),
    ("another number of thousands", "Es sind 1.234.568.", {"population": 1234567}, ("1.234.568",)),
    ("another number with spaces", "Il y a 1 234 568.", {"population": 1234567}, ("1 234 568",)),
    ("another decimal", "Es sind 12,6 Grad.", {"t": 12.5}, ("12,6",)),
    ("another end of a range", "Expect 10-25 mm.", {"low": 10, "high": 20}, ("10-25",)),
    ("a range the wrong way round", "Expect 20-10 mm.", {"low": 10, "high": 20}, ("20-10",)),
    ("an end of another range", "It held 1989-1990.", {"a": "1989\u20131993", "b": 1990}, ("1989-1990",)),
    ("another area", "Call +55 14 96123-4567.", {"a": "+55 11 96123-4567"}, ("+55 14 96123-4567",)),
    ("another size", "It is 29x30.", {"width": 29, "height": 31}, ("29x30",)),
    ("other millions", "About 1.3 million people.", {"population": 1234567}, ("1.3",)),
    ("millions of what is one", "About 12 million people.", {"population": 12}, ("12",)),
    ("another telephone number", "Call +47 22 33 44 56.", {"phone": "+4722334455"}, ("+47 22 33 44 56",)),
    ("a part of a telephone number", "Call 22 33 44.", {"phone": "+4722334455"}, ("22 33 44",)),
    ("another book", "Its ISBN is 978-3-16-148411-0.", {"isbn": 9783161484100}, ("978-3-16-148411-0",)),
    ("another day with marks", "It opens on 04/06/2026.", {"opens": "2026-06-03"}, ("04/06/2026",)),
    ("another year with marks", "It opens on 03/06/2027.", {"opens": "2026-06-03"}, ("03/06/2027",)),
    ("another day without its year", "It opens on 4 June.", {"opens": "2026-06-03"}, ("4 June",)),
    ("a day that no calendar has", "It opens on 31/06/2026.", {"opens": "2026-06-30"}, ("31/06/2026",)),
    ("another number of rows", "There are 27 rows.", {"rows": [["a"]] * 28}, ("27",)),
    ("half a day too late", "It opens at 5:30 PM.", {"opens": "05:30"}, ("5:30 PM",)),
    ("half a day too early", "It opens at 5:30 AM.", {"opens": "5:30 PM"}, ("5:30 AM",)),
    ("noon for midnight", "It opens at 12:30pm.", {"opens": "00:30"}, ("12:30pm",)),
    (
        "half a day off after a date",
        "From 2026-06-03 05:30 AM on.",
        {"opens": "2026-06-03T17:30:00Z"},
        ("2026-06-03 05:30 AM",),
    ),
    (
        "a date half a day off",
        "From 2026-06-03 05:30 on.",
        {"opens": "2026-06-03 05:30 PM"},
        ("2026-06-03 05:30",),
    ),
    ("another whole hour", "It opens at 6 PM.", {"opens": "17:00"}, ("6 PM",)),
    ("more than a country's code", "Call +1 999 123-4567.", {"tel": "123-4567"}, ("+1 999 123-4567",)),
    ("a longer version", "It is version 1.10.", {"version": "1.1"}, ("1.10",)),
    ("a shorter version", "It is version 1.1.", {"version": "1.10"}, ("1.1",)),
    ("a part of a version", "It is v1.2.", {"version": "v1.2.3"}, ("v1.2",)),
    ("another version with a v", "It is v2.3.4.", {"version": "2.3.1"}, ("v2.3.4",)),
    ("zeros that nobody told", "Its number is 00123.", {"number": "123"}, ("00123",)),
    ("another price after all", "It costs 21€.", {"price": 20}, ("21€",)),
    ("another price of a country", "It costs US$6.", {"price": 5}, ("US$6",)),
    ("another price of letters", "It costs CHF5.60.", {"price": 5.5}, ("CHF5.60",)),
    ("other short millions", "It costs $1.3M.", {"price": 1200000}, ("1.3M",)),
    ("short millions of what is one", "It costs $1.2M.", {"price": 1.2}, ("1.2M",)),
    ("another price per month", "It costs €21/month.", {"price": 20}, ("21/month",)),
    ("another latitude", "It lies at 52.53°N.", {"lat": 52.52}, ("52.53°N",)),
    ("another colour", "It is #ff8801.", {"hex": "FF8800"}, ("#ff8801",)),
    ("another share", "It is 45.2 percent.", {"share": 0.4512}, ("45.2",)),
    ("another number of days", "It is a 4-day trip.", {"days": 3}, ("4-day",)),
    ("another run of days", "On 5-8 May 2024.", {"a": "2024-05-05", "b": "2024-05-07"}, ("5-8 May 2024",)),
    ("equal to another", "x=6.", {"x": 5}, ("x=6",)),
    ("more than another", "It is >6.", {"from": 5}, (">6",)),
    ("another between tags", "It is <b>6</b>.", {"x": 5}, ("6",)),
    (
        "another title with its stop",
        'It is "The Great Gats."',
        {"t": "The Great Gatsby"},
        ("The Great Gats.",),
    ),
    (
        "another number of what is left",
        "There are Oslo, Bergen and 3 more.",
        {"c": ["Oslo", "Bergen", "Moss", "Bodø"]},
        ("3",),
    ),
]


@pytest.mark.parametrize(
    ("answer", "observation", "found"), [case[1:] for case in PLANTED], ids=[case[0] for case in PLANTED]
)
def test_planted_values_are_not(answer: str, observation: object, found: tuple[str, ...]) -> None:
    assert unbacked(answer, observation) == found


@pytest.mark.parametrize(
    ("answer", "observation"),
    [
        ("It is 12 degrees.", '{"sha": "9e1234567"}'),
        ("It is 12 degrees.", '{"n": 1e4000000}'),
        ("It is 1e1000000.", '{"n": 1}'),
        ("It is 12%.", '{"n": "9e999999"}'),
        ("It is 12 degrees.", '{"list": [{"_cut": "1,200 more items"}]}'),
        ("It is 12 degrees.", '{"list": [{"_cut": "1.5 more"}]}'),
        ("It is 12.5 degrees.", '{"n": 123456789012345678901234567890.25}'),
        ("It is 12 degrees.", f'{{"n": {"9" * 5000}}}'),
        ("It is 12 degrees.", "[" * 5000),
        ("It opens in May on 3 June 2026.", "Opens in May, not 5 Augu\u017ft 2020."),
    ],
)
def test_no_observation_is_too_odd_to_look_through(answer: str, observation: str) -> None:
    assert len(unbacked(answer, observation)) <= 1


def test_what_the_instruction_gives_is_no_value_of_the_answer() -> None:
    query = 'How far is "Oslo" from the 3 towns of NO on 2026-06-03, within 40 km?'
    answer = 'Of the 3 towns of NO, "Oslo" is 40 km away on 3 June 2026, at 12 degrees.'
    assert [value.text for value in values_of(answer, query)] == ["12"]


def test_dates_of_both_kinds_leave_no_numbers_behind() -> None:
    values = values_of("On 2 June 2026 18.5 degrees, on 2026-06-03 19 degrees, on 4 June 20.", "Weather?")
    assert [value.text for value in values] == ["2 June 2026", "18.5", "2026-06-03", "19", "4 June", "20"]


def test_one_observation_of_two_answers_says_the_same_of_both() -> None:
    observation = {"city": "Oslo", "degrees": 12.5, "days": ["2026-06-03"]}
    answers = (
        "12.5 degrees on 3 June.",
        "13 degrees on 4 June.",
        "The degrees are 13.",
        "12.5 on 3 June 2026.",
    )
    assert [unbacked(each, observation) for each in answers] == [(), ("4 June",), (), ()]


REPEATED = [
    "1/",
    "1'",
    "1\u2019",
    "1)",
    "(1) ",
    "(1)",
    "(1",
    "((1",
    "1((",
    "1.",
    "1,",
    "1-",
    "1 ",
    "1",
    "1,111",
]
REPEATED += [
    "1.111",
    "1'111",
    "1 111",
    "1. ",
    "a 1. ",
    "May 1",
    "1 May ",
    "1-",
    "12:34 ",
    "5 pm",
    "2024-01-01T",
]
REPEATED += ["<b", "<b ", "x=", "=", "$", "v1.", "aA", '"', "\u201ca", "1e", "1%", "1k/", "1-day", " 1/'"]


@pytest.mark.parametrize("part", dict.fromkeys(REPEATED))
def test_no_answer_takes_long_to_read(part: str) -> None:
    answer = part * (100_000 // len(part))
    values_of(answer, "Will it rain?")
    values_of("It rains.", answer)
    unbacked("It is 5 degrees at 5 PM.", answer)
