"""Heavy packages are imported inside the function that needs them, so that help and params errors appear at once."""

import json
import subprocess
import sys
import tomllib

from tests.conftest import ROOT


def test_no_module_imports_a_heavy_package_at_module_level() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    heavy = settings["tool"]["ruff"]["lint"]["flake8-tidy-imports"]["banned-module-level-imports"]
    paths = sorted(path for path in (ROOT / "stages").rglob("*.py") if path.name != "__init__.py")
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths]
    # a fresh interpreter per module would be plainer but takes 10 times as long; the culprit is named all the same
    code = """
import importlib, json, sys
names, heavy = json.load(sys.stdin)
for name in names:
    importlib.import_module(name)
    loaded = sorted(set(heavy) & set(sys.modules))
    if loaded:
        sys.exit(f"importing {name} loads {loaded}")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], input=json.dumps([names, heavy]), text=True, cwd=ROOT, capture_output=True
    )
    assert done.returncode == 0, done.stderr
