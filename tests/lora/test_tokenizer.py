import os
import string
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.lora import chatml, tokenizer
from stages.run import StageError
from tests.conftest import ROOT

WORDS = ["S", "B", *(f"N{a}{b}" for a in "abc" for b in string.ascii_lowercase), "chorale", "choral", "major", "Été"]


@pytest.fixture(scope="module")
def backend() -> Any:
    return tokenizer.make(WORDS, ["system", "Generate", "user"])


@pytest.fixture(scope="module")
def loaded(backend: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    from transformers import AutoTokenizer

    folder = tmp_path_factory.mktemp("tokenizer")
    tokenizer.write(backend, folder)
    return AutoTokenizer.from_pretrained(folder)


def test_each_word_is_one_id_after_a_space(loaded: Any) -> None:
    text = "".join(f" {word}" for word in WORDS)
    assert len(loaded.encode(text)) == len(WORDS)
    assert len(loaded.encode("system")) == len(loaded.encode("Generate")) == 1


def test_transformers_gives_the_ids_that_were_made(backend: Any, loaded: Any) -> None:
    text = chatml.document("Sing.", "Generate a chorale in G major", " S B Nab Ncz") + "e\u0301 \n\n 日本 12/8"
    assert loaded.encode(text) == backend.encode(text).ids
    assert len(loaded) == backend.get_vocab_size()


def test_the_last_three_ids_are_the_special_tokens(loaded: Any) -> None:
    size = len(loaded)
    assert loaded.convert_ids_to_tokens([size - 3, size - 2, size - 1]) == list(tokenizer.SPECIAL)
    assert loaded.eos_token_id == size - 1
    assert loaded.encode("<|im_start|>x<|im_end|>")[::2] == [size - 2, size - 1]


@given(st.text(max_size=60))
def test_any_text_comes_back_composed(backend: Any, text: str) -> None:
    text = text.encode(errors="replace").decode()  # hypothesis also makes halves of surrogate pairs
    ids = backend.encode(text).ids
    assert backend.decode(ids, skip_special_tokens=False) == unicodedata.normalize("NFC", text)


def test_the_chat_template_writes_chatml(loaded: Any) -> None:
    chat = [{"role": "system", "content": "Sing."}, {"role": "user", "content": "A chorale"}]
    written = loaded.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    assert written == chatml.prompt("Sing.", "A chorale")
    whole = loaded.apply_chat_template([*chat, {"role": "assistant", "content": " S"}], tokenize=False)
    assert whole == chatml.document("Sing.", "A chorale", " S")


def test_a_word_that_the_pattern_splits_is_refused() -> None:
    with pytest.raises(StageError, match="'4/4' is 4 tokens, expected 1"):
        tokenizer.make(["4/4"])


def test_the_tokenizer_has_the_same_bytes_each_time(backend: Any, tmp_path: Path) -> None:
    tokenizer.write(backend, tmp_path / "a")
    tokenizer.write(tokenizer.make(WORDS, ["system", "Generate", "user"]), tmp_path / "b")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_pieces_that_many_texts_hold_are_found() -> None:
    texts = ["<|im_start|>user\nGenerate a jig"] * 9 + ["Something else"]
    assert tokenizer.frequent_pieces(texts, 0.5) == [" a", " jig", "Generate", "user"]


STORY = ["the keeper of the lamp kept the lamp lit", "the lamp was the keeper’s — and the sea’s"] * 4


def test_learned_pieces_are_those_of_the_text(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    backend = tokenizer.learned([*STORY, "<|im_start|>user\n<|im_end|>"], 290)
    tokenizer.write(backend, tmp_path)
    found = AutoTokenizer.from_pretrained(tmp_path)
    size = len(found)
    assert size == backend.get_vocab_size() == 290
    assert found.convert_ids_to_tokens([size - 3, size - 2, size - 1]) == list(tokenizer.SPECIAL)
    assert len(found.encode(" the lamp")) == 2  # the commonest words are one piece each
    assert not any("im_" in piece for piece in list(backend.get_vocab()) if piece not in tokenizer.SPECIAL)
    text = "<|im_start|>the keeper’s Sphinx — 1830 日本<|im_end|>"
    assert found.encode(text) == backend.encode(text).ids
    assert found.decode(found.encode(text), skip_special_tokens=False) == text


def test_learned_pieces_have_the_same_bytes_whatever_the_hash_seed(tmp_path: Path) -> None:
    code = f"from stages.lora import tokenizer; print(tokenizer.learned({STORY!r}, 290).to_str())"
    found = [
        subprocess.run(
            [sys.executable, "-c", code],
            check=True,
            capture_output=True,
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": seed, "TOKENIZERS_PARALLELISM": parallel},
        ).stdout
        for seed, parallel in (("1", "true"), ("2", "false"))
    ]
    assert found[0] == found[1]
