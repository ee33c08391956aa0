"""ToolBench's own names, as its published data has them, and their way through a row."""

from __future__ import annotations

import pytest

from tasks.calling.toolbench_names import (
    ToolbenchAddress,
    service_category,
    service_name,
    service_tool_name,
)


@pytest.mark.parametrize(
    ("published", "name"),
    [
        ("Investors Exchange (IEX) Trading", "investors_exchange_iex_trading"),
        ("retorna dados do endereço através do cep", "retorna_dados_do_endere_o_atrav_s_do_cep"),
        ("/carriers/detect", "carriers_detect"),
        ("search people?q=:query", "search_people_q_query"),
        ("2 Steam Web", "get_2_steam_web"),
        ("__a  b__", "a_b"),
        ("全国天气 v2", "全国天气_v2"),
        ("a^b", "a^b"),
        ("id", "id"),
        ("/", ""),
    ],
)
def test_names_of_tools(published: str, name: str) -> None:
    assert service_tool_name(published) == name


@pytest.mark.parametrize("word", ["from", "class", "return", "false", "True", "ID", "and"])
def test_reserved_words_are_prefixed_in_apis_and_parameters(word: str) -> None:
    assert service_name(word) == f"is_{word.lower()}"


@pytest.mark.parametrize(
    ("published", "name"),
    [
        ("Weather", "Weather"),
        ("News, Media", "News_Media"),
        ("Artificial Intelligence/Machine Learning", "Artificial_Intelligence_Machine_Learning"),
        (" eCommerce ", "eCommerce"),
    ],
)
def test_names_of_categories(published: str, name: str) -> None:
    assert service_category(published) == name


@pytest.mark.parametrize(
    ("address", "url"),
    [
        (ToolbenchAddress("Weather", "sky", "now"), "toolbench://Weather/sky/now"),
        (
            ToolbenchAddress("Tools", "http_status", "http", "https://h.p.rapidapi.com/v1/{code}"),
            "toolbench://Tools/http_status/http/https/h.p.rapidapi.com/v1/{code}",
        ),
        (ToolbenchAddress("Tools", "x", "y", "http://host.test"), "toolbench://Tools/x/y/http/host.test"),
        (ToolbenchAddress("A & B", "天气", "a^b"), "toolbench://A%20%26%20B/%E5%A4%A9%E6%B0%94/a%5Eb"),
    ],
)
def test_an_address_is_kept_in_one_url(address: ToolbenchAddress, url: str) -> None:
    assert address.url == url
    assert ToolbenchAddress.from_url(url) == address
