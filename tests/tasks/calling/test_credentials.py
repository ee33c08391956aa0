import pytest

from tasks.calling.credentials import Applied, Credentials
from tasks.errors import UsageError
from warehouse.tables.catalogue import SecurityScheme

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
        '  fix: set the environment variable PAID_KEY, or take "*.paid.test" out of [calling] keys'
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
