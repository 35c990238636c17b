import json
from pathlib import Path

import pytest

from stages.files import sha256_tree
from stages.lora import metadata
from stages.run import StageError


def test_an_adapter_belongs_to_the_base_that_its_metadata_names(tmp_path: Path) -> None:
    base, other, adapter = (tmp_path / name for name in ("base", "other", "adapter"))
    for folder in (base, other, adapter):
        folder.mkdir()
    (base / "config.json").write_text("{}")
    metadata.check_pair(adapter, other)  # mlx-lm's own have no metadata
    (adapter / "metadata.json").write_text(json.dumps({"baseHash": sha256_tree(base)}))
    metadata.check_pair(adapter, base)
    with pytest.raises(StageError, match=r"metadata\.json: baseHash is .*, but .*other has another; give the base"):
        metadata.check_pair(adapter, other)


@pytest.mark.parametrize(("text", "said"), [("{", "json"), ('{"baseHash": 5}', "baseHash is 5"), ("{}", "None")])
def test_damaged_metadata_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "metadata.json").write_text(text)
    with pytest.raises(StageError, match=said):
        metadata.check_pair(tmp_path, tmp_path)


def test_a_folder_that_was_not_made_here_is_its_own_source(tmp_path: Path) -> None:
    assert metadata.origin(tmp_path) == {"source": tmp_path.as_posix(), "revision": None, "adapters": []}
    metadata.write_origin(tmp_path, "a/b", "c0ffee", ["1"])
    assert metadata.origin(tmp_path) == {"source": "a/b", "revision": "c0ffee", "adapters": ["1"]}
