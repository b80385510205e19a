import shutil
import subprocess

import pytest

from tests.architecture.sources import ROOT

# In two parts each, so that this file names none of them itself.
REGISTRY_HOSTS = [
    first + second
    for first, second in [
        ("pypi", ".org"),
        ("pythonhosted", ".org"),
        ("registry.npmjs", ".org"),
        ("registry.yarnpkg", ".com"),
        ("crates", ".io"),
        ("proxy.golang", ".org"),
        ("repo.maven", ".apache.org"),
        ("rubygems", ".org"),
    ]
]


@pytest.mark.skipif(
    shutil.which("git") is None or not (ROOT / ".git").exists(), reason="only a checkout knows what is committed"
)
@pytest.mark.parametrize("host", REGISTRY_HOSTS)
def test_no_committed_text_names_a_package_registry(host: str) -> None:
    # Safe directory: the checkout may belong to another user than the one who tests it.
    command = ["git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT), "grep", "--cached", "-I", "-l", "-F", host]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode in {0, 1}, found.stderr
    assert found.stdout.splitlines() == []
