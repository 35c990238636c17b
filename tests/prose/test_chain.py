"""Curate, rewrite and prepare by the shipped params, on real stories."""

import re
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from stages.files import read_jsonl
from stages.params import load
from stages.prose.curate import CurateParams, curate
from stages.prose.prepare import PrepareParams, prepare
from stages.prose.rewrite import RewriteParams, rewrite
from stages.prose.splits import SPLITS, shared_grams
from tests.conftest import ROOT

PARAMS = ROOT / "params.yaml"
TOLD = ["as_written", "third"]  # the others double the time, and third person is what leaves most to go wrong
NARRATOR = re.compile(r"(?<![\w’'-])(?:I|[Mm]e|[Mm]y|[Mm]yself|I[’'](?:m|ve|ll|d))(?![\w’'-])")
SPOKEN = re.compile(r"[“\"][^“”\"]*(?:[”\"]|$)|(?<!\w)[‘'][^‘]*?[’'](?!\w)", re.MULTILINE)


@pytest.mark.slow
def test_of_lovecraft_half_the_vocabulary_is_left_no_run_is_shared_and_nobody_says_i(
    lovecraft: Path, tmp_path: Path
) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "lovecraft").symlink_to(lovecraft, target_is_directory=True)
    shipped = load(PARAMS, "prose.curate", CurateParams)
    curate(tmp_path / "raw", tmp_path / "curated", shipped.model_copy(update={"author": "lovecraft"}))
    params = load(PARAMS, "prose.rewrite", RewriteParams).model_dump()
    params["perspectives"]["train"] = TOLD
    params["variants"]["train"] = {"standard": 1.0}
    paths = (tmp_path / "curated", tmp_path / "answers", tmp_path / "rewritten")
    rewritten: dict[str, Any] = rewrite(*paths, RewriteParams.model_validate(params))
    assert rewritten["bleed_mean"] <= 0.51
    assert rewritten["bleed_under_half"] >= 0.5

    prepared = load(PARAMS, "prose.prepare", PrepareParams).model_copy(update={"perspectives": TOLD})
    rows = tmp_path / "rows"
    figures = prepare(tmp_path / "rewritten", rows, tmp_path / "lengths.csv", tmp_path / "rows.png", prepared)
    targets = {split: [row["target"] for row in read_jsonl(rows / f"{split}.jsonl")] for split in SPLITS}
    assert figures["shared_12grams"] == shared_grams(targets, 12) == 0
    made = [row for split in SPLITS for row in read_jsonl(rows / f"{split}.jsonl")]
    assert {row["perspective"] for row in made} == set(TOLD)
    third = [row for row in made if row["perspective"] == "third"]
    assert len(third) > 500
    assert [row["id"] for row in third if NARRATOR.search(SPOKEN.sub("", row["target"]))] == []
    for kind, rate in (("original", 0.08), ("robustness", 0.15)):
        assert fmean(row["noise"] for row in made if row["type"] == kind) == pytest.approx(rate, abs=0.01)
