import json
import os
import re
import shutil
import stat
import subprocess
import zlib
from html.parser import HTMLParser

import pytest

from tests.porcelain.place import gage, gage_on_terminal, put, write_run, write_steps

CHROMIUM = shutil.which("chromium") or ""
LOSS = b"".join(b"step: %d loss: %f\n" % (step, 1 / step) for step in range(1, 31))
EVIL = (
    "</script></title></style></pre><script>document.title='evil'</script>"
    "<img src=x onerror=\"document.title='evil'\">'\"><a href=javascript:alert(1)>"
)


@pytest.fixture
def home(tmp_path):
    return str(tmp_path / ".gage" / "runs")


def report(place, *words, **more):
    return gage("report", *words, cwd=place, **more)


class Elements(HTMLParser):
    """The elements of a page, each with its attributes, and the text in them."""

    def __init__(self, page):
        super().__init__()
        self.found, self.text = [], ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


def test_a_page_tells_of_runs_their_metrics_and_differences(tmp_path, home):
    one = write_run(home, 1, config={"lr": 0.1}, output=LOSS, metrics={"loss": 0.5})
    other = write_run(home, 2, exit=1, config={"lr": 0.2}, output=LOSS + b"x\n")
    told = report(tmp_path, "-Fo", "train")
    assert (told.err, told.code) == ("", 0)
    page = Elements(told.out)
    assert "train: 2 runs" in page.text
    # In the order of their start; the second is compared with the first.
    assert page.text.index(one[:8]) < page.text.index(other[:8])
    links = [attrs["href"] for tag, attrs in page.found if tag == "a"]
    assert links == [f"#run-{one}", f"#run-{other}", f"#run-{one}"]
    assert {attrs.get("id") for tag, attrs in page.found} >= {f"run-{one}", f"run-{other}"}
    assert len([tag for tag, _ in page.found if tag == "path"]) == 2
    for text in ("Differences", "step: 30 loss: 0.033333", "python train.py", "error"):
        assert text in page.text
    assert home not in told.out


def test_a_run_alone_is_told_with_its_steps_and_where_files_are_from(tmp_path, home):
    record = {"path": "x", "digest": "0" * 64, "run": "ab" * 16, "operation": "p", "file": "y"}
    write_run(home, 9, facts={"dependencies.json": json.dumps([record])})
    parent, passed, _ = write_steps(home)
    text = Elements(report(tmp_path).out).text
    assert "from p abababab: y" in text and "0" * 12 in text
    assert "It wrote nothing." in text
    text = Elements(report(tmp_path, parent).out).text
    assert "fail_2" in text and passed[:8] in text


def test_a_page_has_no_script_and_loads_nothing(tmp_path, home):
    write_run(home, 1, output=LOSS)
    page = Elements(report(tmp_path).out)
    tags = {tag for tag, _ in page.found}
    assert not tags & {"script", "img", "link", "iframe", "object", "embed", "form", "base"}
    policies = [attrs["content"] for _, attrs in page.found if "http-equiv" in attrs]
    assert re.fullmatch(
        r"default-src 'none'; style-src 'sha256-[\w+/]+='; base-uri 'none'; form-action 'none'",
        policies[0],
    )
    assert not [name for _, attrs in page.found for name in attrs if name in ("style", "src")]


def write_hostile(home):
    config = {EVIL: EVIL, "x": 1}
    return [
        write_run(
            home,
            number,
            config=config | {"x": number},
            given=["x", EVIL],
            output=f"{EVIL}\n{EVIL}: 1\n{EVIL}: {number}\n\x1b[31m{EVIL}\x1b]0;{EVIL}\x07".encode(),
            metrics={EVIL: number},
            files={EVIL.replace("/", "_"): b"x"},
            facts={
                "dependencies.json": json.dumps([{"path": EVIL, "file": EVIL, "digest": EVIL}]),
                "proc/cmd.json": json.dumps([EVIL]),
                "proc/env.json": json.dumps({EVIL: EVIL}),
                "log/runner": f"{EVIL} {EVIL}",
                "attempts/1/config.json": json.dumps({EVIL: "y"}),
            },
        )
        for number in (1, 2)
    ]


def test_nothing_of_a_run_becomes_an_element(tmp_path, home):
    write_hostile(home)
    gage("runs", "label", EVIL, "1", cwd=tmp_path)
    gage("runs", "comment", EVIL, "1", cwd=tmp_path)
    page = Elements(report(tmp_path, "1-2").out)
    assert page.text.count("onerror=") > 20
    assert not {tag for tag, _ in page.found} & {"script", "img"}
    hrefs = [attrs["href"] for tag, attrs in page.found if tag == "a"]
    assert all(href.startswith("#run-") for href in hrefs)


def chromium(*words, profile):
    """What Chromium prints for a page, of which it knows nothing beforehand."""
    return subprocess.run(
        [
            CHROMIUM,
            *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            *(f"--user-data-dir={profile}", "--hide-scrollbars", *words),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    ).stdout


@pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed")
def test_in_a_browser_nothing_of_a_run_is_executed(tmp_path, home):
    write_hostile(home)
    assert report(tmp_path, "1-2", "-o", "page.html").code == 0
    shown = chromium("--dump-dom", f"file://{tmp_path}/page.html", profile=tmp_path / "profile")
    title = re.search("<title>(.*?)</title>", shown)
    assert title[1] == "train: 2 runs"
    # The browser does run scripts: here is one that it does run.
    put(str(tmp_path / "evil.html"), f"<title>good</title>{EVIL}".encode())
    shown = chromium("--dump-dom", f"file://{tmp_path}/evil.html", profile=tmp_path / "profile2")
    assert "<title>evil</title>" in shown


@pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed")
def test_in_a_browser_the_policy_stops_what_would_slip_through(tmp_path, home):
    write_run(home, 1, output=b"SLIPPED\n")
    page = report(tmp_path).out
    put(str(tmp_path / "page.html"), page.replace("SLIPPED", EVIL, 1).encode())
    shown = chromium("--dump-dom", f"file://{tmp_path}/page.html", profile=tmp_path / "profile")
    assert "<script>" in shown
    assert "<title>train 00010001</title>" in shown


@pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed")
@pytest.mark.parametrize("width", [500, 1200])
def test_in_a_browser_the_page_is_drawn_in_its_style(tmp_path, home, width):
    write_run(home, 1, output=LOSS)
    report(tmp_path, "-o", "page.html")
    words = (f"--window-size={width},600", f"--screenshot={tmp_path}/page.png")
    chromium(*words, f"file://{tmp_path}/page.html", profile=tmp_path / "profile")
    # White would be the paper of a page whose style the policy forbids.
    assert first_pixel(tmp_path / "page.png") == (0xFB, 0xFB, 0xFA)


def first_pixel(path):
    """The red, green and blue of the pixel in the upper left corner of a PNG picture."""
    data, packed, at = path.read_bytes(), b"", 8
    while at < len(data):
        length = int.from_bytes(data[at : at + 4])
        if data[at + 4 : at + 8] == b"IDAT":
            packed += data[at + 8 : at + 8 + length]
        at += length + 12
    return tuple(zlib.decompress(packed)[1:4])


def test_output_is_bounded_and_what_is_left_out_is_said(tmp_path, home):
    lines = b"".join(b"line %06d\n" % number for number in range(20_000))
    write_run(home, 1, output=lines)
    told = report(tmp_path)
    text = Elements(told.out).text
    shown = re.findall(r"line (\d{6})", text)
    assert (shown[0], shown[-1]) == ("000000", "019999")
    left_out = len(lines) - 12 * len(shown)
    assert f"{left_out:,} bytes in the middle are left out." in text
    assert f"… {left_out:,} bytes …" in text
    assert len(told.out) < 120_000


def test_a_page_is_written_whole_in_place_of_what_was_there(tmp_path, home):
    write_run(home, 1)
    put(str(tmp_path / "page.html"), b"old")
    before = os.stat(tmp_path / "page.html").st_ino
    assert report(tmp_path, "-o", "page.html") == ("", "", 0)
    status = os.stat(tmp_path / "page.html")
    assert status.st_ino != before
    assert stat.S_IMODE(status.st_mode) & 0o600 == 0o600
    assert (tmp_path / "page.html").read_text().endswith("</html>\n")
    assert sorted(os.listdir(tmp_path)) == [".gage", "page.html"]


def test_where_it_cannot_be_written_it_is_said(tmp_path, home):
    write_run(home, 1)
    os.mkfifo(tmp_path / "fifo")
    told = report(tmp_path, "-o", "fifo")
    assert told.err == (
        f"gage report: {tmp_path}/fifo: no regular file\nhint: -o - writes to the standard output\n"
    )
    assert told.code == 20
    assert report(tmp_path, "-o", "none/page.html").code == 12
    assert report(tmp_path, "none").code == 10
    shown, code = gage_on_terminal("report", cwd=tmp_path)
    assert "hint: -o report.html writes a file" in shown
    assert code == 2


@pytest.mark.parametrize("fact", ["config.json", "manifest", "opdef.json", "opref", "proc/exit"])
def test_a_damaged_run_is_told_as_far_as_it_goes(tmp_path, home, fact):
    id = write_run(home, 1, output=LOSS)
    write_run(home, 2, output=LOSS)
    put(os.path.join(home, id + ".meta", fact), b"\xff{")
    told = report(tmp_path, "1-2")
    assert (told.err, told.code) == ("", 0)
    told.out.encode()
