"""The contract, field by field, as `make reference` has generated it. It is in English."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from order_import.console.rendering import render

_PAGE = (Path(__file__).parents[1] / "contract.html").read_text(encoding="utf-8")


async def contract(request: Request) -> Response:
    """Show the topics, messages and fields, also while no server answers."""
    return await render(request, "contract.html", frame=False, contract=_PAGE)
