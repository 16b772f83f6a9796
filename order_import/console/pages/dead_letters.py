"""Dead letters: by code, each masked, and redriven."""

from http import HTTPStatus

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from models.labels import DEAD_LETTER_CAUSES, DEAD_LETTER_REMEDIES
from models.messages import DeadLetterCode
from order_import.console.rendering import (
    audit,
    context_of,
    error_page,
    get,
    post,
    redirect,
    render,
)

_LISTED = 100


async def dead_letters(request: Request) -> Response:
    """Show the dead letters of one code, or of all."""
    context = context_of(request)
    code = request.query_params.get("code") or None
    code = code if code in set(DeadLetterCode) else None
    shows_all = request.query_params.get("all") == "1"
    return await render(
        request,
        "dead_letters.html",
        code=code,
        shows_all=shows_all,
        counts=await context.dead_letters.counts(only_open=not shows_all),
        codes=[(one.value, DEAD_LETTER_CAUSES[one]) for one in DeadLetterCode],
        dead_letters=await context.dead_letters.find(code, only_open=not shows_all, limit=_LISTED),
        listed=_LISTED,
    )


async def dead_letter(request: Request) -> Response:
    """Show one letter, its buyer masked."""
    view = await context_of(request).dead_letters.view(request.path_params["dead_letter_id"])
    if view is None:
        return await error_page(request, HTTPStatus.NOT_FOUND, "There is no such dead letter.")
    code = DeadLetterCode(view.line.code)
    return await render(
        request,
        "dead_letter.html",
        view=view,
        cause=DEAD_LETTER_CAUSES[code],
        remedy=DEAD_LETTER_REMEDIES[code],
    )


async def redrive(request: Request, form: FormData) -> Response:
    """Redrive dead letters, each as it came."""
    ids = [str(one) for one in form.getlist("dead_letter")][:1_000]
    if not ids:
        return await error_page(request, HTTPStatus.BAD_REQUEST, "Nothing was chosen.")
    done = await context_of(request).dead_letters.redrive(ids)
    await audit(request, "redrove", ", ".join(ids[:5]), f"{done.sent} / {len(ids)}")
    if done.refused:
        return await render(request, "redriven.html", done=done)
    return redirect("/dead-letters", "redriven")


ROUTES: list[BaseRoute] = [
    get("/dead-letters", dead_letters),
    get("/dead-letters/{dead_letter_id}", dead_letter),
    post("/dead-letters/redrive", redrive),
]
