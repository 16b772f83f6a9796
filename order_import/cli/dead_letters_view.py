"""How dead letters look: tables for people, JSON for programs."""

import json
from collections.abc import Mapping, Sequence

from rich.console import Console

from models.dead_letters import DeadLetterLine
from models.labels import DEAD_LETTER_CAUSES, DEAD_LETTER_REMEDIES
from models.messages import DeadLetterCode
from order_import.dead_letters.afterwards import Afterwards
from order_import.dead_letters.redrive import Plan, Redriven, by_topic_and_code
from order_import.dead_letters.view import DeadLetterView
from order_import.output import cell, exact, moment, new_table

_KIB = 1024


def list_as_json(
    counts: Mapping[DeadLetterCode, int], lines: Sequence[DeadLetterLine]
) -> dict[str, object]:
    """Give counts and dead letters as programs read them."""
    return {
        "codes": dict(sorted(counts.items())),
        "dead_letters": [
            {
                "id": line.dead_letter_id,
                "code": line.code,
                "topic": line.topic,
                "at": line.at,
                "size": line.size,
                "message": line.message,
                "claimed": line.claimed,
                "redriven": line.redriven,
                "redrive_count": line.chain,
            }
            for line in lines
        ],
    }


def show_list(
    console: Console, counts: Mapping[DeadLetterCode, int], lines: Sequence[DeadLetterLine]
) -> None:
    """Print how many there are of each code, and letters."""
    if not counts:
        console.print("No dead letters.")
        return
    table = new_table("Code", "Dead letters", title="Dead letters", right=("Dead letters",))
    for code, count in sorted(counts.items()):
        table.add_row(cell(code), cell(count))
    console.print(table)
    if not lines:
        console.print("No such dead letters.")
        return
    table = new_table(
        *("Id (topic:partition:offset)", "Code", "When (UTC)", "Size", "Message", "Redriven"),
        right=("Size",),
    )
    table.columns[0].no_wrap = True  # it is copied from here, and names the topic
    for line in lines:
        table.add_row(
            cell(line.dead_letter_id),
            cell(line.code),
            cell(moment(line.at)),
            cell(_size(line.size)),
            cell(line.message),
            cell("taken up" if line.claimed else _times(line)),
        )
    console.print(table)


def letter_as_json(view: DeadLetterView) -> dict[str, object]:
    """Give one dead letter as programs read it; its very bytes only where nothing is masked."""
    shown: dict[str, object] = {
        "id": view.dead_letter_id,
        "code": view.code,
        "message": view.message,
        "at": view.at,
        "topic": view.topic,
        "partition": view.partition,
        "offset": view.offset,
        "key": view.key,
        "headers": [{"name": name, "value": value} for name, value in view.headers],
        "size": view.size,
        "masked": view.masked,
        "is_json": view.is_json,
        "value": view.value,
        "cut": view.is_cut,
        "redriven": view.redriven,
        "redrive_count": view.chain,
    }
    if view.raw is not None:
        shown["value_base64"] = view.raw
    return shown


def show_letter(console: Console, view: DeadLetterView) -> None:
    """Print one letter."""
    console.print(cell(f"{view.code}: {view.message}", "bold red"))
    code = DeadLetterCode(view.code)
    console.print(cell(f"{DEAD_LETTER_CAUSES[code]}. {DEAD_LETTER_REMEDIES[code]}"))
    console.print(cell(f"From {view.dead_letter_id}, at {exact(view.at)} UTC"))
    console.print(cell(f"Key: {'none' if view.key is None else view.key}"))
    for name, value in view.headers:
        console.print(cell(f"Header {name}: {value}"))
    for mark in view.redriven:
        console.print(cell(f"Redriven at {exact(mark.at)} UTC to {mark.to} (number {mark.count})"))
    if view.size is None:
        console.print("Value: none")
        return
    hint = "; a buyer's data is masked, --unmask shows it" if view.masked else ""
    form = "JSON" if view.is_json else "no JSON"
    console.print(cell(f"Value: {view.size} bytes, {form}{hint}"))
    console.print()
    text = json.dumps(view.value, indent=2, ensure_ascii=False) if view.is_json else view.value
    console.print(cell(text), soft_wrap=True)
    if view.is_cut:
        console.print("… and more")


def redrive_as_json(
    plan: Plan, done: Redriven | None, after: Afterwards | None
) -> dict[str, object]:
    """Give what a redrive would do or did, as programs read it."""
    refused = {**plan.refused, **(done.refused if done else {})}
    shown: dict[str, object] = {
        "executed": done is not None,
        "planned": [line.dead_letter_id for line in plan.dead_letters],
        "refused": [{"id": name, "why": why} for name, why in refused.items()],
    }
    if done is not None:
        shown["sent"] = [{"id": sent.dead_letter_id, "to": sent.to} for sent in done.sent]
    if after is not None:
        shown["afterwards"] = after
    return shown


def show_plan(console: Console, plan: Plan) -> None:
    """Print what a redrive would do."""
    show_refusals(console, plan.refused)
    if not plan.dead_letters:
        console.print("Nothing to redrive.")
        return
    table = new_table("Topic", "Code", "Dead letters", title="To redrive", right=("Dead letters",))
    for (topic, code), count in by_topic_and_code(plan.dead_letters).items():
        table.add_row(cell(topic), cell(code), cell(count))
    console.print(table)


def show_refusals(console: Console, refused: Mapping[str, str]) -> None:
    """Print why dead letters are not redriven."""
    for dead_letter_id, why in refused.items():
        console.print(cell(f"Refused {dead_letter_id}: {why}", "red"))


def show_afterwards(console: Console, after: Afterwards) -> None:
    """Print what became of the dead letters that were sent."""
    if after.taken:
        console.print(cell(f"{after.taken} taken by the worker", "green"))
    for dead_letter_id, code in after.refused_again.items():
        console.print(cell(f"Refused again as {code}: {dead_letter_id}", "red"))
    if after.unread:
        console.print(f"{after.unread} not read by a worker yet")


def _size(size: int | None) -> str | None:
    if size is None:
        return None
    return f"{size} B" if size < _KIB else f"{size / _KIB:.1f} KiB"


def _times(line: DeadLetterLine) -> str | None:
    if not line.chain:
        return None
    last = line.redriven[-1].at if line.redriven else None
    return str(line.chain) + (f", last {moment(last)}" if last else "")
