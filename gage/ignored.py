"""What Git ignores in a project, told by Git itself where the project is a work tree of it.

Git is asked once for each repository (the project's own, and those nested in it, as
submodules are), and answers with every ignored file and directory; what is tracked is
never ignored. Elsewhere, and where Git is missing or refuses, the .gitignore files of the
project are read, the nested ones too.
"""

import os
import stat
from collections.abc import Callable, Sequence

from gage.dirs import joined
from gage.durable import write_all
from gage.programs import find_program, safe_path
from gage.signals import told_of_children
from gage.trust import find_stranger

# These would make Git look elsewhere than in the directory that it is asked about.
_ELSEWHERE = {
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_WORK_TREE",
}

# A repository may name programs to run; none of them is needed for these questions.
_SAFE = ("-c", "core.fsmonitor=", "-c", "core.hooksPath=/dev/null")

# Nor is an object that is missing fetched, by whatever the repository says to do that.
_NO_FETCHING = {
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
}

_IGNORE_FILE_LIMIT = 1024 * 1024

_Rule = tuple[str, Callable[[str], bool | None]]


class Ignored:
    """What is ignored in *project*, learnt directory by directory as a walk comes to them."""

    def __init__(self, project: str) -> None:
        self._project = project
        self._by_git: set[str] = set()
        self._repository: dict[str, str | None] = {}
        self._rules: dict[str, tuple[_Rule, ...]] = {}

    def enter(self, folder: str, fd: int, names: set[str]) -> None:
        """Learn what is ignored in the directory *folder*, after its parent was entered."""
        parent = folder.rpartition("/")[0]
        self._repository[folder] = self._repository.get(parent)
        self._rules[folder] = self._rules.get(parent, ())
        if not folder or ".git" in names:
            path = os.path.join(self._project, folder) if folder else self._project
            listed = list_ignored(path)
            self._repository[folder] = None if listed is None else folder
            self._rules[folder] = ()
            self._by_git.update(joined(folder, name) for name in listed or ())
        if self._repository[folder] is None and ".gitignore" in names:
            rules = _read_rules(fd)
            if rules is not None:
                self._rules[folder] += ((folder, rules),)

    def __call__(self, path: str) -> bool:
        """Whether *path* is ignored; a directory ends in ``/``. Its parent was entered."""
        folder = path.rstrip("/").rpartition("/")[0]
        if self._repository[folder] is not None:
            return path in self._by_git
        for base, rules in reversed(self._rules[folder]):
            ignored = rules(path[len(base) + 1 :] if base else path)
            if ignored is not None:
                return ignored
        return False

    def among(self, paths: Sequence[str]) -> set[str]:
        """Those of *paths* that are ignored though Git did not list them.

        Git lists neither FIFOs, sockets and devices nor what it cannot read.
        """
        by_repository: dict[str, list[str]] = {}
        for path in paths:
            repository = self._repository.get(path.rpartition("/")[0])
            if repository is not None:
                by_repository.setdefault(repository, []).append(path)
        found: set[str] = set()
        for repository, listed in by_repository.items():
            start = len(repository) + 1 if repository else 0
            # Without the dot, a name that begins with a colon would be more than a name.
            answer = _git(
                os.path.join(self._project, repository) if repository else self._project,
                ["check-ignore", "-z", "--stdin"],
                "".join(f"./{path[start:]}\0" for path in listed),
            )
            found.update(joined(repository, path[2:]) for path in answer or ())
        return found


def list_ignored(directory: str) -> list[str] | None:
    """What Git ignores in the work tree at *directory*; a directory ends in ``/``.

    None where there is no work tree, or one of another user who is not trusted, Git is
    missing or refuses, or an outer repository ignores the whole directory.
    """
    top = _work_tree(directory)
    if top is None or find_stranger((top, os.path.join(top, ".git")), top, os.environ):
        return None
    listed = _git(
        directory,
        ["ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory"],
    )
    if listed is None or listed == ["./"]:
        return None
    # A directory of which all files are ignored is listed beside them; it itself is not.
    parents: set[str] = {"./"}
    for path in listed:
        parent = path.rstrip("/").rpartition("/")[0]
        while parent and parent + "/" not in parents:
            parents.add(parent + "/")
            parent = parent.rpartition("/")[0]
    return [path for path in listed if path not in parents]


def _work_tree(directory: str) -> str | None:
    while not os.path.lexists(os.path.join(directory, ".git")):
        parent = os.path.dirname(directory)
        if parent == directory:
            return None
        directory = parent
    return directory


@told_of_children()
def _git(directory: str, args: Sequence[str], stdin: str = "") -> list[str] | None:
    """The NUL-ended records that git prints; None where it fails."""
    program = find_program("git", os.environ)
    if program is None:
        return None
    env = {name: value for name, value in os.environ.items() if name not in _ELSEWHERE}
    env |= {"PATH": safe_path(os.environ)} | _NO_FETCHING
    asked = os.memfd_create("paths")
    answer, answered = os.pipe()
    silence = os.open(os.devnull, os.O_WRONLY)
    try:
        write_all(asked, os.fsencode(stdin))
        os.lseek(asked, 0, os.SEEK_SET)
        # Not subprocess: importing it takes as long as git does.
        pid = os.posix_spawn(
            program,
            ["git", "-C", directory, *_SAFE, *args],
            env,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, asked, 0),
                (os.POSIX_SPAWN_DUP2, answered, 1),
                (os.POSIX_SPAWN_DUP2, silence, 2),
            ],
        )
    except OSError:
        os.close(answer)
        return None
    finally:
        for fd in (asked, answered, silence):
            os.close(fd)
    with open(answer, "rb") as output:
        records = output.read().split(b"\0")
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    # check-ignore says 1 for "none of them".
    if status != 0 and (status != 1 or args[0] != "check-ignore"):
        return None
    return [os.fsdecode(record) for record in records[:-1]]


def _read_rules(fd: int) -> Callable[[str], bool | None] | None:
    """The .gitignore of the directory at *fd* as a question: ignored, taken back, or neither.

    None where it is no file that can be read; a line that is no pattern is passed over.
    """
    from pathspec import GitIgnoreSpec
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

    from gage.patterns import compiling, matchable

    try:
        file = os.open(".gitignore", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=fd)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            return None
        lines = os.fsdecode(os.read(file, _IGNORE_FILE_LIMIT)).split("\n")
    finally:
        os.close(file)
    patterns: list[GitIgnoreSpecPattern] = []
    for line in lines:
        try:
            with compiling():
                patterns += GitIgnoreSpec.from_lines([line]).patterns
        except ValueError:
            continue
    spec = GitIgnoreSpec(patterns)
    return lambda path: spec.check_file(matchable(path)).include
