"""Languages: which one a visitor reads, and the words in it."""

from collections.abc import Callable, Mapping

from order_import.console.german import GERMAN

LANGUAGES: Mapping[str, str] = {"en": "English", "de": "Deutsch"}
"""Each language's code, and what it calls itself."""

Translate = Callable[..., str]


def preferred(accept_language: str) -> str:
    """Give the language a browser asks for: the first we have, by weight; English if none."""
    weighed: list[tuple[float, int, str]] = []
    for at, part in enumerate(accept_language[:500].split(",")):
        tag, _, weight = part.strip().partition(";q=")
        try:
            quality = float(weight or 1)
        except ValueError:
            continue
        weighed.append((-quality, at, tag.partition("-")[0].lower()))
    return next((tag for _, _, tag in sorted(weighed) if tag in LANGUAGES), "en")


def translator(language: str) -> Translate:
    """Give what turns our English into a language. What has no translation stays English."""
    catalogue = GERMAN if language == "de" else {}

    def translate(text: str, **values: object) -> str:
        found = catalogue.get(text, text)
        return found.format(**values) if values else found

    return translate
