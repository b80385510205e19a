import pytest

from app.core.settings import Settings
from tests.architecture.sources import ROOT

UNPREFIXED = {"database_url", "redis_url"}


@pytest.mark.parametrize("setting", sorted(Settings.model_fields))
def test_the_operations_page_names_every_setting(setting: str) -> None:
    variable = setting.upper() if setting in UNPREFIXED else f"DOORSTEP_{setting.upper()}"
    assert f"`{variable}`" in (ROOT / "docs" / "operations.md").read_text()
