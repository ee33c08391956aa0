from collections.abc import Callable

import pytest
from pydantic import ValidationError

from tasks.calling.credentials import Applied, Credentials, unsent
from tasks.calling.params import CallingParams
from tasks.errors import UsageError
from warehouse.tables.catalogue import Api, SecurityScheme

CREDENTIALS = Credentials.from_environment(
    {"*.paid.test": "PAID_KEY", "login.test": "LOGIN"}, {"PAID_KEY": "k3y!", "LOGIN": "ann:s3cret"}
)


@pytest.mark.parametrize(
    ("host", "key"),
    [("api.paid.test", "k3y!"), ("login.test", "ann:s3cret"), ("paid.test", None), ("x", None)],
)
def test_a_key_belongs_to_the_hosts_of_its_glob(host: str, key: str | None) -> None:
    assert CREDENTIALS.key_for(host) == key


@pytest.mark.parametrize(
    ("scheme", "applied"),
    [
        (("api_key", "header", "X-Key"), Applied(headers=(("X-Key", "k3y!"),))),
        (("api_key", "query", "apikey"), Applied(query=(("apikey", "k3y!"),))),
        (("bearer", "header", "Authorization"), Applied(headers=(("Authorization", "Bearer k3y!"),))),
        (("basic", "header", "Authorization"), Applied(headers=(("Authorization", "Basic azN5IQ=="),))),
    ],
)
def test_a_key_is_applied_as_the_scheme_says(scheme: tuple[str, str, str], applied: Applied) -> None:
    kind, location, name = scheme
    schemes = (SecurityScheme(kind=kind, location=location, name=name),)
    assert CREDENTIALS.applied("api.paid.test", schemes) == applied
    assert CREDENTIALS.applied("elsewhere.test", schemes) == Applied()


def test_a_variable_that_is_not_set_is_a_usage_error() -> None:
    with pytest.raises(UsageError) as caught:
        Credentials.from_environment({"*.paid.test": "PAID_KEY"}, {"PAID_KEY": ""})
    assert str(caught.value) == (
        '[calling] keys: "*.paid.test" takes its key from PAID_KEY, which is not set\n'
        '  fix: export PAID_KEY=<your key>, or take "*.paid.test" out of [calling] keys'
    )


def test_keys_are_in_no_representation() -> None:
    applied = CREDENTIALS.applied(
        "api.paid.test", (SecurityScheme(kind="bearer", location="header", name="A"),)
    )
    assert "k3y" not in f"{CREDENTIALS!r} {applied!r}"


def test_both_the_whole_of_a_basic_key_and_its_password_are_redacted() -> None:
    redactor = CREDENTIALS.redactor_for("login.test")
    assert redactor.redact("ann:s3cret, s3cret, YW5uOnMzY3JldA==, ann") == ", ".join(
        ["[redacted]"] * 3 + ["ann"]
    )
    assert CREDENTIALS.redactor_for("elsewhere.test").redact("s3cret") == "s3cret"


@pytest.mark.parametrize(
    ("way", "applied"),
    [
        ("bearer", Applied(headers=(("Authorization", "Bearer k3y!"),))),
        ("basic", Applied(headers=(("Authorization", "Basic azN5IQ=="),))),
        ("header X-Own", Applied(headers=(("X-Own", "k3y!"),))),
        ("query token", Applied(query=(("token", "k3y!"),))),
    ],
)
@pytest.mark.parametrize("declared", [(), (SecurityScheme(kind="api_key", location="query", name="wrong"),)])
def test_a_key_is_sent_as_people_say_whatever_the_documents_do(
    way: str, applied: Applied, declared: tuple[SecurityScheme, ...]
) -> None:
    keys = Credentials.from_environment(
        {"*.paid.test": "PAID_KEY"}, {"PAID_KEY": "k3y!"}, ways={"api.paid.test": way}
    )
    assert keys.applied("api.paid.test", declared) == applied
    assert keys.applied("elsewhere.test", declared) == Applied()


@pytest.mark.parametrize("way", ["", "cookie x", "header", "header two words", "Bearer", "query a b"])
def test_a_way_to_send_a_key_that_there_is_not_is_refused(way: str) -> None:
    with pytest.raises(ValidationError, match='write "bearer", "basic", "header NAME" or "query NAME"'):
        CallingParams(key_as={"api.paid.test": way})


def test_keys_that_are_not_sent_are_told(make_api: Callable[..., Api]) -> None:
    scheme = SecurityScheme(kind="bearer", location="header", name="Authorization")
    apis = [
        make_api(url="http://api.paid.test/a", security=(scheme,)),
        make_api(url="http://api.paid.test/b", api_id="Paid/b"),
        make_api(url="http://own.test/c"),
    ]
    keys = {"*.paid.test": "A", "own.test": "B", "nobody.test": "C"}
    told = list(unsent(CallingParams(key_names=keys, key_as={"own.test": "bearer"}), apis))
    assert told == [
        '[calling] keys: the key of "*.paid.test" is not sent to 1 of 2 APIs there, Paid/b among them, since '
        "their documents declare no security; if it is wanted, `[calling] key_as` says how, as in "
        '{"*.paid.test" = "header X-Api-Key"} or "bearer"',
        '[calling] keys: the key of "nobody.test" is sent nowhere: no API of the catalogue is at such a host',
    ]
