"""The language of a request, and the console's texts in it.

The code has the English texts; `locale/` has a gettext catalog for each other language.
"""

from collections.abc import Mapping
from functools import cache
from io import BytesIO
from pathlib import Path

from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from babel.support import NullTranslations, Translations

LANGUAGES: Mapping[str, str] = {"en": "English", "de": "Deutsch"}
"""Each language's code and its own name for itself."""

CATALOG = str(Path(__file__).parent / "locale" / "{language}" / "LC_MESSAGES" / "messages.po")


def preferred(accept_language: str) -> str:
    """Return the available language that a browser prefers; English if there is none."""
    weighed: list[tuple[float, int, str]] = []
    for at, part in enumerate(accept_language[:500].split(",")):
        tag, _, weight = part.strip().partition(";q=")
        try:
            quality = float(weight or 1)
        except ValueError:
            continue
        weighed.append((-quality, at, tag.partition("-")[0].lower()))
    return next((tag for _, _, tag in sorted(weighed) if tag in LANGUAGES), "en")


def gettext_noop(text: str) -> str:
    """Return the text unchanged. This marks a text that is translated when it is shown."""
    return text


class Translator:
    """The console's texts in one language. A text without a translation stays English."""

    def __init__(self, language: str) -> None:
        self.locale = Locale(language)
        self._translations = NullTranslations() if language == "en" else _load(language)

    def gettext(self, text: str, **values: object) -> str:
        """Return a text in this language, with its values filled in."""
        # The empty text is the key of the catalog's header.
        translated = self._translations.gettext(text) if text else text
        return translated.format(**values) if values else translated

    def ngettext(self, singular: str, plural: str, count: int, **values: object) -> str:
        """Return a text in the form that goes with a count, which is its value `n` by default."""
        translated = self._translations.ngettext(singular, plural, count)
        return translated.format(**{"n": format_decimal(count, locale=self.locale), **values})


@cache
def translator(language: str) -> Translator:
    """Return the translator into a language."""
    return Translator(language)


def _load(language: str) -> Translations:
    # Compiled here and not at build time: a catalog cannot be older than its source.
    compiled = BytesIO()
    with Path(CATALOG.format(language=language)).open("rb") as source:
        write_mo(compiled, read_po(source))
    compiled.seek(0)
    return Translations(compiled)
