from __future__ import annotations

import json
from time import perf_counter

import pytest

from tasks.llm.chat import ToolCall
from tasks.llm.text_calls import may_hold_calls, read_calls

OFFERED = {"get_weather", "Finish"}
ARGUMENTS = '{"city": "Oslo"}'


@pytest.mark.parametrize(
    ("text", "thought"),
    [
        (f"Thought: Look it up.\nAction: get_weather\nAction Input: {ARGUMENTS}", "Look it up."),
        (f"Look it up.\n\n**Action:** `get_weather`\n**Action Input:** {ARGUMENTS}", "Look it up."),
        (f"action: get_weather\naction_input:\n```json\n{ARGUMENTS}\n```", None),
        (f"Action: get_weather\nArguments: {ARGUMENTS}", None),
        (f"Action\uff1aget_weather\nAction Input\uff1a{ARGUMENTS}", None),
        ("Look it up.\nAction: get_weather[city='Oslo']", "Look it up."),
        (
            f'Look it up.\nAction: ```json\n[{{"tool_name": "get_weather", "parameters": {ARGUMENTS}}}]\n```',
            "Look it up.",
        ),
        (f'<tool_call id="1" name="get_weather">{ARGUMENTS}</tool_call>', None),
        (
            '<xai:function_call name="get_weather"><parameter name="city">Oslo</parameter>'
            "</xai:function_call>",
            None,
        ),
        (
            "<longcat_tool_call>get_weather\n<longcat_arg_key>city</longcat_arg_key>\n"
            "<longcat_arg_value>Oslo</longcat_arg_value>\n</longcat_tool_call>",
            None,
        ),
        (f"Action: get_weather\n{ARGUMENTS}\nThis will tell us.", None),
        (f"Action: get_weather()\nAction Input: {ARGUMENTS}\nObservation: rain\nThought: done", None),
        (
            f"Action: get_weather\nAction Input: {ARGUMENTS}\n\nAction: Finish\nAction Input: {{}}",
            None,
        ),
        (
            f'Look it up. <tool_call>\n{{"name": "get_weather", "arguments": {ARGUMENTS}}}\n</tool_call>',
            "Look it up.",
        ),
        (f'<tool_call>{{"name": "get_weather", "arguments": {ARGUMENTS}}}', None),
        (f'[TOOL_CALLS] [{{"name": "get_weather", "arguments": {ARGUMENTS}}}]', None),
        (f"<function=get_weather>{ARGUMENTS}</function>", None),
        (f'Look it up.\n```json\n{{"name": "get_weather", "parameters": {ARGUMENTS}}}\n```', "Look it up."),
        (
            f'{{"thought": "Look it up.", "action": "get_weather", "action_input": {ARGUMENTS}}}',
            "Look it up.",
        ),
        (f'{{"tool_calls": [{{"function": {{"name": "get_weather", "arguments": {ARGUMENTS}}}}}]}}', None),
        ("{'name': 'get_weather', 'arguments': {'city': 'Oslo'},}", None),
    ],
)
def test_a_call_as_models_write_it(text: str, thought: str | None) -> None:
    said, calls = read_calls(text, OFFERED)
    assert said == thought
    assert [(call.id, call.name, call.arguments.replace('":"', '": "')) for call in calls] == [
        ("", "get_weather", ARGUMENTS)
    ]


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ("Action: Finish", (ToolCall("", "Finish", "{}"),)),
        ("Action: no_such_function\nAction Input: {}", (ToolCall("", "no_such_function", "{}"),)),
        ("Action: get_weather\nAction Input: Oslo", (ToolCall("", "get_weather", "Oslo"),)),
        ("Action: get_weather[Oslo]", (ToolCall("", "get_weather", "Oslo"),)),
        (
            'Action: get_weather\nAction Input: {"city": "Os',
            (ToolCall("", "get_weather", '{"city": "Os'),),
        ),
        ('{"name": "Finish"}', (ToolCall("", "Finish", "{}"),)),
        (
            '<tool_call>{"name": "a", "arguments": {"b": 1}}</tool_call>\n'
            '<tool_call>{"name": "c", "arguments": null}',
            (ToolCall("", "a", '{"b":1}'), ToolCall("", "c", "{}")),
        ),
    ],
)
def test_what_is_odd_is_left_to_the_search(text: str, calls: tuple[ToolCall, ...]) -> None:
    assert read_calls(text, OFFERED)[1] == calls


@pytest.mark.parametrize(
    "text",
    [
        "It rains in Oslo.",
        "Action: None",
        'The reply was {"city": "Oslo", "name": "Oslo"}.',
        "Observation: I made this up.\nAction: get_weather\nAction Input: {}",
        "[as you asked]",
        "",
        "{" * 5000,
    ],
)
def test_what_is_no_call(text: str) -> None:
    assert read_calls(text, OFFERED)[1] == ()


FAMILIES = {
    "qwen coder": "<tool_call>\n<function=get_weather>\n<parameter=city>\nOslo\n</parameter>\n</function>\n"
    "</tool_call>",
    "qwen coder, bare": "<function=get_weather><parameter=city>Oslo</parameter></function>",
    "seed": "<seed:tool_call><function=get_weather><parameter=city>Oslo</parameter></function>"
    "</seed:tool_call>",
    "glm": "<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>Oslo</arg_value>\n</tool_call>",
    "hermes": f'<tool_call>\n{{"name": "get_weather", "arguments": {ARGUMENTS}}}\n</tool_call>',
    "nemotron": f'<TOOLCALL>[{{"name": "get_weather", "arguments": {ARGUMENTS}}}]</TOOLCALL>',
    "jamba": f'<tool_calls>[{{"name": "get_weather", "arguments": {ARGUMENTS}}}]</tool_calls>',
    "hunyuan": f"<tool_calls><tool_call>get_weather\n```json\n{ARGUMENTS}\n```</tool_call></tool_calls>",
    "mistral": f'[TOOL_CALLS][{{"name": "get_weather", "arguments": {ARGUMENTS}, "id": "abcdef123"}}]',
    "mistral, newer": f"[TOOL_CALLS]get_weather[ARGS]{ARGUMENTS}",
    "mistral, with an id": f"[TOOL_CALLS]get_weather[CALL_ID]abcdef123[ARGS]{ARGUMENTS}</s>",
    "llama, called": f"<function=get_weather>{ARGUMENTS}</function>",
    "llama, without a bracket": f"<function=get_weather{ARGUMENTS}</function>",
    "groq": f"<function(get_weather)>{ARGUMENTS}</function>",
    "llama 3": f'<|python_tag|>{{"name": "get_weather", "parameters": {ARGUMENTS}}}<|eom_id|>',
    "llama 3, code": '<|python_tag|>get_weather.call(city="Oslo")',
    "llama 4": '<|python_start|>[get_weather(city="Oslo")]<|python_end|>',
    "lfm": '<|tool_call_start|>[get_weather(city="Oslo")]<|tool_call_end|>',
    "granite": f'<|tool_call|>[{{"name": "get_weather", "arguments": {ARGUMENTS}}}]',
    "phi": f'functools[{{"name": "get_weather", "arguments": {ARGUMENTS}}}]',
    "cohere": '<|START_ACTION|>[{"tool_call_id": "0", "tool_name": "get_weather", '
    f'"parameters": {ARGUMENTS}}}]<|END_ACTION|>',
    "internlm": '<|action_start|><|plugin|>{"name": "get_weather", '
    f'"parameters": {ARGUMENTS}}}<|action_end|>',
    "kimi": "<|tool_calls_section_begin|><|tool_call_begin|>functions.get_weather:0"
    f"<|tool_call_argument_begin|>{ARGUMENTS}<|tool_call_end|><|tool_calls_section_end|>",
    "deepseek": "<\uff5ctool\u2581calls\u2581begin\uff5c><\uff5ctool\u2581call\u2581begin\uff5c>function"
    f"<\uff5ctool\u2581sep\uff5c>get_weather\n```json\n{ARGUMENTS}\n```"
    "<\uff5ctool\u2581call\u2581end\uff5c>"
    "<\uff5ctool\u2581calls\u2581end\uff5c>",
    "deepseek 3.1": "<\uff5ctool\u2581calls\u2581begin\uff5c><\uff5ctool\u2581call\u2581begin\uff5c>"
    f"get_weather<\uff5ctool\u2581sep\uff5c>{ARGUMENTS}<\uff5ctool\u2581call\u2581end\uff5c>"
    "<\uff5ctool\u2581calls\u2581end\uff5c>",
    "deepseek 3.2": '<\uff5cDSML\uff5cfunction_calls>\n<\uff5cDSML\uff5cinvoke name="get_weather">\n'
    '<\uff5cDSML\uff5cparameter name="city" string="true">Oslo</\uff5cDSML\uff5cparameter>\n'
    "</\uff5cDSML\uff5cinvoke>\n</\uff5cDSML\uff5cfunction_calls>",
    "minimax": '<minimax:tool_call><invoke name="get_weather"><parameter name="city">Oslo</parameter>'
    "</invoke></minimax:tool_call>",
    "anthropic": '<function_calls>\n<invoke name="get_weather">\n<parameter name="city">Oslo</parameter>\n'
    "</invoke>\n</function_calls>",
    "gpt-oss": "<|start|>assistant<|channel|>commentary to=functions.get_weather "
    f"<|constrain|>json<|message|>{ARGUMENTS}<|call|>",
    "gpt-oss, the other order": "<|start|>assistant to=functions.get_weather<|channel|>commentary "
    f"json<|message|>{ARGUMENTS}<|call|>",
    "gpt-oss, without marks": f"commentary to=functions.get_weather json{ARGUMENTS}",
    "gemma": '```tool_code\nprint(default_api.get_weather(city="Oslo"))\n```',
    "gemma 4": '<|tool_call>call:get_weather{"city":<|"|>Oslo<|"|>}<tool_call|>',
    "code": '[get_weather(city="Oslo")]',
    "code in a fence": "```python\nget_weather(city='Oslo')\n```",
    "code, a dict": '[get_weather({"city": "Oslo"})]',
    "json": f'{{"name": "get_weather", "parameters": {ARGUMENTS}}}',
    "json, a prefix": f'{{"name": "functions.get_weather", "arguments": {ARGUMENTS}}}',
    "json by name": f'{{"get_weather": {ARGUMENTS}}}',
}


@pytest.mark.parametrize("text", FAMILIES.values(), ids=FAMILIES.keys())
@pytest.mark.parametrize("said", ["", "Let me look.\n"])
@pytest.mark.parametrize("left_over", [False, True])
def test_a_call_in_the_marks_of_each_family(text: str, said: str, left_over: bool) -> None:
    thought, calls = read_calls(said + text, OFFERED, left_over=left_over)
    assert [(call.name, json.loads(call.arguments)) for call in calls] == [("get_weather", {"city": "Oslo"})]
    assert thought == (said.strip() or None)
    assert may_hold_calls(said + text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('Action: get_weather(city="Oslo, Norway (NO)")\nThen we know.', {"city": "Oslo, Norway (NO)"}),
        (
            "Action: `get_weather(city='Oslo', days=[1, 2], exact=True, near=null)`",
            {"city": "Oslo", "days": [1, 2], "exact": True, "near": None},
        ),
        ('Action: get_weather(\n  city="Oslo",\n)', {"city": "Oslo"}),
        ('Action: get_weather({"city": "Oslo"})', {"city": "Oslo"}),
        ('Action: get_weather(city="Oslo")\nAction Input: None', {"city": "Oslo"}),
        ("Action: call `functions.get_weather`\nAction Input: {}", {}),
        ('Action: {"name": "get_weather", "arguments": {"city": "Oslo"}}', {"city": "Oslo"}),
    ],
)
def test_an_action_as_code(text: str, expected: dict[str, object]) -> None:
    _, calls = read_calls(text, OFFERED)
    assert [(call.name, json.loads(call.arguments)) for call in calls] == [("get_weather", expected)]


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ('Action: get_weather("Oslo")', '"Oslo"'),
        ("Action: get_weather(city=Oslo)", "city=Oslo"),
        (
            'Action: get_weather\nAction Input: {"city": "Oslo"} {"city": "Bergen"}',
            '{"city": "Oslo"} {"city": "Bergen"}',
        ),
    ],
)
def test_arguments_that_cannot_be_read_are_left_as_they_stand(text: str, arguments: str) -> None:
    assert read_calls(text, OFFERED)[1] == (ToolCall("", "get_weather", arguments),)


def test_all_calls_are_read() -> None:
    one, other = ({"name": "get_weather", "arguments": {"city": city}} for city in ("Oslo", "Bergen"))
    texts = [
        f"{json.dumps(one)}\n{json.dumps(other)}",
        f"{json.dumps(one)}; {json.dumps(other)}",
        f"<tool_call>{json.dumps(one)}<tool_call>{json.dumps(other)}",
        f"<tool_call>{json.dumps(one)}\n{json.dumps(other)}</tool_call>",
        '[get_weather(city="Oslo"), get_weather(city="Bergen")]',
        'get_weather(city="Oslo")\nget_weather(city="Bergen")',
        '[TOOL_CALLS]get_weather[ARGS]{"city": "Oslo"}[TOOL_CALLS]get_weather[ARGS]{"city": "Bergen"}',
        "<tool_call><function=get_weather><parameter=city>Oslo</parameter></function>"
        "<function=get_weather><parameter=city>Bergen</parameter></function></tool_call>",
    ]
    for text in texts:
        _, calls = read_calls(text, OFFERED)
        assert [json.loads(call.arguments) for call in calls] == [{"city": "Oslo"}, {"city": "Bergen"}], text


SCHEMAS = {
    "get_weather": {
        "properties": {
            "city": {"type": "string"},
            "days": {"type": "integer"},
            "at": {"type": ["null", "string"]},
        }
    }
}


def test_values_between_tags_are_of_the_type_that_the_function_wants() -> None:
    text = (
        "<tool_call><function=get_weather><parameter=city>\n00501\n</parameter><parameter=days>3</parameter>"
        '<parameter=at>12</parameter><parameter=box>[1, {"a": 2}]</parameter><parameter=note>7</parameter>'
        "</function></tool_call>"
    )
    _, calls = read_calls(text, SCHEMAS)
    assert json.loads(calls[0].arguments) == {
        "city": "00501",
        "days": 3,
        "at": "12",
        "box": [1, {"a": 2}],
        "note": "7",
    }


def test_integers_beyond_64_bits_are_kept() -> None:
    for text in (
        '{"name": "get_weather", "arguments": {"id": 18446744073709551616}}',
        "[get_weather(id=18446744073709551616)]",
    ):
        assert read_calls(text, OFFERED)[1][0].arguments == '{"id":18446744073709551616}'


@pytest.mark.parametrize(
    "text",
    [
        "I could call get_weather for this.",
        'With {"name": "get_weather", "arguments": {}} we would know. But why ask?',
        '<tool_call>{"name": "rm", "arguments": {}}</tool_call>',
        '{"name": "Oslo", "input": {"rain": true}}',
        "Thought: so.\nAction: get_weather",
        "<tool_call></tool_call>",
        "<tool_call>\n</tool_call>",
        "<|python_tag|>",
        "<function=>",
        "[TOOL_CALLS]",
        "[see above (Oslo)]",
        "print(1)",
        '```python\nrequests.get(url="x")\n```',
        "get_weather(__import__('os').system('true'))",
        "x" * 100_000 + "(" * 50_000,
    ],
)
def test_prose_is_no_call_where_calls_are_no_text(text: str) -> None:
    assert read_calls(text, OFFERED, left_over=True) == (text, ())


@pytest.mark.parametrize(
    "text",
    [
        "\n" * 50_000 + "x",
        ")" * 50_000 + "x",
        "]" + " " * 50_000 + "x",
        "<tool_call>" * 5_000,
        "<function=" * 5_000,
        "<tool_call>" + "a:" * 20_000,
        "[get_weather(" * 5_000 + ")",
        "Action: get_weather(" * 2_000,
        "[TOOL_CALLS]" * 5_000,
        "to=" * 10_000,
        '{"name": "get_weather", "arguments": {' * 3_000,
        "Action Input: {" + " " * 50_000 + "x",
    ],
    ids=range(12),
)
@pytest.mark.parametrize("left_over", [False, True])
def test_odd_texts_are_read_in_time(text: str, left_over: bool) -> None:
    begun = perf_counter()
    may_hold_calls(text)
    read_calls(text, OFFERED, left_over=left_over)
    assert perf_counter() - begun < 5
