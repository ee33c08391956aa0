"""What endpoints of many dialects say a reply took."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.llm.chat import Usage
from tasks.llm.replies import usage_in


@pytest.mark.parametrize(
    ("told", "usage"),
    [
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}, (10, 5)),
        ({"prompt_tokens": 10, "completion_tokens": 5}, (10, 5)),
        ({"prompt_tokens": 10, "completion_tokens": 0, "total_tokens": 10}, (10, 0)),
        # OpenAI: a part of the completion.
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 50,
                "total_tokens": 60,
                "completion_tokens_details": {"reasoning_tokens": 40},
            },
            (10, 50),
        ),
        # xAI: beside it, in the total.
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "total_tokens": 915,
                "completion_tokens_details": {"reasoning_tokens": 900},
            },
            (10, 905),
        ),
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 915}, (10, 905)),
        ({"total_tokens": 900}, (0, 900)),
        # Perplexity: beside both.
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, "reasoning_tokens": 70}, (10, 75)),
        ({"completion_tokens": 5, "prompt_tokens": 10, "total_tokens": 12}, (10, 5)),
        ({"prompt_tokens": 10.0, "completion_tokens": 5.2, "total_tokens": 15.2}, (10, 6)),
        ({"prompt_tokens": "10", "completion_tokens": "5"}, (10, 5)),
        ({"input_tokens": 10, "output_tokens": 5, "input_tokens_details": {"cached_tokens": 4}}, (10, 5)),
        # Anthropic, Bedrock: what went through the cache is beside the input.
        (
            {
                "input_tokens": 10,
                "output_tokens": 5,
                "cache_creation_input_tokens": 100,
                "cache_read_input_tokens": 1000,
            },
            (1110, 5),
        ),
        ({"inputTokens": 10, "outputTokens": 5, "totalTokens": 65, "cacheReadInputTokens": 50}, (60, 5)),
        (
            {"prompt_tokens": 1010, "completion_tokens": 5, "cache_read_input_tokens": 1000},
            (1010, 5),
        ),
        # DeepSeek.
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "total_tokens": 15,
                "prompt_cache_hit_tokens": 4,
                "prompt_cache_miss_tokens": 6,
            },
            (10, 5),
        ),
        ({"prompt_cache_hit_tokens": 4, "prompt_cache_miss_tokens": 6, "completion_tokens": 5}, (10, 5)),
        ({"tokens": {"input_tokens": 10, "output_tokens": 5}}, (10, 5)),
        ({"tokens": {"input": 10, "output": 5, "total": 15}}, (10, 5)),
        # Gateways: thinking by other names, numbers as text, a part for each of several models.
        ({"promptTokens": 10, "completionTokensDetails": {"reasoningTokens": 80}}, (10, 80)),
        (
            {"input_tokens": 10, "output_tokens": 5, "output_tokens_details": {"thinking_tokens": 80}},
            (10, 85),
        ),
        ({"prompt_tokens": "10.0", "completion_tokens": "5.0", "total_tokens": "95.0"}, (10, 85)),
        ([{"prompt_tokens": 10, "completion_tokens": 5}, {"input_tokens": 1, "output_tokens": 2}], (11, 7)),
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "total_tokens": 15,
                "completion_tokens_details": "none",
            },
            (10, 5),
        ),
        # What cannot be a count takes nothing off.
        ({"prompt_tokens": 10, "completion_tokens": -5, "total_tokens": 15}, (10, 5)),
        ({"prompt_tokens": -10, "completion_tokens": 5, "total_tokens": -5}, (0, 5)),
        ({"prompt_tokens": 10**30, "completion_tokens": 5}, (0, 5)),
        ({"prompt_tokens": True, "completion_tokens": float("nan")}, (0, 0)),
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": float("inf")}, (10, 5)),
        ({"prompt_tokens": None}, (0, 0)),
        ({"prompt_tokens": [10], "completion_tokens_details": 3}, (0, 0)),
        ({}, (0, 0)),
        (None, (0, 0)),
        ("many", (0, 0)),
    ],
)
def test_usage(told: Any, usage: tuple[int, int]) -> None:
    assert usage_in({"usage": told}, {}) == Usage(*usage)


@pytest.mark.parametrize(
    ("completion", "choice"),
    [
        (
            {
                "usageMetadata": {
                    "promptTokenCount": 7,
                    "toolUsePromptTokenCount": 3,
                    "candidatesTokenCount": 2,
                    "thoughtsTokenCount": 3,
                    "totalTokenCount": 15,
                }
            },
            {},
        ),
        (
            {
                "usage_metadata": {
                    "prompt_token_count": 10,
                    "candidates_token_count": 2,
                    "thoughts_token_count": 3,
                }
            },
            {},
        ),
        ({"usage": None}, {"usage": {"prompt_tokens": 10, "completion_tokens": 5}}),
        ({"x_groq": {"usage": {"prompt_tokens": 10, "completion_tokens": 5}}}, {}),
        ({"prompt_eval_count": 10, "eval_count": 5}, {}),
    ],
    ids=["gemini", "gemini, other case", "in the choice", "groq", "ollama"],
)
def test_usage_in_other_places(completion: dict[str, Any], choice: dict[str, Any]) -> None:
    assert usage_in(completion, choice) == Usage(10, 5)
