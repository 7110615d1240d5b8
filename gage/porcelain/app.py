"""One porcelain command as a program: a function of plain values, given its options by typer.

Only the command that was asked for is built: typer takes most of a second for all of them.
A parameter whose type is a key of ``GROUPS`` stands for a group of options, which are
spelled out for typer and gathered again for the function.
"""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import typer

from gage.errors import UsageError
from gage.porcelain.options import GROUPS, NothingNamedError

CONTEXT = {"help_option_names": ["-h", "--help"]}


def run_command(prog: str, function: Callable[..., int], argv: Sequence[str]) -> int:
    """Call *function* with what *argv* says, and return its exit code.

    Raises UsageError where *argv* makes no sense, and whatever *function* raises.
    """
    # Of click, or of typer itself, by release: it must be had without the name of either.
    complaint: type[Exception] = typer.BadParameter.__mro__[2]
    troubles: list[BaseException] = []
    try:
        code = click_command(function, troubles)(
            args=list(argv), prog_name=prog, standalone_mode=False
        )
    except complaint as error:
        page = prog.removeprefix("gage ").split(" ")[0]
        option = getattr(error, "option_name", "")
        if option.startswith("-") and hasattr(error, "possibilities"):
            raise _no_such_option(option, function, page, argv) from None
        message: str = error.format_message()  # type: ignore[attr-defined]
        message = message[:1].lower() + message[1:].rstrip(".")
        raise UsageError(message, f"gage help {page}") from None
    except SystemExit:
        # All that click exits for by itself: whoever should read its help has gone.
        raise BrokenPipeError from None
    if troubles and isinstance(troubles[0], NothingNamedError):
        return 0
    if troubles:
        raise troubles[0]
    return int(code or 0)


def _no_such_option(
    option: str, function: Callable[..., int], page: str, argv: Sequence[str]
) -> UsageError:
    message = f"no such option: {option}"
    known = [name for p in click_command(function).params for name in (*p.opts, *p.secondary_opts)]
    known = [name for name in known if name.startswith("--")]
    if page in ("run", "restart") and option.startswith("--"):
        from gage.porcelain.as_flag import as_flag

        if hint := as_flag(option, known, page, argv):
            return UsageError(message, hint)
    from gage.nearest import nearest

    near = nearest(option, known)
    hint = f"did you mean {' or '.join(near)}?" if near else f"gage help {page}"
    return UsageError(message, hint)


def click_command(function: Callable[..., int], troubles: list[BaseException] | None = None) -> Any:
    """The click command of *function*: its ``params`` are all options and arguments.

    What the function raises is put into *troubles*, since click would answer an
    interruption and a reader that went away in its own way.
    """

    def body(**values: Any) -> int:
        try:
            return function(**_gathered(function, values))
        except BaseException as error:
            if troubles is None:
                raise
            troubles.append(error)
            return 0

    signature = _spelled_out(function)
    body.__doc__ = _help(function)
    body.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()}
    body.__signature__ = signature  # type: ignore[attr-defined]
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command(context_settings=CONTEXT)(body)
    return typer.main.get_command(app)


def _spelled_out(function: Callable[..., int]) -> inspect.Signature:
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(function).parameters.values():
        group = GROUPS.get(parameter.annotation)
        parameters += group.parameters if group else [parameter]
    keyword = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in parameters]
    return inspect.Signature(keyword)


def _gathered(function: Callable[..., int], values: dict[str, Any]) -> dict[str, Any]:
    gathered = {}
    for name, parameter in inspect.signature(function).parameters.items():
        group = GROUPS.get(parameter.annotation)
        if group:
            gathered[name] = group.gather(*(values[p.name] for p in group.parameters))
        else:
            gathered[name] = values[name]
    return gathered


def _help(function: Callable[..., int]) -> str:
    return inspect.cleandoc(function.__doc__ or "").partition("\n\n")[0]
