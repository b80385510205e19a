"""`doorstep plan show` refuses what it cannot read or write, in a sentence."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import application
from app.core.errors import Refusal
from app.core.ids import new_id, to_global
from app.orchestration.plans.base_map import streets


def test_a_picture_in_a_folder_that_is_not_there_is_refused_before_anything_is_drawn(tmp_path: Path) -> None:
    picture = tmp_path / "no" / "plan.png"
    shown = CliRunner().invoke(application, ["plan", "show", to_global("Plan", new_id()), "--png", str(picture)])
    assert shown.exit_code == 1
    assert f"There is no folder {picture.parent} for plan.png." in shown.output


def test_streets_of_a_file_that_is_no_road_extract_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("osmium")
    file = tmp_path / "README.md"
    file.write_text("# No roads here")
    with pytest.raises(Refusal, match=r"README\.md is no road extract: .* Name a file that ends with \.osm\.pbf\."):
        streets(file)
