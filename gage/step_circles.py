"""Circles among runs: a run that is a step of itself, by links or by what they call parent."""

from collections.abc import Callable, Iterable, Iterator


def find_circle(names: Iterable[str], below: Callable[[str], Iterable[str]]) -> str:
    """One of those that lead back to themselves from *names*; empty where none does.

    *below* tells what is one level below a name.
    """
    done: set[str] = set()
    for name in names:
        if name in done:
            continue
        path: dict[str, Iterator[str]] = {name: iter(below(name))}
        while path:
            last = next(reversed(path))
            ahead = next((other for other in path[last] if other not in done), None)
            if ahead is None:
                del path[last]
                done.add(last)
            elif ahead in path:
                return ahead
            else:
                path[ahead] = iter(below(ahead))
    return ""
