"""Settings from files: `ORDER_IMPORT_X_FILE` names the file that holds `ORDER_IMPORT_X`."""

import os
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource


class SecretFilesSource(PydanticBaseSettingsSource):
    """Reads the files that `*_FILE` variables name, as container platforms mount secrets."""

    def __init__(self, settings_cls: type[BaseSettings], prefix: str) -> None:
        super().__init__(settings_cls)
        self._prefix = prefix

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Give one setting's value from its file, None where no file is named."""
        del field
        named = os.environ.get(f"{self._prefix}{field_name.upper()}_FILE")
        if not named or f"{field_name}_file" in self.settings_cls.model_fields:
            return None, field_name, False
        try:
            return Path(named).read_text(encoding="utf-8").strip(), field_name, False
        except OSError as error:
            raise ValueError(f"cannot read {named}: {error.strerror}") from error

    def __call__(self) -> dict[str, Any]:
        """Give all settings that come from files."""
        found = {
            name: self.get_field_value(field, name)[0]
            for name, field in self.settings_cls.model_fields.items()
        }
        return {name: value for name, value in found.items() if value is not None}
