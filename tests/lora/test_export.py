import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stages.files import sha256_tree, write_json, write_jsonl
from stages.lora.export import QUIET, ExportParams, complaint, export, session
from stages.lora.generate import sample
from stages.lora.metadata import write_origin
from stages.lora.model import load, logits, save
from stages.lora.quantize import smaller
from stages.params import ParamsError
from stages.params import load as load_params
from stages.run import StageError
from tests.conftest import ROOT
from tests.lora import tiny

LOOSE = {"max_logit_difference": 99.0, "max_mean_kl": 5.0, "min_argmax_agreement": 0.0, "max_lost_share": 5.0}
NEAR = {"max_logit_difference": 1e-4, "max_mean_kl": 1e-9, "min_argmax_agreement": 1.0, "max_lost_share": 1e-6}
IDS = np.random.default_rng(7).integers(0, 512, (3, 40)).astype(np.int32)

os.environ.update(QUIET)  # before the tests themselves load the runtime


def params(*precisions: str, **changed: Any) -> ExportParams:
    settings = {"rows": 8, "row_tokens": 64, "mask_prompt": True}
    rows = [{"precision": name, **(NEAR if name == "fp32" else LOOSE), **changed} for name in precisions]
    return ExportParams.model_validate(settings | {"precisions": rows})


@pytest.fixture(scope="module")
def fused(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.model_folder(tmp_path_factory.mktemp("export") / "fused")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    words = [[tiny.WORDS[word] for word in rng.integers(3, 67, 20)] for _ in range(12)]
    folder = tmp_path_factory.mktemp("dataset")
    write_jsonl(folder / "valid.jsonl", [{"prompt": row[0], "completion": " ".join(row[1:])} for row in words])
    return folder


@pytest.fixture(scope="module")
def exported(fused: Path, dataset: Path) -> tuple[Path, Any]:
    """All precisions, and the metrics."""
    write_origin(fused, "someone/model", None, ["first", "second"])
    (fused / "recipe.json").write_text('{"ticks_per_quarter": 12}')
    folder = fused.parent / "exported"
    return folder, export(fused, dataset, folder, params("fp32", "int8", "int4"))


def greedy(folder: Path, ids: list[int], count: int) -> list[int]:
    """The likeliest `count` ids after `ids`, by the exported model's own runtime."""
    import onnxruntime_genai as genai

    settings = genai.GeneratorParams(genai.Model(str(folder)))
    settings.set_search_options(do_sample=False, max_length=len(ids) + count, min_length=len(ids) + count)
    generator = genai.Generator(genai.Model(str(folder)), settings)
    generator.append_tokens([ids])
    while not generator.is_done():
        generator.generate_next_token()
    return [int(token) for token in generator.get_sequence(0)][len(ids) :]


def test_the_exported_model_gives_the_logits_of_the_merged_one(fused: Path, exported: tuple[Path, Any]) -> None:
    folder, metrics = exported
    expected = logits(load(fused).model, IDS)
    assert np.abs(session(folder / "fp32")(IDS) - expected).max() < 1e-4
    assert metrics["fp32"]["max_logit_difference"] < 1e-4
    assert metrics["fp32"]["argmax_agreement"] == 1
    assert 0 <= metrics["fp32"]["mean_kl"] < metrics["int8"]["mean_kl"] < metrics["int4"]["mean_kl"]


def test_its_own_runtime_writes_what_the_merged_model_writes(fused: Path, exported: tuple[Path, Any]) -> None:
    loaded = load(fused)
    settings: dict[str, Any] = {"max_tokens": 30, "temperature": 0.0, "top_p": 1.0, "seed": 0, "end_ids": []}
    for prompt in ("X is", " Naa Nab Nac"):
        ids = loaded.tokenizer.encode(prompt)
        (expected,) = sample(loaded.model, loaded.tokenizer, [prompt], None, **settings)
        assert greedy(exported[0] / "fp32", ids, 30) == expected


@pytest.mark.parametrize("precision", ["int8", "int4"])
def test_the_smaller_copies_run(precision: str, exported: tuple[Path, Any]) -> None:
    assert len(greedy(exported[0] / precision, [1, 2, 3], 10)) == 10


def test_the_smaller_copies_are_smaller_and_the_sizes_true(exported: tuple[Path, Any]) -> None:
    folder, metrics = exported
    for name in ("fp32", "int8", "int4"):
        sizes = [file.stat().st_size for file in (folder / name).iterdir()]
        assert (metrics[name]["files"], metrics[name]["bytes_on_disk"]) == (len(sizes), sum(sizes))
    assert metrics["int4"]["bytes_on_disk"] < metrics["int8"]["bytes_on_disk"] < metrics["fp32"]["bytes_on_disk"]
    assert set(metrics["versions"]) == {"onnxruntime", "onnxruntime-genai"}


def test_the_recipe_and_the_names_of_the_adapters_go_with_each_copy(fused: Path, exported: tuple[Path, Any]) -> None:
    for name in ("fp32", "int8", "int4"):
        for file in ("recipe.json", "origin.json"):
            assert (exported[0] / name / file).read_text() == (fused / file).read_text()


def test_two_copies_of_the_same_precision_are_refused(tmp_path: Path) -> None:
    section = params("int8", "int4").model_dump()
    section["precisions"][1]["precision"] = "int8"
    write_json(tmp_path / "params.yaml", {"export": section})
    with pytest.raises(ParamsError, match=r"export\.precisions is .*, expected each precision once$"):
        load_params(tmp_path / "params.yaml", "export", ExportParams)


def test_the_tokenizer_is_the_same(fused: Path, exported: tuple[Path, Any]) -> None:
    import onnxruntime_genai as genai

    tokenizer = genai.Tokenizer(genai.Model(str(exported[0] / "int4")))
    for text in ("X is Y", " Naa Nab", "<|im_start|>user\nX is<|im_end|>\n"):
        assert tokenizer.encode(text).tolist() == load(fused).tokenizer.encode(text)


def test_another_process_writes_the_same_bytes_and_nothing_else_anywhere(
    fused: Path, dataset: Path, exported: tuple[Path, Any], tmp_path: Path
) -> None:
    (tmp_path / "home").mkdir()
    write_json(tmp_path / "params.yaml", {"export": params("int4").model_dump()})
    outcome = ["--params-file", str(tmp_path / "params.yaml"), "--metrics", str(tmp_path / "metrics.json")]
    paths = map(str, (fused, dataset, tmp_path / "out" / "there"))
    other = {"HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": str(tmp_path / "home"), "PYTHONHASHSEED": "77"}
    done = subprocess.run(
        [sys.executable, "-m", "stages.lora.export", *paths, "--params", "export", *outcome],
        env={name: value for name, value in os.environ.items() if name not in QUIET} | other,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    folder, metrics = exported
    assert sha256_tree(tmp_path / "out" / "there" / "int4") == sha256_tree(folder / "int4")
    assert json.loads((tmp_path / "metrics.json").read_text())["int4"] == metrics["int4"]
    assert list((tmp_path / "home").iterdir()) == []  # no cache, and no id of the machine for telemetry
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["there"]


def test_no_path_and_no_commit_of_this_repo_is_in_the_files(fused: Path, exported: tuple[Path, Any]) -> None:
    import onnx

    written = b"".join(file.read_bytes() for file in sorted(exported[0].rglob("*")) if file.is_file())
    for path in (fused.parent, ROOT, Path.home()):
        assert path == Path(path.anchor) or bytes(path) not in written
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout[:7]
    for file in exported[0].rglob("model.onnx"):
        model = onnx.load(file, load_external_data=False)
        assert not head or head not in model.producer_version
        assert not model.doc_string and not model.metadata_props


def test_a_quantized_model_is_exported_by_way_of_full_precision(fused: Path, dataset: Path, tmp_path: Path) -> None:
    save(smaller(fused, 4, 64), fused, tmp_path / "four")
    metrics: Any = export(tmp_path / "four", dataset, tmp_path / "exported", params("fp32"))
    assert metrics["fp32"]["max_logit_difference"] < 1e-4  # from the quantized model's logits
    assert sorted(path.name for path in tmp_path.iterdir()) == ["exported", "four"]


def test_a_gate_fails_with_the_figure_and_leaves_nothing(fused: Path, dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(StageError, match=r"exported/int4: mean_kl is 0\.\d+, max_mean_kl in the params is 1e-09$"):
        export(fused, dataset, tmp_path / "exported", params("int4", max_mean_kl=1e-9))
    assert list(tmp_path.iterdir()) == []


def test_an_architecture_that_the_builder_does_not_know_is_one_line(fused: Path, dataset: Path, tmp_path: Path) -> None:
    shutil.copytree(fused, tmp_path / "fused")
    config = json.loads((fused / "config.json").read_text())
    write_json(tmp_path / "fused" / "config.json", config | {"architectures": ["NobodysForCausalLM"]})
    with pytest.raises(StageError, match=r"^[^\n]*can't export fp32: architecture \['NobodysForCausalLM'\] is unknown"):
        export(tmp_path / "fused", dataset, tmp_path / "exported", params("fp32"))
    assert [path.name for path in tmp_path.iterdir()] == ["fused"]


def test_a_missing_file_is_one_line(fused: Path, dataset: Path, tmp_path: Path) -> None:
    shutil.copytree(fused, tmp_path / "fused")
    (tmp_path / "fused" / "tokenizer.json").unlink()
    with pytest.raises(StageError, match=r"tokenizer.json is missing"):
        export(tmp_path / "fused", dataset, tmp_path / "exported", params("fp32"))
    assert [path.name for path in tmp_path.iterdir()] == ["fused"]


def test_a_full_disk_is_one_line_and_leaves_nothing(fused: Path, dataset: Path, tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # no file may grow beyond 200 kB, here or in the builder: a write fails as it does on a disk without room
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, before[1]))
    try:
        with pytest.raises(StageError, match=r"^[^\n]*fused: onnxruntime-genai \S+ can't export fp32: OSError[^\n]*$"):
            export(fused, dataset, tmp_path / "exported", params("fp32"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_the_complaint_is_the_first_line_of_the_last_exception() -> None:
    first = 'Traceback (most recent call last):\n  File "a.py", line 1, in <module>\nKeyError: 1\n'
    then = "\nDuring handling of the above exception, another exception occurred:\n\n"
    last = 'Traceback (most recent call last):\n  File "b.py", line 2, in b\n    ^^^\nValueError: two\nlines\n'
    assert complaint("2%|#\r3%" + first + then + last) == "ValueError: two"
    assert complaint("some warning\n") == ""
