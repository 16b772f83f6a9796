"""Dead letters: listed by code, shown masked, and redriven."""

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from models.dead_letters import DeadLetterFilter
from models.labels import DEAD_LETTER_CAUSES, DEAD_LETTER_REMEDIES
from models.messages import DeadLetterCode
from order_import.console.error_pages import ErrorPage, NotFound
from order_import.console.rendering import audit, context_of, redirect, render
from order_import.operations.dead_letters import view_of
from order_import.operations.redrive import plan_for_ids, redrive

_LISTED = 100
_PREVIEW = 20_000
"""How many characters of a value are shown."""


async def dead_letters(request: Request) -> Response:
    """Show the dead letters with one code, or with any."""
    context = context_of(request)
    code = request.query_params.get("code") or None
    code = code if code in set(DeadLetterCode) else None
    shows_all = request.query_params.get("all") == "1"
    listed = DeadLetterFilter(
        code=DeadLetterCode(code) if code else None, is_open=not shows_all, limit=_LISTED
    )
    return await render(
        request,
        "dead_letters.html",
        code=code,
        shows_all=shows_all,
        counts=await context.dead_letters.counts(only_open=not shows_all),
        codes=[(member.value, DEAD_LETTER_CAUSES[member]) for member in DeadLetterCode],
        dead_letters=await context.dead_letters.find(listed),
        listed=_LISTED,
    )


async def dead_letter(request: Request) -> Response:
    """Show one dead letter, its buyer masked."""
    dead_letter_id = request.path_params["dead_letter_id"]
    stored = await context_of(request).dead_letters.dead_letters([dead_letter_id])
    if dead_letter_id not in stored:
        raise NotFound("This dead letter does not exist.")
    view = view_of(stored[dead_letter_id])
    text, code = view.text, DeadLetterCode(view.code)
    return await render(
        request,
        "dead_letter.html",
        view=view,
        text=None if text is None else text[:_PREVIEW],
        is_cut=view.is_cut or len(text or "") > _PREVIEW,
        cause=DEAD_LETTER_CAUSES[code],
        remedy=DEAD_LETTER_REMEDIES[code],
    )


async def redrive_selected(request: Request, form: QueryParams) -> Response:
    """Redrive dead letters with their original bytes."""
    context = context_of(request)
    ids = form.getlist("dead_letter")[:1_000]
    if not ids:
        raise ErrorPage("Nothing was selected.")
    plan = await plan_for_ids(context.dead_letters, context.settings, ids)
    done = await redrive(plan, context.dead_letters, context.settings)
    await audit(request, "redrove", ", ".join(ids[:5]), f"{len(done.sent)} / {len(ids)}")
    if refused := {**plan.refused, **done.refused}:
        return await render(request, "redriven.html", sent=len(done.sent), refused=refused)
    return redirect("/dead-letters", "redriven")
