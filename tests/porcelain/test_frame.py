from gage.opref import OpRef
from gage.porcelain.frame import ASCII, MARKS, NONE, news, picture, words_of
from gage.porcelain.table import display_width
from gage.run import Run
from gage.standing import Standing

SECOND = 1_000_000
NOW = 1_763_726_400_000_000
ID = "4f0c11ab" * 4


def run(name):
    return Run(f"/runs/{ID}", ID, OpRef("", name))


def step(path, status, *, took=None, line="", **more):
    started = None if took is None else NOW - took * SECOND
    stopped = NOW if status in ("completed", "error", "terminated") else None
    path = tuple(filter(None, path.split("/")))
    return Standing(path, run("all"), status, started, stopped, line=line, **more)


GOING = [
    step("", "running", took=62, has_steps=True),
    step("prepare", "completed", took=2, line="3 rows"),
    step("fit", "running", took=60, has_steps=True),
    step("fit/a", "error", took=3, line="no such column"),
    step("fit/b", "running", took=4, line=" 10%|#  |"),
    step("test", "staged"),
]


def test_a_line_is_mark_name_status_time_and_the_last_that_was_written():
    assert picture(GOING, NOW, marks=MARKS) == [
        "▸ all 4f0c11ab  running    1 min 2 s",
        "  ✓ prepare     completed  2.0 s      3 rows",
        "  ▸ fit         running    1 min 0 s",
        "    ✗ a         error      3.0 s      no such column",
        "    ▸ b         running    4 s         10%|#  |",
        "  · test        waiting",
    ]


def test_a_terminal_of_few_characters_gets_few_and_a_plain_one_none():
    ascii = "\n".join(picture(GOING, NOW, marks=ASCII))
    assert ascii.isascii() and "\n  + prepare" in ascii
    assert picture(GOING, NOW, marks=NONE)[:2] == [
        "all 4f0c11ab  running    1 min 2 s",
        "  prepare     completed  2.0 s      3 rows",
    ]


def test_nothing_is_wider_than_the_window_or_higher():
    wide = [*GOING, step("語語語語語語語語", "running", took=1, line="語" * 50)]
    for width in range(1, 60):
        for height in range(1, 9):
            lines = picture(wide, NOW, marks=MARKS, width=width, height=height)
            assert 1 <= len(lines) <= height
            assert max(map(display_width, lines)) <= width


def test_a_low_window_shows_what_runs_and_tells_what_it_hides():
    assert picture(GOING, NOW, marks=MARKS, height=1) == ["    ▸ b  running  4 s   10%|#  |"]
    assert picture(GOING, NOW, marks=MARKS, height=2) == [
        "    ▸ b  running  4 s   10%|#  |",
        "and 2 running, 1 completed, 1 error, 1 waiting",
    ]
    assert [line.split()[1] for line in picture(GOING, NOW, marks=MARKS, height=5)] == [
        "all", "fit", "a", "b", "1",
    ]  # fmt: skip


def test_what_a_step_wrote_steers_nothing_and_colour_is_ours_alone():
    evil = [step("", "running", took=1), step("\x1b[2Ja", "running", took=1, line="\x1b[31m\x9bx")]
    text = "".join(picture(evil, NOW, marks=MARKS))
    assert text.isprintable() and "\\x1b[2Ja" in text and "\\x1b[31m\\x9bx" in text
    (first, _) = picture(evil, NOW, marks=MARKS, coloured=True)
    assert "\x1b[36mrunning\x1b[0m" in first


def test_what_failed_before_waits_and_what_was_completed_stays():
    again = [
        step("", "running", took=5),
        step("a", "completed", took=50, is_earlier=True),
        step("b", "error", took=40, is_earlier=True),
    ]
    assert [line.split()[2:] for line in picture(again, NOW, marks=MARKS)[1:]] == [
        ["completed", "earlier"],
        ["waiting"],
    ]
    again[0] = step("", "error", took=5)
    assert picture(again, NOW, marks=MARKS)[2].split()[2:] == ["error", "earlier"]


def test_the_news_is_what_began_and_what_ended():
    before = words_of(GOING)
    after = [
        *GOING[:4],
        step("fit/b", "completed", took=5, line="100%"),
        step("test", "running", took=0),
    ]
    assert list(news(before, after, NOW)) == [
        "fit/b: completed after 5.0 s: 100%",
        "test: running",
    ]
    assert list(news(before, GOING, NOW)) == []
    assert list(news({}, GOING, NOW)) == [
        "all 4f0c11ab: running",
        "prepare: completed after 2.0 s: 3 rows",
        "fit: running",
        "fit/a: error after 3.0 s: no such column",
        "fit/b: running",
    ]
