import json
import os
import stat

import pytest

from tests.pipelines import Project
from tests.porcelain.place import gage, gage_on_terminal
from tests.programs import QUICK, begun, program, read, tree, wait_until, write

GAGE_YAML = """\
train:
  exec: sh -c 'printf "%s|%s" "$FLAG_TOKEN" "$API_KEY" > "$SEEN/${name}"; exit ${code}'
  flags:
    token: {secret: true, required: true}
    key: {secret: true, env: API_KEY}
    name: it
    code: 0
pipe:
  flags: {token: {secret: true}, code: 0}
  steps:
    - train token=${token} name=a
    - {run: train, name: second, flags: {token: 'https://u:${token}@h', name: b, code: '${code}'}}
outer:
  flags: {token: {secret: true}}
  steps: ["pipe token=${token}"]
alone: {steps: [train]}
hooked:
  exec: {stage-runtime: 'test -z "$FLAG_TOKEN"', run: 'true', finalize: 'test -z "$FLAG_TOKEN"'}
  flags: {token: {secret: true}}
left:
  exec: "sh -c 'echo $$ > \\"$SEEN/pid\\"; sleep 60; :' x \\"$FLAG_TOKEN\\" &"
  flags: {token: {secret: true}}
waits:
  exec: 'echo $$ > "$SEEN/pid"; exec sleep 60'
  flags: {token: {secret: true}}
"""

ODD = "'\"$(touch x) \\ é ; \n*"
"""What a secret may hold and still reach its process as it is."""


class Place(Project):
    """A project of secrets; what its commands saw of them is in files, outside of it."""

    def __init__(self, path: object) -> None:
        super().__init__(os.path.join(str(path), "project"), GAGE_YAML)
        self.saw = os.path.join(str(path), "seen")
        os.mkdir(self.saw)
        os.environ["SEEN"] = self.saw

    def seen(self, name: str = "it") -> str:
        """What the command saw, which is then forgotten."""
        text = read(path := os.path.join(self.saw, name))
        os.remove(path)
        return text


@pytest.fixture
def place(tmp_path: object) -> Place:
    return Place(tmp_path)


def found_below(top: str, *canaries: str) -> list[str]:
    """The files below *top*, whatever they are, that hold one of *canaries* or are called so."""
    wanted = [canary.encode() for canary in canaries]
    found = []
    for folder, folders, files in os.walk(os.fsencode(top)):
        for name in folders + files:
            path = os.path.join(folder, name)
            mode = os.lstat(path).st_mode
            data = path
            if stat.S_ISLNK(mode):
                data += os.readlink(path)
            elif stat.S_ISREG(mode):
                with open(path, "rb") as file:
                    data += file.read()
            if any(canary in data for canary in wanted):
                found.append(os.fsdecode(path))
    return found


def test_a_secret_reaches_the_process_as_it_was_typed_and_is_shown_nowhere(place: Place) -> None:
    secret = "CANARY" + ODD
    told = place.run("train", f"token={secret}")
    assert (told.code, place.seen()) == (0, f"{secret}|")
    run = place.newest("train")
    with open(os.path.join(run.meta_dir, "config.json"), encoding="utf-8") as file:
        assert json.load(file) == {"token": "***", "key": None, "name": "it", "code": 0}
    said = [told, *(place.gage(*words.split()) for words in (
        "runs", "runs -s", "runs --json", "show", "show --json", "ls", "log", "ops train",
        "ops --json", "check", "run --preview train token=CANARY",
        "run --print train token=CANARY", "runs diff train", "select train",
    ))]  # fmt: skip
    assert "CANARY" not in "".join(t.out + t.err for t in said)
    assert "token=***" in place.gage("runs", "-s").out
    assert "secret" in place.gage("ops", "train").out
    assert not found_below(place.path, "CANARY")


def test_a_secret_can_be_in_the_environment_of_who_runs_gage(place: Place) -> None:
    told = place.gage("run", "-y", "train", "token=T")
    assert (told.code, place.seen()) == (0, "T|")
    os.environ |= {"FLAG_TOKEN": "CANARY1", "API_KEY": "CANARY2"}
    assert place.run("train").code == 0
    assert place.seen() == "CANARY1|CANARY2"
    assert place.run("train", "token=CANARY3", "key=").code == 0
    assert place.seen() == "CANARY3|", "what is given goes before what is there"
    assert [line.split()[-4:-2] for line in place.listing()] == [
        ["token=***", "key="], ["token=***", "key=***"], ["token=***", "key="],
    ]  # fmt: skip
    assert not found_below(place.path, "CANARY")


def test_a_required_secret_that_is_nowhere_is_an_error_that_tells_both_ways(place: Place) -> None:
    told = place.run("train")
    assert told.code == 125
    assert told.err.splitlines() == [
        "gage run: token: a value is required",
        "hint: token=VALUE, or the variable FLAG_TOKEN of the environment",
    ]
    assert place.run("alone").err.startswith("gage run: step train: token: a value is required")
    assert not place.listing()


def test_a_secret_that_is_missed_is_asked_for_and_not_shown(place: Place) -> None:
    words = ("run", "train")
    answers = {"token: ": "CANARY\n", "[Y/n] ": "\n"}
    shown, code = gage_on_terminal(*words, cwd=place.path, answers=answers, env=QUICK)
    assert (code, place.seen()) == (0, "CANARY|")
    assert "* token  ***" in shown
    again, code = gage_on_terminal(
        "restart", "-y", "train", cwd=place.path, answers={"token: ": "CANARY2\n"}, env=QUICK
    )
    assert (code, place.seen()) == (0, "CANARY2|")
    nothing, code = gage_on_terminal(
        "restart", "-y", "train", cwd=place.path, answers={"token: ": "\n"}, env=QUICK
    )
    assert (code, "is not there" in nothing) == (125, True)
    assert "CANARY" not in shown + again + nothing
    assert not found_below(place.path, "CANARY")


def test_a_restart_needs_the_secret_again_and_changes_nothing_without_it(place: Place) -> None:
    place.run("train", "token=CANARY1")
    before = tree(place.newest("train").meta_dir)
    told = place.restart("train")
    assert told.code == 125
    assert "the secret token is not there" in told.err
    assert "set FLAG_TOKEN in the environment; gage run and gage restart take token=VALUE" in (
        told.err
    )
    assert tree(place.newest("train").meta_dir) == before
    assert place.restart("train", "token=CANARY2").code == 0
    os.environ["FLAG_TOKEN"] = "CANARY3"
    place.seen()
    assert place.restart("train").code == 0
    assert place.seen() == "CANARY3|"
    staged = place.gage("run", "--stage", "-y", "train", "token=CANARY4").out.strip()
    assert place.gage("run", "--start", staged).code == 0
    assert place.seen() == "CANARY3|"
    assert not found_below(place.path, "CANARY")


def test_what_becomes_a_secret_with_other_source_code_is_one_at_once(place: Place) -> None:
    with open(os.path.join(place.path, "gage.yaml"), "a", encoding="utf-8") as file:
        file.write('later: {exec: \'printf %s "$FLAG_T" > "$SEEN/it"\', flags: {t: 1}}\n')
    assert place.run("later").code == 0
    text = read(os.path.join(place.path, "gage.yaml")).replace("{t: 1}", "{t: {secret: true}}")
    place.write("gage.yaml", text)
    assert place.restart("later", "--force-sourcecode", "t=CANARY").code == 0
    assert place.seen() == "CANARY"
    place.write("gage.yaml", text.replace("{t: {secret: true}}", "{t: 1}"))
    told = place.restart("later", "--force-sourcecode")
    assert (told.code, "t: was a secret, and is none now" in told.err) == (125, True)
    assert not found_below(place.path, "CANARY")


def test_a_run_with_another_secret_is_the_same_to_needed(place: Place) -> None:
    place.run("train", "token=one")
    assert "not needed" in place.run("-n", "train", "token=two").err


def test_the_plumbing_takes_the_secret_from_the_environment_and_never_records_it(
    place: Place,
) -> None:
    path = place.path
    run = program("gage-init", "-C", path, "runs/", "train", "token=CANARY1", cwd=path).out.strip()
    assert program("gage-stage", run, cwd=path).code == 0
    told = program("gage-exec", run, cwd=path)
    assert (told.code, "the secret token is not there" in told.err) == (125, True)
    assert program("gage-status", run, cwd=path).out == "staged\n"
    assert program("gage-exec", run, cwd=path, env={"FLAG_TOKEN": "CANARY2"}).code == 0
    assert program("gage-finalize", run, cwd=path).code == 0
    assert place.seen() == "CANARY2|"
    assert program("gage-reopen", run, "key=CANARY3", "token=CANARY4", cwd=path).code == 0
    env = {"FLAG_TOKEN": "CANARY5", "API_KEY": "CANARY6"}
    assert program("gage-exec", run, cwd=path, env=env).code == 0
    assert place.seen() == "CANARY5|CANARY6"
    assert not found_below(path, "CANARY")


def test_a_secret_is_no_variable_that_an_operation_sets(place: Place) -> None:
    opdef = write(
        os.path.join(place.path, "d.json"), '{"exec": "true", "flags": {"token": {"secret": true}}}'
    )
    config = write(os.path.join(place.path, "..", "c.json"), '{"token": "CANARY"}')
    words = ("--opdef", opdef, "--config", config)
    told = program("gage-init", "r", *words, "--env", "FLAG_TOKEN=CANARY", cwd=place.path)
    assert (told.code, "the variable of the secret token" in told.err) == (2, True)
    assert program("gage-init", "r", *words, cwd=place.path).code == 0
    assert not found_below(place.path, "CANARY")


def test_the_printed_script_does_the_same_and_holds_no_secret(place: Place) -> None:
    script = place.gage("run", "--print", "train", "token=CANARY1").out
    write(os.path.join(place.path, "script"), script)
    told = program("sh", "script", cwd=place.path)
    assert (told.code, told.err) == (125, "FLAG_TOKEN: not set\n")
    assert program("sh", "script", cwd=place.path, env={"FLAG_TOKEN": "CANARY2"}).code == 0
    assert place.seen() == "CANARY2|"
    assert not found_below(place.path, "CANARY")


def test_a_pipeline_hands_its_secret_to_its_steps_and_to_theirs(place: Place) -> None:
    for operation in ("pipe", "outer"):
        assert place.run(operation, "token=CANARY" + ODD).code == 0
        assert place.seen("a") == f"CANARY{ODD}|"
        assert place.seen("b") == f"https://u:CANARY{ODD}@h|"
    assert place.restart("outer").code == 125
    assert place.restart("outer", "token=CANARY2").code == 0
    assert (place.seen("a"), place.seen("b")) == ("CANARY2|", "https://u:CANARY2@h|")
    assert not found_below(place.path, "CANARY")


def test_a_secret_can_be_said_for_a_step_or_be_in_the_environment(place: Place) -> None:
    assert place.run("outer", "token=T", "pipe:second:key=CANARY1").code == 0
    assert (place.seen("a"), place.seen("b")) == ("T|", "https://u:T@h|CANARY1")
    assert place.run("pipe", "token=T", "train:key=CANARY2").code == 0
    assert (place.seen("a"), place.seen("b")) == ("T|CANARY2", "https://u:T@h|CANARY2")
    os.environ["FLAG_TOKEN"] = "CANARY3"
    assert place.run("alone").code == 0
    assert place.seen() == "CANARY3|"
    del os.environ["FLAG_TOKEN"]
    told = place.restart("alone")
    assert (told.code, "the secret train:token is not there" in told.err) == (125, True)
    assert place.restart("alone", "train:token=CANARY4").code == 0
    assert place.seen() == "CANARY4|"
    assert not found_below(place.path, "CANARY")


def test_a_pipeline_whose_step_failed_takes_up_with_its_secret(place: Place) -> None:
    assert place.run("pipe", "token=CANARY1", "code=3").code == 3
    assert place.restart("pipe", "token=CANARY2", "code=0", "--needed").code == 0
    assert place.seen("a") == "CANARY1|", "the first was completed"
    assert place.seen("b") == "https://u:CANARY2@h|"
    assert not found_below(place.path, "CANARY")


def test_all_trials_of_a_batch_have_the_secret_and_none_is_made_for_it(place: Place) -> None:
    assert place.run("train", "token=[CANARY1,2]", "key=CANARY2", "name=[a,b]").code == 0
    assert place.seen("a") == place.seen("b") == "[CANARY1,2]|CANARY2"
    assert len(place.listing()) == 3
    assert place.restart("train+", "token=[C,D]", "key=CANARY4", "2:code=1").code == 1
    assert place.seen("b") == "[C,D]|CANARY4"
    write(os.path.join(place.path, "rows.csv"), "name,token\na,x\n")
    told = place.run("train", "--batch", "rows.csv")
    assert (told.code, "rows.csv:1: token: a secret" in told.err) == (125, True)
    assert place.run("pipe", "token=T", "train:key=CANARY3", "code=[0,0]").code == 0
    assert place.seen("b") == "https://u:T@h|CANARY3"
    assert not found_below(place.path, "CANARY")


def test_no_error_shows_a_secret(place: Place) -> None:
    write(os.path.join(place.path, "train.py"), "token = 1\n")
    os.chmod(os.path.join(place.path, "train.py"), 0o644)
    with open(os.path.join(place.path, "gage.yaml"), "a", encoding="utf-8") as file:
        file.write("conf:\n  exec: x\n  config: train.py\n  flags: {token: {secret: true}}\n")
    for words in (
        ("train", "token=CANARY" * 20_000),
        ("train", "token=CANARY", "nme=x"),
        ("train", "token=CANARY", "token2=x"),
        ("train", "token=CANARY", "code=range[1:0]"),
        ("conf", "token=CANARY"),
        ("hooked", "token=CANARY"),
        ("pipe", "token=CANARY", "trian:key=x"),
    ):
        told = place.run(*words)
        assert (told.code, "CANARY" in told.out + told.err) == (125, False), words
    assert not found_below(place.path, "CANARY")


def test_what_the_command_left_behind_is_named_without_the_secret(place: Place) -> None:
    path = place.path
    env = {"FLAG_TOKEN": "CANARY1"}
    run = program("gage-init", "-C", path, "runs/", "left", cwd=path, env=env).out.strip()
    assert program("gage-stage", run, cwd=path).code == 0
    assert program("gage-exec", run, "--linger", "0.3", cwd=path, env=env).code == 0
    assert "sleep 60; : x ***" in read(os.path.join(path, f"{run}.meta/log/runner"))
    assert not found_below(path, "CANARY")


FORMS = """
PASSWORD PASS PASSWD PASSPHRASE TOKEN AUTH AUTHORIZATION SECRET SECRET_KEY API_KEY APIKEY
ACCESS_KEY AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN GITHUB_TOKEN GH_TOKEN GITLAB_TOKEN
CI_JOB_TOKEN DSN DATABASE_URL PGPASSWORD MYSQL_PWD REDIS_URL MONGO_URI AMQP_URL SENTRY_DSN
SLACK_WEBHOOK OPENAI_API_KEY HF_TOKEN WANDB_API_KEY KAGGLE_KEY NPM_TOKEN TWINE_PASSWORD
PIP_INDEX_URL HTTPS_PROXY SSH_KEY PRIVATE_KEY KUBECONFIG_DATA COOKIE SESSION password
FLAG_OTHER RUN_ID RUN_DIR LS_COLORS
""".split()
"""Variables that a caller may have, and a run must not record."""


def test_nothing_of_the_callers_environment_is_recorded_whatever_becomes_of_a_run(
    place: Place,
) -> None:
    assert len(FORMS) > 40
    canaries = {name: f"CANARY-{n}-{name}" for n, name in enumerate(FORMS)}
    canaries["DATABASE_URL"] = "postgres://u:CANARY-p@h/db"
    os.environ |= canaries
    for words in (
        ("run", "-y", "train", "token=CANARY"),
        ("run", "-y", "train", "token=CANARY", "code=1"),
        ("restart", "-y", "train", "token=CANARY", "code=0"),
        ("run", "-y", "pipe", "token=CANARY", "code=2"),
        ("restart", "-y", "pipe", "token=CANARY", "code=0"),
        ("run", "-y", "hooked", "token=CANARY"),
        ("run", "-y", "train", "token=CANARY", "name=[a,b]", "-j", "2"),
        ("runs", "label", "-y", "hello", "train"),
        ("runs",),
        ("runs", "rm", "-y", "pipe"),
    ):
        told = place.gage(*words)
        assert told.code in (0, 1, 2, 125), told
        assert "CANARY" not in told.out + told.err, words
    runner = begun("gage", "run", "-y", "waits", "token=CANARY", cwd=place.path)
    wait_until(lambda: os.path.exists(os.path.join(place.saw, "pid")))
    assert not found_below(place.path, "CANARY")
    runner.kill()
    runner.wait()
    assert gage("restart", "-y", "waits", "--needed", cwd=place.path).code == 125
    assert "terminated" in place.gage("runs", "-s").out
    assert not found_below(place.path, "CANARY")
    assert not found_below(os.environ["TMPDIR"], "CANARY")
