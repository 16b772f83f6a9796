"""German. The keys are the English texts; what is missing stays English."""

from collections.abc import Mapping

GERMAN: Mapping[str, str] = {}
