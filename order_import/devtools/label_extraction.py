"""A Babel extraction method for modules of labels, whose texts stand in tables by code."""

import ast
from collections.abc import Iterator
from typing import BinaryIO


def extract(
    source: BinaryIO, _keywords: object, _comment_tags: object, **_options: object
) -> Iterator[tuple[int, None, str, list[str]]]:
    """Yield each text that is a value of a dictionary of the module."""
    for statement in ast.parse(source.read()).body:
        table = getattr(statement, "value", None)
        for value in table.values if isinstance(table, ast.Dict) else ():
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield value.lineno, None, value.value, []
