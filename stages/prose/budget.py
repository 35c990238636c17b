"""Which paragraphs to train on if there are more than the budget allows: as different ones as can be."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from stages.files import sha256
from stages.params import Params
from stages.run import StageError

DIMENSIONS = 64  # of the representation


class Budget(Params):
    """How much text to train on."""

    tokens: int = Field(ge=1)
    tokens_per_word: float = Field(gt=0)  # about 1.3 for English
    clusters: int = Field(ge=1)  # kinds of paragraphs that are taken from in turn
    embedding: str  # none: words that tell paragraphs apart; or the folder of a sentence-transformers model
    seed: int


def tokens(words: int, budget: Budget) -> int:
    """How many tokens so many words will be, about."""
    return round(words * budget.tokens_per_word)


def chosen(texts: Sequence[str], words: Sequence[int], budget: Budget) -> list[bool]:
    """Which of `texts`, of so many `words` each, fit into the budget: all, or some of each kind.

    Kinds are clusters of what the paragraphs are about; they give one paragraph each in turn, in an order that the
    hash of the text decides, so that long and short ones are as frequent as before.
    """
    if tokens(sum(words), budget) <= budget.tokens:
        return [True] * len(texts)
    labels = clusters(texts, budget)
    keys = [sha256(f"{budget.seed}:{text}".encode()) for text in texts]
    queues: dict[int, list[int]] = {}
    for place in sorted(range(len(texts)), key=lambda place: keys[place]):
        queues.setdefault(labels[place], []).append(place)
    turns = sorted((turn, keys[place], place) for queue in queues.values() for turn, place in enumerate(queue))
    kept, total = [False] * len(texts), 0
    for _, _, place in turns:
        if tokens(total + words[place], budget) <= budget.tokens:
            kept[place] = True
            total += words[place]
    return kept


def clusters(texts: Sequence[str], budget: Budget) -> list[int]:
    """The cluster of each text, by k-means. One thread: sums in another order would move a text now and then."""
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        vectors = _tfidf(texts, budget.seed) if budget.embedding == "none" else _embedded(texts, Path(budget.embedding))
        count = min(budget.clusters, len(np.unique(vectors, axis=0)))
        # one start: the budget is as varied with it as with several, which take as many times as long
        labels: list[int] = KMeans(count, n_init=1, random_state=budget.seed).fit_predict(vectors).tolist()
    return labels


def _tfidf(texts: Sequence[str], seed: int) -> Any:
    """Which less usual words a text has, in few dimensions (latent semantic analysis): shape (texts, dimensions)."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.preprocessing import normalize

    vectorizer = TfidfVectorizer(sublinear_tf=True, stop_words="english", min_df=2, max_df=0.5, max_features=20_000)
    try:
        weights = vectorizer.fit_transform(texts)
    except ValueError:  # no word is in at least two texts and at most half of them
        return np.zeros((len(texts), 1))
    dimensions = min(DIMENSIONS, *(size - 1 for size in weights.shape))
    if dimensions < 1:
        return weights.toarray()
    return normalize(TruncatedSVD(dimensions, random_state=seed).fit_transform(weights))


def _embedded(texts: Sequence[str], folder: Path) -> Any:
    """The embedding of each text by the model in `folder`, shape (texts, dimensions)."""
    if not folder.is_dir():
        raise StageError(
            f"prose.curate.budget.embedding is {str(folder)!r}, expected none or the folder of a model; no such folder"
        )
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise StageError(
            f"prose.curate.budget.embedding is {str(folder)!r}, but sentence-transformers is not installed; "
            "run `pip install sentence-transformers`, or set it to none"
        ) from error
    model = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    return model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)
