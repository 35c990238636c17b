"""Curating side by side with rensa: words per second in the same run, and which near-duplicates each finds.

Takes works as .txt files from the folders it is given, by default those of the shipped authors, adds works of shuffled
words until there are enough, and plants near-duplicates of kept paragraphs in works of their own: words
changed, a sentence left out, or other case and punctuation. Then it measures
- the whole stage, from files to files: it must do a million words a second,
- our search for duplicates alone and rensa's with 128 permutations, both from the same paragraphs. What either finds
  is right if `near_share` of the paragraph's runs of words are in one other, by sets of words.
"""

import random
import re
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from time import process_time
from typing import Any

from rensa import RMinHash, RMinHashLSH

from stages.params import load
from stages.prose import duplicates
from stages.prose.curate import CurateParams, curate
from stages.prose.shingles import hashed
from stages.prose.text import sentences, words
from tests.conftest import ROOT

PARAMS = load(ROOT / "params.yaml", "prose.curate", CurateParams)
WORDS = 800_000
PLANTED = 400
PASSES = 7
LEAST = 1_000_000  # words per second
PERMUTATIONS, BANDS = 128, 32
Found = dict[int, int]  # a duplicate's place, and that of what it repeats


def varied(text: str, rng: random.Random) -> str:
    """`text` with up to 6 % of the words changed, without one sentence, or in other letters and marks."""
    kind = rng.randrange(3)
    if kind == 0:
        pieces = text.split()
        for place in rng.sample(range(len(pieces)), max(len(pieces) * rng.randint(1, 6) // 100, 1)):
            pieces[place] = rng.choice(["thence", "lamp", "harbour", "seldom", "grey"])
        return " ".join(pieces)
    if kind == 1:
        parts = sentences(text)
        short = min(range(len(parts)), key=lambda place: len(parts[place]))
        return " ".join(parts[:short] + parts[short + 1 :])
    return re.sub("[,;]", "", text.replace("—", ", ")).replace("“", '"').replace("”", '"').replace(" the ", " The ")


def shuffled(text: str, rng: random.Random) -> str:
    """`text` with its words in another order between the same marks, capitals where they were."""
    found = re.findall(r"[^\W\d_]+", text.lower())
    rng.shuffle(found)
    order = iter(found)
    return re.sub(r"[^\W\d_]+", lambda old: _capital(next(order), old.group()), text)


def _capital(new: str, old: str) -> str:
    return new.capitalize() if old[0].isupper() else new


def corpus(folders: Sequence[Path], raw: Path) -> list[tuple[str, str]]:
    """Writes the works of the corpus to `raw`, and gives the planted paragraphs with what they repeat."""
    rng = random.Random(1)
    works = {path.stem: path.read_text("utf-8").strip() for folder in folders for path in sorted(folder.glob("*.txt"))}
    texts = list(works.values())
    total = sum(len(text.split()) for text in texts)
    while total < WORDS:
        text = shuffled(rng.choice(texts), rng)
        works[f"shuffled-{len(works)}"] = text
        total += len(text.split())
    long = [part for text in texts for part in text.split("\n\n") if len(sentences(part)) > 4 and len(words(part)) > 90]
    planted = [(varied(part, rng), part) for part in rng.sample(long, min(PLANTED, len(long)))]
    for place in range(0, len(planted), 40):
        works[f"planted-{place}"] = "\n\n".join(text for text, _ in planted[place : place + 40])
    folder = raw / "author"
    folder.mkdir(parents=True)
    for name, text in works.items():
        (folder / f"{name}.txt").write_text(text, "utf-8")
    return planted


def ours(texts: Sequence[str]) -> Found:
    similarity = PARAMS.similarity
    found = hashed(texts)
    twins = duplicates.near(found, similarity) | duplicates.exact(texts, found)
    return {place: twin.of for place, twin in twins.items()}


def rensa(texts: Sequence[str]) -> Found:
    """What its index has in a band, if the signatures agree in enough places."""
    similarity = PARAMS.similarity
    n, jaccard = similarity.run_words, similarity.near_share / (2 - similarity.near_share)
    runs = []
    for text in texts:
        found = re.split(r"\W+", text.lower())
        runs.append([" ".join(found[place : place + n]) for place in range(len(found) - n + 1)])
    hashes = RMinHash.from_token_sets(runs, PERMUTATIONS, 1)
    index = RMinHashLSH(jaccard, PERMUTATIONS, BANDS)
    twins: Found = {}
    for place, signature in enumerate(hashes):
        near = [other for other in sorted(index.query(signature)) if hashes[other].jaccard(signature) >= jaccard]
        if near:
            twins[place] = near[0]
        else:
            index.insert(place, signature)
    return twins


def right(found: Found, texts: Sequence[str]) -> int:
    """How many have `near_share` of their runs in what they repeat."""
    similarity = PARAMS.similarity

    def runs(text: str) -> set[tuple[str, ...]]:
        of = words(text)
        return {tuple(of[place : place + similarity.run_words]) for place in range(len(of) - similarity.run_words + 1)}

    both = [(runs(texts[one]), runs(texts[other])) for one, other in found.items()]
    return sum(len(one & other) >= similarity.near_share * min(len(one), len(other)) for one, other in both)


def best(work: Callable[[], Any], seconds: float) -> float:
    """The lower of `seconds` and what `work` takes now, on the processor."""
    begin = process_time()
    work()
    return min(seconds, process_time() - begin)


def main(arguments: list[str]) -> int:
    """Prints the table."""
    shipped = sorted(path for path in (ROOT / "data" / "prose" / "raw").iterdir() if path.is_dir())
    folders = [Path(argument) for argument in arguments] or shipped
    params = PARAMS.model_copy(update={"author": "author"})
    with tempfile.TemporaryDirectory() as scratch:
        raw, curated = Path(scratch, "raw"), Path(scratch, "curated")
        planted = corpus(folders, raw)
        total = sum(len(words(path.read_text("utf-8"))) for path in (raw / "author").iterdir())
        files = sorted((raw / "author").iterdir())
        texts = [text for path in files for text in path.read_text("utf-8").split("\n\n") if len(words(text)) >= 60]
        searched = sum(len(words(text)) for text in texts)
        stage = our_time = their_time = float("inf")
        for _ in range(PASSES):
            stage = best(lambda: curate(raw, curated, params), stage)
            our_time = best(lambda: ours(texts), our_time)
            their_time = best(lambda: rensa(texts), their_time)
    print(f"the whole stage: {total:,} words, {total / stage:,.0f} a second")
    print(f"{'near-duplicates':16} {'words/s':>12} {'planted found':>14} {'right':>8}")
    at = {text: place for place, text in enumerate(texts)}
    pairs = [(at[text], at.get(part, -1)) for text, part in planted]
    for name, found, seconds in (("rensa", rensa(texts), their_time), ("ours", ours(texts), our_time)):
        recalled = sum(one in found or other in found for one, other in pairs)  # one of both goes
        precise = right(found, texts) / max(len(found), 1)
        print(f"{name:16} {searched / seconds:12,.0f} {recalled / len(pairs):14.1%} {precise:8.1%}")
    print(f"ratio {their_time / our_time:.1f}")
    passed = total / stage >= LEAST
    print(f"at least {LEAST:,} words a second in the whole stage: {'yes' if passed else 'NO'}")
    return 0 if passed else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
