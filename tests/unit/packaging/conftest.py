"""Every environment variable that Recado reads, from the settings themselves."""

import pytest
from pydantic import BaseModel

from config.settings import PREFIX, ProviderSettings, Settings


@pytest.fixture(scope="session")
def setting_names() -> set[str]:
    """Their names; an account's own part of a name is ``<NAME>``."""
    names = set()
    for field, info in Settings.model_fields.items():
        name = PREFIX + field.upper()
        kind = info.annotation
        if field == "providers":
            names |= {f"{name}__<NAME>__{part.upper()}" for part in ProviderSettings.model_fields}
        elif isinstance(kind, type) and issubclass(kind, BaseModel):
            names |= {f"{name}__{part.upper()}" for part in kind.model_fields}
        else:
            names.add(name)
    return names
