"""SKUs that a reader takes for the same, and how their difference is shown (rule 7)."""

import unicodedata
from collections.abc import Iterable

_INVISIBLE = frozenset({"Cc", "Cf", "Zl", "Zp", "Zs"})
"""The Unicode categories of blanks, of what joins or directs letters, and of what is neither."""


def normalized_sku(sku: str) -> str:
    """Return a SKU without what makes no difference to a reader: case, blanks, Unicode form.

    It is for looking alike SKUs up, never for matching: two SKUs are one only if they are equal.
    """
    if sku.isascii():
        return "".join(sku.lower().split()) or sku
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", sku).casefold())
    visible = "".join(one for one in folded if unicodedata.category(one) not in _INVISIBLE)
    return _composed(visible) or sku


def pick_similar(missing: Iterable[str], there: Iterable[str]) -> dict[str, str]:
    """Return, for SKUs that are missing, one of those there that looks alike, if there is one."""
    alike: dict[str, list[str]] = {}
    for sku in there:
        alike.setdefault(normalized_sku(sku), []).append(sku)
    return {sku: min(found) for sku in missing if (found := alike.get(normalized_sku(sku)))}


def visible_sku(sku: str) -> str:
    """Return a SKU in which everything can be seen.

    Blanks at its ends or beside each other are `␣`; other invisible characters, and parts of a
    letter that Unicode also has as one, are their code points, as `[U+0308]`.
    """
    shown: list[str] = []
    cluster = ""
    for at, one in enumerate(sku):
        joins = bool(cluster) and len(_composed(cluster + one)) <= len(_composed(cluster))
        cluster = cluster + one if joins else one
        if one == " ":
            beside = sku[at - 1 : at] + sku[at + 1 : at + 2]
            shown.append("␣" if len(beside) < 2 or " " in beside else one)  # noqa: PLR2004 - an end
        elif joins or unicodedata.category(one) in _INVISIBLE:
            shown.append(f"[U+{ord(one):04X}]")
        elif unicodedata.normalize("NFKC", one) != one:
            shown.append(f"{one}[U+{ord(one):04X}]")
        else:
            shown.append(one)
    return "".join(shown)


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)
