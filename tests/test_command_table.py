from hypothesis import given
from hypothesis import strategies as st

from gage.command_table import PATH, Command, Option, format_table, parse_table, read_table
from tests.command_table import BEFORE, all_commands, plumbing
from tests.porcelain.place import gage

WORD = st.text(st.characters(exclude_characters="\t\n,"), min_size=1, max_size=8)
OPTION = st.builds(Option, st.lists(WORD, min_size=1, max_size=2).map(tuple), WORD, WORD)
COMMANDS = st.dictionaries(
    WORD, st.builds(Command, st.just(""), WORD, st.lists(OPTION, max_size=3).map(tuple), WORD)
)


def test_the_table_is_what_the_commands_are():
    with open(PATH, encoding="utf-8") as file:
        table = file.read()
    assert table == format_table(all_commands()), "`make table` writes it anew"


def test_every_program_is_in_it():
    assert set(plumbing()) <= set(read_table())


def test_the_options_before_a_command_are_taken(tmp_path):
    for option in BEFORE:
        for name in option.names:
            told = gage(name, *([str(tmp_path)] if option.value else []), cwd=tmp_path)
            assert (told.code, told.err) == (0, "")


@given(COMMANDS.filter(bool))
def test_a_table_reads_back_as_it_was_written(commands):
    named = {name: command._replace(name=name) for name, command in commands.items()}
    assert parse_table(format_table(named)) == named
