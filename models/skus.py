"""SKUs that look the same to a reader, and how their difference is shown (rule 7)."""

import unicodedata
from collections.abc import Iterable

_INVISIBLE = frozenset({"Cc", "Cf", "Zl", "Zp", "Zs"})
"""The Unicode categories of blanks, of characters that join or direct others, and of controls."""


def normalized_sku(sku: str) -> str:
    """Return a SKU without what a reader does not see: case, blanks, Unicode form.

    Use it to look up similar SKUs, never for matching: two SKUs match only if they are equal.
    """
    if sku.isascii():
        return "".join(sku.lower().split()) or sku
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", sku).casefold())
    visible = "".join(char for char in folded if unicodedata.category(char) not in _INVISIBLE)
    return _composed(visible) or sku


def pick_similar(missing: Iterable[str], existing: Iterable[str]) -> dict[str, str]:
    """Return a similar existing SKU for each missing SKU that has one."""
    alike: dict[str, list[str]] = {}
    for sku in existing:
        alike.setdefault(normalized_sku(sku), []).append(sku)
    return {sku: min(similar) for sku in missing if (similar := alike.get(normalized_sku(sku)))}


def visible_sku(sku: str) -> str:
    """Return a SKU with every character visible.

    Blanks at its ends or next to each other become `␣`. Other invisible characters, and parts of a
    letter that Unicode also has as one, become their code points, such as `[U+0308]`.
    """
    shown: list[str] = []
    cluster = ""
    for at, char in enumerate(sku):
        joins = bool(cluster) and len(_composed(cluster + char)) <= len(_composed(cluster))
        cluster = cluster + char if joins else char
        if char == " ":
            beside = sku[at - 1 : at] + sku[at + 1 : at + 2]
            shown.append("␣" if len(beside) < 2 or " " in beside else char)  # noqa: PLR2004 - an end
        elif joins or unicodedata.category(char) in _INVISIBLE:
            shown.append(f"[U+{ord(char):04X}]")
        elif unicodedata.normalize("NFKC", char) != char:
            shown.append(f"{char}[U+{ord(char):04X}]")
        else:
            shown.append(char)
    return "".join(shown)


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)
