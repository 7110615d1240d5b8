"""Pages as plain text, where there is no man(1)."""

import glob
import os
import re
import shutil
import subprocess

import pytest

from gage.mdoc import read_characters, render
from tests.place import ROOT

PAGES = sorted(glob.glob(os.path.join(ROOT, "man", "man?", "*.?")))

PAGE = r"""
.\" A comment.
.Dd November 21, 2026
.Dt GAGE-TRY 1
.Os
.Sh NAME
.Nm gage-try
.Nd try (and err)
.Sh SYNOPSIS
.Nm
.Op Fl C Ar dir
.Op Fl q | Fl v
.Ar name Ns = Ns Ar value ...
.Nm
.Fl -
.Ar command ...
.Sh DESCRIPTION
.Nm
tries
.Pq see Xr gage 1 ,
until it is done.
Lines are filled, and a long one goes on below where the one before it ended, as it should.
.Pp
Options:
.Bl -tag -width Ds
.It Fl C Ar dir , Fl -dir Ns = Ns Ar dir
Where.
.It Fl q
Silence.
.El
.Bl -bullet
.It
one
.It
two
.El
.Bl -column "a" "b"
.It Em long name Ta first
.It x Ta Pa y , No z
.El
.Sh EXAMPLES
.Bd -literal
$ printf 'a\en'   | cat
a
.Ed
"""

TEXT = """\
NAME
    gage-try – try (and err)

SYNOPSIS
    gage-try [-C dir] [-q | -v] name=value ...
    gage-try -- command ...

DESCRIPTION
    gage-try tries (see gage(1)), until it is done. Lines are
    filled, and a long one goes on below where the one before it
    ended, as it should.

    Options:

    -C dir, --dir=dir
            Where.

    -q      Silence.

    •  one

    •  two

    long name  first
    x          y, z

EXAMPLES

    $ printf 'a\\n'   | cat
    a
"""


def test_a_page_reads_as_text():
    assert render(PAGE, 66) == TEXT


def test_quotes_hold_words_together_only_where_a_word_begins():
    assert (
        render('.Ql s=\'"1"\'\n.Em "two words" , """x"""\n') == '    ‘s=\'"1"\'’ two words, "x"\n'
    )


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (r"a\eb", "a\\b"),
        (r"\&.x", ".x"),
        (r"\(aq\(dq", "'\""),
        (r"\[u2026]", "…"),
        (r"\fBbold\fP", "bold"),
        (r"\-x\e\en", "-x\\\\n"),
    ],
)
def test_escapes_stand_for_characters(written, read):
    assert read_characters(written) == read


@pytest.mark.skipif(not shutil.which("mandoc"), reason="mandoc is not installed")
@pytest.mark.parametrize("page", PAGES, ids=os.path.basename)
def test_our_pages_read_as_mandoc_shows_them(page):
    shown = subprocess.run(
        ["mandoc", "-Tutf8", page], capture_output=True, text=True, check=True
    ).stdout
    shown = re.sub(".\b", "", shown)
    body = shown.partition("\n\n")[2].rstrip().rpartition("\n")[0]
    with open(page, encoding="utf-8") as file:
        assert words(render(file.read())) == words(body)


def words(text):
    return [word for word in re.split(r"[\s•]+", text.replace("\N{HYPHEN}", "-")) if word]
