import pytest

from gage.command import operation_command
from gage.errors import ConfigError
from gage.flags import resolve_config
from gage.opdef import OpDef
from gage.secret import hide, in_environment, kept_secrets, masked, passing_on, secret_variables
from tests.test_flags import constant

TRAIN = OpDef(
    "train",
    {
        "exec": ["true"],
        "flags": {"token": {"secret": True}, "key": {"secret": True, "env": "API_KEY"}, "lr": 1},
    },
)


def test_a_secret_has_the_variable_of_its_flag() -> None:
    assert secret_variables(TRAIN) == {"token": "FLAG_TOKEN", "key": "API_KEY"}


@pytest.mark.parametrize("text", ["abc", "yes", "1e-3", "~", "[1,2]", '"x"', "a\nb", " ", "***"])
def test_a_secret_is_taken_as_it_is_typed_and_three_stars_stand_for_it(text: str) -> None:
    given, values = hide({"token": text, "lr": "2"}, secret_variables(TRAIN))
    assert given == {"token": "***", "lr": "2"}
    assert values == ({} if text == "***" else {"FLAG_TOKEN": text})
    assert resolve_config(TRAIN, {}, {"token": text}).config["token"] == "***"


def test_an_empty_text_is_no_secret() -> None:
    assert hide({"token": ""}, secret_variables(TRAIN)) == ({"token": ""}, {})
    assert resolve_config(TRAIN, {}, {"token": ""}).config["token"] is None
    assert in_environment(secret_variables(TRAIN), {"FLAG_TOKEN": "", "API_KEY": "x"}) == {
        "key": "***"
    }


def test_what_no_environment_can_hold_is_refused_and_not_shown() -> None:
    for text in ("canary\0", "canary" * 20_000):
        with pytest.raises(ConfigError, match=r"^token: the secret") as error:
            hide({"token": text}, secret_variables(TRAIN))
        assert "canary" not in error.value.message + error.value.hint


def test_config_is_masked_whatever_it_holds() -> None:
    config = {"token": "canary", "key": None, "lr": 1}
    assert masked(TRAIN, config) == {"token": "***", "key": None, "lr": 1}
    assert kept_secrets(TRAIN, config) == {"token": "FLAG_TOKEN"}


def test_a_pipeline_records_which_values_of_its_steps_are_secret() -> None:
    opdef = passing_on(TRAIN, {"token": "FLAG_TOKEN", "train:token": "FLAG_TRAIN_TOKEN"})
    assert opdef.data["secrets"] == {"train:token": "FLAG_TRAIN_TOKEN"}
    assert passing_on(TRAIN, {"token": "FLAG_TOKEN"}) is TRAIN


def test_a_secret_that_is_a_key_of_config_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"a secret, and a key of train\.py:1") as error:
        resolve_config(TRAIN, {"token": constant("token", "x")}, {})
    assert error.value.hint.startswith("leave it out of `config` with -train.py#token")


@pytest.mark.parametrize(
    "spec", [["echo", "${token}"], "echo ${token}", "#!/bin/sh\necho ${token}", {"run": "${token}"}]
)
def test_a_secret_is_put_into_no_command(spec: object) -> None:
    opdef = TRAIN._replace(data={**TRAIN.data, "exec": spec})
    with pytest.raises(ConfigError, match=r"\$\{token\}: a secret") as error:
        operation_command(opdef, {"token": "***"})
    assert '"$FLAG_TOKEN"' in error.value.hint
