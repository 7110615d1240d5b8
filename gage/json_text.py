"""JSON as programs read it: a line a value, and nothing that RFC 8259 has not."""

from typing import Any


def json_text(value: Any) -> str:
    """*value* as a line of JSON. NaN and the infinities, which no other parser need take, are null.

    In facts and config they stay what Python makes of them.
    """
    import json

    try:
        return json.dumps(value, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and value - value != 0:
        return None
    return value
