import json
import shutil
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stages.files import sha256_tree, write_json
from stages.lora import registry
from stages.lora.model import load, logits
from stages.run import StageError
from tests.conftest import ROOT
from tests.lora import tiny


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REFRAIN_REGISTRY", str(tmp_path / "registry"))
    return tmp_path / "registry"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a base, and an adapter as the train stage writes one."""
    folder = tmp_path_factory.mktemp("made")
    base = tiny.model_folder(folder / "base")
    adapter = tiny.adapter_folder(folder / "adapter", base)
    metadata = {
        "adapterName": "gospel",
        "baseHash": sha256_tree(base),
        "fineTuneType": "lora",
        "rank": 4,
        "finalLoss": 1.5,
    }
    write_json(adapter / "metadata.json", metadata)
    return folder


@pytest.fixture
def base(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made / "base", tmp_path / "base"))


@pytest.fixture
def adapter(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made / "adapter", tmp_path / "adapter"))


def with_metadata(adapter: Path, **changed: Any) -> Path:
    file = adapter / "metadata.json"
    write_json(file, json.loads(file.read_text()) | changed)
    return adapter


def flip(file: Path) -> None:
    """Change the last byte of `file`."""
    data = file.read_bytes()
    file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


def test_an_entry_is_a_folder_that_loads_as_the_adapter_does(base: Path, adapter: Path, root: Path) -> None:
    entry, new = registry.add(adapter, base)
    assert new
    assert entry.folder == root / str(uuid.UUID(entry.id))
    assert (entry.ref, entry.title, entry.base) == (f"lora/{entry.id}", "LoRA: gospel", base)
    assert sorted(file.name for file in entry.folder.iterdir()) == [
        "adapter_config.json",
        "adapters.safetensors",
        "metadata.json",
    ]
    ids = np.array([[5, 6, 7]])
    ours, theirs = (np.array(logits(load(base, folder).model, ids)) for folder in (adapter, entry.folder))
    assert np.array_equal(ours, theirs)


def test_the_metadata_are_the_adapters_own_with_time_place_and_hashes(base: Path, adapter: Path) -> None:
    own = json.loads((adapter / "metadata.json").read_text())
    metadata = registry.add(adapter, base)[0].metadata
    assert own.items() <= metadata.items()
    assert set(metadata) - set(own) == {"id", "createdAt", "basePath", "files"}
    assert metadata["createdAt"].endswith("+00:00")
    assert metadata["basePath"] == str(base.absolute())
    assert list(metadata["files"]) == ["adapter_config.json", "adapters.safetensors"]


def test_the_recipe_of_the_prompts_is_kept_with_the_adapter(base: Path, adapter: Path) -> None:
    (adapter / "recipe.json").write_text('{"ticks_per_quarter": 12}')
    entry, _ = registry.add(adapter, base)
    assert registry.find("gospel") == entry
    assert list(entry.metadata["files"]) == ["adapter_config.json", "adapters.safetensors", "recipe.json"]
    (entry.folder / "recipe.json").write_text('{"ticks_per_quarter": 24}')
    with pytest.raises(StageError, match=r"recipe\.json has sha256"):
        registry.find("gospel")
    registry.delete(entry)


def test_a_recipe_that_the_adapter_did_not_have_is_noticed(base: Path, adapter: Path) -> None:
    entry, _ = registry.add(adapter, base)
    (entry.folder / "recipe.json").write_text("{}")
    with pytest.raises(StageError, match=r"recipe\.json isn't the registry's"):
        registry.find("gospel")


def test_adding_twice_is_adding_once(base: Path, adapter: Path) -> None:
    first, _ = registry.add(adapter, base)
    second, new = registry.add(adapter, base)
    assert not new
    assert first == second
    assert registry.entries() == [first]


def test_another_name_or_another_training_is_another_entry(base: Path, adapter: Path) -> None:
    first, _ = registry.add(adapter, base)
    named, _ = registry.add(adapter, base, "choir")
    flip(adapter / "adapters.safetensors")
    trained, _ = registry.add(adapter, base)
    assert len({first.id, named.id, trained.id}) == 3
    assert [entry.name for entry in registry.entries()] == ["choir", "gospel", "gospel"]


def test_the_same_adapter_has_the_same_id_in_another_registry(
    base: Path, adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = registry.add(adapter, base)
    monkeypatch.setenv("REFRAIN_REGISTRY", str(tmp_path / "other"))
    moved = base.rename(tmp_path / "moved")
    second, new = registry.add(first.folder, moved)  # an entry is itself an adapter folder
    assert new
    assert second.id == first.id
    assert second.base == moved


def test_a_base_that_moved_is_found_again_by_adding_again(base: Path, adapter: Path, tmp_path: Path) -> None:
    first, _ = registry.add(adapter, base)
    moved = base.rename(tmp_path / "moved")
    with pytest.raises(StageError, match=r"LoRA: gospel .*base/config\.json is missing"):
        registry.find("gospel")
    again, new = registry.add(adapter, moved)
    assert new
    assert again.id == first.id
    assert registry.find("gospel").base == moved


def test_a_base_of_another_hash_is_refused(base: Path, adapter: Path, tmp_path: Path, root: Path) -> None:
    other = tiny.model_folder(tmp_path / "other", seed=9)
    expected = rf"baseHash is {sha256_tree(base)[:16]}\.\.\., but .*other has another; give the base"
    with pytest.raises(StageError, match=expected):
        registry.add(adapter, other)
    assert not root.exists()


def test_an_adapter_without_metadata_needs_a_name(base: Path, adapter: Path) -> None:
    (adapter / "metadata.json").unlink()
    with pytest.raises(StageError, match=r"metadata\.json has no adapterName; give --name"):
        registry.add(adapter, base)
    entry, _ = registry.add(adapter, base, "hymns")
    told = {key: entry.metadata[key] for key in ("baseHash", "fineTuneType", "rank", "scale", "dropout")}
    assert told == {"baseHash": sha256_tree(base), "fineTuneType": "lora", "rank": 4, "scale": 2.0, "dropout": 0.1}
    assert registry.find("hymns") == entry


@pytest.mark.parametrize("name", ["two\nlines", " space", "lora/x", "LoRA: x", "x" * 101, "\x1b[31mred"])
def test_a_name_that_would_confuse_a_list_is_refused(base: Path, adapter: Path, name: str) -> None:
    with pytest.raises(StageError, match=r"^name '.*': expected one line") as raised:
        registry.add(adapter, base, name)
    assert "\n" not in str(raised.value)


def test_metadata_with_a_nan_are_refused(base: Path, adapter: Path) -> None:
    file = adapter / "metadata.json"
    file.write_text(file.read_text().replace("1.5", "NaN"))
    with pytest.raises(StageError, match="holds NaN"):
        registry.add(adapter, base)


@pytest.mark.parametrize("damaged", ["base/model.safetensors", "adapter/adapters.safetensors"])
def test_nothing_is_kept_of_a_folder_that_is_not_whole(
    base: Path, adapter: Path, tmp_path: Path, root: Path, damaged: str
) -> None:
    file = tmp_path / damaged
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(StageError, match=rf"{damaged} has \d+ bytes, expected"):
        registry.add(adapter, base)
    assert not root.exists()


def test_an_entry_is_found_by_all_that_names_it_alone(base: Path, adapter: Path) -> None:
    entry, _ = registry.add(adapter, base)
    other, _ = registry.add(adapter, base, "gospel slow")
    # a whole name goes before the beginning of another
    for ref in (entry.ref, entry.id, entry.id.upper(), "gospel", "LoRA: gospel", "LoRA:gospel"):
        assert registry.find(ref) == entry
    for ref in ("gospel s", "LoRA: gospel slow", "LoRA: gospel s", other.id[:35], f"lora/{other.id[:35]}"):
        assert registry.find(ref) == other


def test_a_ref_of_several_entries_names_them(base: Path, adapter: Path) -> None:
    found = [registry.add(adapter, base, name)[0] for name in ("gospel a", "gospel b")]
    with pytest.raises(StageError, match="'gospel' is ambiguous") as raised:
        registry.find("gospel")
    assert all(f"{entry.title} ({entry.ref})" in str(raised.value) for entry in found)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("ref", ["jazz", "lora/gospel", "LoRA: ", "", "lora/", "../base", "/", "."])
def test_an_unknown_ref_names_what_there_is(base: Path, adapter: Path, ref: str) -> None:
    with pytest.raises(StageError, match=r"is empty; .*register add"):
        registry.find(ref)
    entry, _ = registry.add(adapter, base)
    with pytest.raises(StageError, match=rf"is unknown; there are LoRA: gospel \({entry.ref}\)$"):
        registry.find(ref)


@pytest.mark.parametrize("file", ["adapters.safetensors", "adapter_config.json", "metadata.json"])
def test_one_changed_byte_is_noticed(base: Path, adapter: Path, file: str) -> None:
    entry, _ = registry.add(adapter, base)
    path = entry.folder / file
    path.write_bytes(path.read_bytes().replace(b"1.5", b"1.4").replace(b"2.0", b"2.1"))  # final loss, scale
    if file == "adapters.safetensors":
        flip(path)
    assert len(registry.problems(entry)) == 1
    with pytest.raises(StageError, match=rf"LoRA: gospel \({entry.ref}\): .*{file}.*delete {entry.ref} and add"):
        registry.find(entry.ref)
    assert registry.entries()[0].id == entry.id


def test_a_damaged_entry_is_made_whole_by_adding_again(base: Path, adapter: Path) -> None:
    entry, _ = registry.add(adapter, base)
    (entry.folder / "adapters.safetensors").unlink()
    assert [line.split()[0] for line in registry.problems(entry)] == [str(entry.folder / "adapters.safetensors")]
    again, new = registry.add(adapter, base)
    assert new
    assert registry.find("gospel") == again


def test_damage_is_not_passed_on_by_adding_an_entry_elsewhere(
    base: Path, adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry, _ = registry.add(adapter, base)
    flip(entry.folder / "adapters.safetensors")
    monkeypatch.setenv("REFRAIN_REGISTRY", str(tmp_path / "other"))
    with pytest.raises(StageError, match="files have other hashes than it says"):
        registry.add(entry.folder, base)


def test_a_base_trained_again_at_the_same_path_is_noticed(base: Path, adapter: Path) -> None:
    registry.add(adapter, base)
    before = sha256_tree(base)
    flip(base / "model.safetensors")
    with pytest.raises(StageError, match=rf"base .* has hash {sha256_tree(base)}, expected {before}"):
        registry.find("gospel")


def test_a_deleted_entry_is_gone_and_the_rest_stays(base: Path, adapter: Path, root: Path) -> None:
    entry, _ = registry.add(adapter, base)
    other, _ = registry.add(adapter, base, "choir")
    registry.delete(entry)
    assert registry.entries() == [other]
    assert sorted(path.name for path in root.iterdir()) == [".lock", other.id]
    assert (base / "config.json").exists()
    assert (adapter / "metadata.json").exists()


def test_only_the_registrys_own_folders_are_deleted(base: Path, adapter: Path, root: Path, tmp_path: Path) -> None:
    entry, _ = registry.add(adapter, base)
    outside = shutil.copytree(entry.folder, tmp_path / entry.id)
    link = root / str(uuid.uuid5(uuid.NAMESPACE_URL, "link"))
    link.symlink_to(outside)
    (root / "notes").mkdir()
    for folder in (outside, link, root / "notes", root / entry.id / ".."):
        with pytest.raises(StageError, match="nothing was deleted"):
            registry.delete(registry.Entry(folder.name, folder, {}))
    assert [kept.id for kept in registry.entries()] == [entry.id]  # a link is no entry
    assert (outside / "metadata.json").exists()


def test_a_folder_with_a_file_of_someone_elses_is_not_deleted(base: Path, adapter: Path) -> None:
    entry, _ = registry.add(adapter, base)
    (entry.folder / "notes.txt").write_text("mine")
    with pytest.raises(StageError, match=r"holds notes\.txt, which the registry didn't write"):
        registry.delete(entry)
    assert registry.find("gospel") == entry


def test_a_link_inside_an_entry_is_not_followed(base: Path, adapter: Path) -> None:
    entry, _ = registry.add(adapter, base)
    (entry.folder / "adapters.safetensors").unlink()
    (entry.folder / "adapters.safetensors").symlink_to(adapter / "adapters.safetensors")
    registry.delete(entry)
    assert (adapter / "adapters.safetensors").is_file()


def test_what_a_killed_command_left_is_swept_away(base: Path, adapter: Path, root: Path) -> None:
    entry, _ = registry.add(adapter, base)
    for name in (f".{entry.id}.deleted", f".{entry.id}.k3x_9abc"):
        (root / name).mkdir()
        (root / name / "adapters.safetensors").write_bytes(b"half")
    (root / ".mine.kept").mkdir()
    assert registry.entries() == [entry]
    registry.add(adapter, base)
    assert sorted(path.name for path in root.iterdir()) == [".lock", ".mine.kept", entry.id]


def test_adding_at_the_same_time_gives_whole_entries(base: Path, adapter: Path, root: Path) -> None:
    command = [sys.executable, "-m", "stages.lora.register", "add", str(adapter), "--base", str(base)]
    names = [["--name", name] for name in ("a", "b", "a")]
    started = [
        subprocess.Popen([*command, *name], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for name in names
    ]
    said = [process.communicate() for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], said
    assert [entry.name for entry in registry.entries()] == ["a", "b"]
    assert not any(registry.problems(entry) for entry in registry.entries())


def test_an_adapter_without_metadata_that_does_not_fit_the_base_is_refused(
    base: Path, tmp_path: Path, root: Path
) -> None:
    other = tiny.model_folder(tmp_path / "other", intermediate=384)
    adapter = tiny.adapter_folder(tmp_path / "plain", other)
    with pytest.raises(StageError, match=r"down_proj is \(128, 256\), but .* is for \(128, 384\): not its base"):
        registry.add(adapter, base, "plain")
    assert not root.exists()


def test_an_adapter_that_changes_while_it_is_copied_is_not_kept(
    base: Path, adapter: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = shutil.copyfile

    def late(source: Path, target: Path) -> None:
        flip(source)
        copy(source, target)

    monkeypatch.setattr(shutil, "copyfile", late)
    with pytest.raises(StageError, match="changed while it was copied; add it again"):
        registry.add(adapter, base)
    assert registry.entries() == []
