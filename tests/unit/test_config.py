"""Settings are immutable and checked when they are made."""

from __future__ import annotations

import math
import pickle

import pytest

from alor_async.config import PRODUCTION, TEST, Environment, Limits, RetryPolicy, StreamSettings, Timeouts
from alor_async.errors import ConfigError
from alor_async.values import Format

ADDRESSES = {
    "api": "https://a.example",
    "oauth": "https://o.example",
    "ws": "wss://a.example/ws",
    "cws": "wss://a.example/cws",
}


def environment(**changes: object) -> Environment:
    return Environment(**{"name": "own", **ADDRESSES, **changes})


@pytest.mark.parametrize(
    "kind", [PRODUCTION, TEST, environment(), Timeouts(), RetryPolicy(), Limits(), StreamSettings()]
)
def test_settings_are_immutable_hashable_and_picklable(kind):
    assert pickle.loads(pickle.dumps(kind)) == kind
    assert hash(kind) == hash(pickle.loads(pickle.dumps(kind)))
    with pytest.raises(AttributeError):
        setattr(kind, kind.__struct_fields__[0], 1)


def test_the_defaults_are_those_that_are_documented():
    assert Timeouts() == Timeouts(connect=5, read=15, total=30, queue=30)
    assert RetryPolicy() == RetryPolicy(
        attempts=3, base=0.25, cap=8, retry_after_cap=60, commands="never", request_id_life=60
    )
    assert Limits() == Limits(in_flight=64, per_second=None)
    assert StreamSettings() == StreamSettings(
        format=Format.SLIM,
        ping_every=5,
        silence=15,
        ack_timeout=10,
        inbox=10_000,
        max_sockets=10,
        reconnect_base=0.5,
        reconnect_cap=60,
    )


def test_the_brokers_environments_are_its_own_and_apart():
    assert (PRODUCTION.name, TEST.name) == (str(PRODUCTION), str(TEST)) == ("production", "test")
    for known in (PRODUCTION, TEST):
        assert known.per_second == 100
        assert known.api.startswith("https://api")
        assert known.oauth.startswith("https://oauth")
        assert (known.ws, known.cws) == (
            known.api.replace("https", "wss") + "/ws",
            known.api.replace("https", "wss") + "/cws",
        )
    assert "dev" in TEST.api
    assert "dev" in TEST.oauth
    assert "dev" not in PRODUCTION.api + PRODUCTION.oauth


@pytest.mark.parametrize(
    "api",
    [
        "https://api.example",
        "https://api.example/",
        "https://api.example:8443",
        "https://10.0.0.1",
        "https://[2001:db8::1]:443",
        "http://127.0.0.1:8080",
        "http://127.8.9.10",
        "http://localhost:80",
        "http://[::1]:9000",
        "HTTPS://API.EXAMPLE",
    ],
)
def test_an_address_that_is_encrypted_or_of_this_machine_is_accepted(api):
    assert environment(api=api).api == api


@pytest.mark.parametrize(
    "api",
    [
        "http://api.example",
        "http://127.0.0.1.example",
        "http://localhost.example",
        "http://0.0.0.0",
        "http://192.168.0.1",
        "http://[2001:db8::1]",
        "ws://127.0.0.1",
        "wss://api.example",
        "ftp://api.example",
        "file:///etc/passwd",
        "api.example",
        "//api.example",
        "https://",
        "https:///path",
        "https://user@api.example",
        "https://user:password@api.example",
        "https://@api.example",
        "https://api.example\\@evil.example",
        "https://evil.example\\.api.example",
        "https://127.0.0.1%2eevil.example",
        "https://api.example?token=1",
        "https://api.example?",
        "https://api.example#x",
        "https://api.example#",
        "https://api.example/v2",
        "https://api.example/..",
        "https://api.example:0",
        "https://api.example:99999",
        "https://api.example:port",
        "https://[::1",
        "https://.example",
        "https://-x.example",
        " https://api.example",
        "https://api.example ",
        "https://api.exa\nmple",
        "https://api.exa\tmple",
        "https://api.example\x7f",
        "https://апи.example",
        "",
        None,
        5,
        b"https://api.example",
    ],
    ids=repr,
)
def test_f198_any_other_address_is_refused(api):
    with pytest.raises(ConfigError) as caught:
        environment(api=api)
    assert caught.value.argument == "Environment.api"
    assert "password" not in str(caught.value).replace("a user or a password", "")


def test_sockets_have_a_path_and_their_own_schemes():
    assert environment(ws="ws://127.0.0.1:1/any/path").ws == "ws://127.0.0.1:1/any/path"
    for name in ("ws", "cws"):
        for wrong in (
            "https://a.example/ws",
            "ws://a.example/ws",
            "wss://u:p@a.example/ws",
            "wss://a.example/ws?token=1",
        ):
            with pytest.raises(ConfigError, match=f"^Environment.{name}: "):
                environment(**{name: wrong})


@pytest.mark.parametrize("name", ["", "two\nlines", "\x1b[31m", None, 5])
def test_an_environment_has_a_printable_name(name):
    with pytest.raises(ConfigError, match=r"^Environment.name: "):
        environment(name=name)


NOT_NUMBERS = [None, True, "5", math.nan, math.inf, -math.inf, 1e300, 10**400, [], 5j]


@pytest.mark.parametrize("value", [*NOT_NUMBERS, 0, -1, 0.0, -0.5], ids=repr)
@pytest.mark.parametrize(
    ("kind", "field"),
    [
        *((Timeouts, name) for name in ("connect", "read", "total", "queue")),
        *(
            (StreamSettings, name)
            for name in ("ping_every", "silence", "ack_timeout", "reconnect_base", "reconnect_cap")
        ),
    ],
)
def test_a_time_is_a_finite_number_above_zero(kind, field, value):
    with pytest.raises(ConfigError, match=f"^{kind.__name__}.{field}: "):
        kind(**{field: value})


@pytest.mark.parametrize("value", [*NOT_NUMBERS, -1, -0.5], ids=repr)
@pytest.mark.parametrize("field", ["base", "cap", "retry_after_cap", "request_id_life"])
def test_a_pause_is_a_finite_number_and_may_be_zero(field, value):
    assert getattr(RetryPolicy(**{field: 0}), field) == 0
    with pytest.raises(ConfigError, match=f"^RetryPolicy.{field}: "):
        RetryPolicy(**{field: value})


@pytest.mark.parametrize("value", [None, True, 2.0, "3", math.nan, 0, -1], ids=repr)
@pytest.mark.parametrize(
    ("kind", "field", "least"),
    [
        (RetryPolicy, "attempts", 1),
        (Limits, "in_flight", 2),
        (StreamSettings, "inbox", 1),
        (StreamSettings, "max_sockets", 1),
    ],
)
def test_a_count_is_a_whole_number_with_a_lower_bound(kind, field, least, value):
    assert getattr(kind(**{field: least}), field) == least
    with pytest.raises(ConfigError, match=f"^{kind.__name__}.{field}: "):
        kind(**{field: least - 1})
    with pytest.raises(ConfigError, match=f"^{kind.__name__}.{field}: "):
        kind(**{field: value})


@pytest.mark.parametrize("value", [*NOT_NUMBERS[1:], 0, -1], ids=repr)
def test_a_pace_is_above_zero_or_none(value):
    assert Limits(per_second=0.5).per_second == 0.5
    assert environment(per_second=None).per_second is None
    with pytest.raises(ConfigError, match=r"^Limits.per_second: "):
        Limits(per_second=value)
    with pytest.raises(ConfigError, match=r"^Environment.per_second: "):
        environment(per_second=value)


@pytest.mark.parametrize("value", ["always", "NEVER", "", None, True, []], ids=repr)
def test_commands_are_repeated_never_or_under_the_same_id(value):
    assert RetryPolicy(commands="same_id").commands == "same_id"
    with pytest.raises(ConfigError, match=r"^RetryPolicy.commands: "):
        RetryPolicy(commands=value)


def test_streams_keep_within_what_the_broker_accepts():
    assert StreamSettings(max_sockets=10).max_sockets == 10
    with pytest.raises(ConfigError, match="at most 10"):
        StreamSettings(max_sockets=11)
    with pytest.raises(ConfigError, match="greater than ping_every"):
        StreamSettings(ping_every=15, silence=15)
    with pytest.raises(ConfigError, match="must be a Format"):
        StreamSettings(format="Slim")
