"""A byte-level BPE tokenizer made offline, in the form of Qwen2's: it holds given words whole, or learns its pieces."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from stages.files import write_json
from stages.run import StageError

# transformers/models/qwen2/tokenization_qwen2.py: what Qwen splits text into before it merges bytes.
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
END_OF_TEXT, START, END = SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
# ChatML (see chatml.py) for transformers. Unlike Qwen2.5's own template it adds no system text where a chat has none.
TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)

Backend = Any  # a tokenizers.Tokenizer


def make(words: Iterable[str], pieces: Iterable[str] = ()) -> Backend:
    """A tokenizer in which " " + each of `words` is one id, and so is each of `pieces` where the words leave it whole.

    Any text comes back from its ids, in Unicode's composed form (NFC). Bytes come first, then the words and their
    beginnings, then the special tokens. Raises StageError if a word can't be one id, because Qwen's pattern splits it.
    """
    import tokenizers
    from tokenizers import models

    whole = [f" {word}" for word in words]
    letters = byte_letters()
    merges: dict[tuple[str, str], None] = {}
    for text in [*whole, *pieces]:
        symbols = "".join(letters[byte] for byte in text.encode())
        # left to right: " Nci" is made as " N", " Nc", " Nci". Every left half is the beginning of a word, so that in
        # a piece that starts with a space only one merge applies at a time, whatever the other words are
        merges |= dict.fromkeys((symbols[:end], symbols[end]) for end in range(1, len(symbols)))
    names = [*sorted(letters.values()), *dict.fromkeys("".join(merge) for merge in merges)]
    backend = tokenizers.Tokenizer(models.BPE(vocab={name: i for i, name in enumerate(names)}, merges=list(merges)))
    _set_up(backend)
    _add_special(backend)
    for word, encoding in zip(whole, backend.encode_batch(whole)):
        if len(encoding.ids) != 1:
            raise StageError(f"the word {word[1:]!r} is {len(encoding.ids)} tokens, expected 1; words are letters only")
    return backend


def learned(texts: Iterable[str], size: int) -> Backend:
    """A tokenizer of `size` ids, whose pieces byte-pair encoding finds in `texts`; fewer if the texts are small.

    No pieces are learned from special tokens in `texts`. Any text comes back as in `make`.
    """
    import tokenizers
    from tokenizers import models, trainers

    special = re.compile("|".join(map(re.escape, SPECIAL)))
    backend = tokenizers.Tokenizer(models.BPE())
    _set_up(backend)
    trainer = trainers.BpeTrainer(
        vocab_size=size - len(SPECIAL), initial_alphabet=sorted(byte_letters().values()), show_progress=False
    )
    backend.train_from_iterator((part for text in texts for part in special.split(text)), trainer)
    _add_special(backend)
    return backend


def _set_up(backend: Backend) -> None:
    """Have `backend` cut and spell text as Qwen's tokenizer does."""
    from tokenizers import Regex, decoders, normalizers, pre_tokenizers, processors

    split = pre_tokenizers.Split(Regex(SPLIT), behavior="isolated", invert=False)
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    backend.normalizer = normalizers.NFC()
    backend.decoder = decoders.ByteLevel()
    backend.post_processor = processors.ByteLevel(trim_offsets=False)


def _add_special(backend: Backend) -> None:
    """Give `backend` the special tokens, as its last ids."""
    from tokenizers import AddedToken

    backend.add_special_tokens([AddedToken(name, normalized=False, special=True) for name in SPECIAL])


def write(backend: Backend, folder: Path) -> None:
    """Write tokenizer.json and tokenizer_config.json, which transformers and mlx-lm read as a Qwen2 tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    backend.save(str(folder / "tokenizer.json"))
    config = {
        "add_prefix_space": False,
        "bos_token": None,
        "chat_template": TEMPLATE,
        "clean_up_tokenization_spaces": False,
        "eos_token": END,
        "pad_token": END_OF_TEXT,
        "tokenizer_class": "Qwen2Tokenizer",
        "unk_token": None,
    }
    write_json(folder / "tokenizer_config.json", config)


def frequent_pieces(texts: Sequence[str], share: float) -> list[str]:
    """The pieces of more than one byte that at least `share` of `texts` hold, as Qwen's pattern splits them; sorted."""
    from tokenizers import Regex, pre_tokenizers

    split = pre_tokenizers.Split(Regex(SPLIT), behavior="isolated", invert=False)
    special = re.compile("|".join(map(re.escape, SPECIAL)))
    held: Counter[str] = Counter()
    for text in texts:
        held.update({piece for part in special.split(text) for piece, _ in split.pre_tokenize_str(part)})
    return sorted(piece for piece, count in held.items() if count >= share * len(texts) and len(piece.encode()) > 1)


def byte_letters() -> dict[int, str]:
    """The letter that stands for each byte in a byte-level vocabulary; GPT-2's table: a space is "Ġ"."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + i) for i, byte in enumerate(others)}
