"""Set recordings aside to test on: a list of tracks to train on, and one to validate on.

A track's side comes from the hash of what its file holds, and from nothing else: no other track moves it to the other
side. Tracks that are one recording may then lie on different sides. Those for validation stay there, and the others are
in no list, so that the model never hears what it is tested on: a copy that comes later may take a track out of training
so, and sides.csv says which.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import Field

from stages.files import read_jsonl, replacing_folder, sha256, write_csv, write_jsonl
from stages.lofi import manifest
from stages.lofi.styles import CATEGORIES
from stages.params import Params
from stages.run import StageError, run

SIDES = ("train", "valid")
TWIN = "same_recording"  # in no list: a recording that is the same is in validation
SEEDS = 1000  # that are looked through for one that sets a track aside


class SplitParams(Params):
    """How many tracks are set aside."""

    valid: float = Field(gt=0, lt=0.5)  # share of the tracks, on average
    seed: int


def split(organized: Path, dataset: Path, params: SplitParams) -> dict[str, object]:
    """Write `dataset`/train.jsonl and valid.jsonl, a track a line, and sides.csv with every track.

    Raises StageError if a side would be empty.
    """
    tracks = manifest.table(organized / "tracks.csv", "lofi_organize")
    side = sides(tracks, params)
    _check(side, tracks, params)
    with replacing_folder(dataset) as folder:
        for name in SIDES:
            write_jsonl(
                folder / f"{name}.jsonl", (_line(organized, one) for one in tracks if side[one["name"]] == name)
            )
        rows = [(one["name"], one["file"], one["group"], side[one["name"]]) for one in tracks]
        write_csv(folder / "sides.csv", ("name", "file", "group", "side"), rows)
        crossing = crossings(folder)
        if crossing:
            raise StageError(f"recordings on both sides: {', '.join(crossing)}; expected none, this is a fault of ours")
    count = {name: [one for one in tracks if side[one["name"]] == name] for name in (*SIDES, TWIN)}
    return {
        **{name: len(count[name]) for name in (*SIDES, TWIN)},
        "valid_share": round(len(count["valid"]) / len(tracks), 4),
        "groups": {name: len({one["group"] for one in count[name]}) for name in SIDES},
        "seconds": {name: round(sum(float(one["seconds"]) for one in count[name]), 3) for name in SIDES},
        "categories": {
            name: {category: sum(one["category"] == category for one in count[name]) for category in CATEGORIES}
            for name in SIDES
        },
        "crossing": len(crossing),
    }


def sides(tracks: Sequence[Mapping[str, str]], params: SplitParams) -> dict[str, str]:
    """By name of a track train, valid, or why it is in neither."""
    held = {one["name"]: place(one["sha256"], params.seed) < params.valid for one in tracks}
    tested = {one["group"] for one in tracks if held[one["name"]]}
    return {
        one["name"]: "valid" if held[one["name"]] else TWIN if one["group"] in tested else "train" for one in tracks
    }


def place(content: str, seed: int) -> float:
    """Where a track with the hash `content` lies between 0 and 1, evenly spread over all tracks."""
    return int(sha256(f"{seed} {content}".encode())[:13], 16) / 16**13


def _check(side: Mapping[str, str], tracks: Sequence[Mapping[str, str]], params: SplitParams) -> None:
    """Raise StageError, with a seed that would do, if there is nothing to train or to validate on."""
    empty = [name for name in SIDES if name not in side.values()]
    if not empty:
        return
    if len({one["group"] for one in tracks}) < 2:
        raise StageError(f"{len(tracks)} tracks of one recording, expected two recordings or more; add some")
    for seed in range(SEEDS):
        found = set(sides(tracks, params.model_copy(update={"seed": seed})).values())
        if found.issuperset(SIDES):
            raise StageError(
                f"params.yaml: lofi.split.seed is {params.seed}, which sets none of {len(tracks)} tracks aside for "
                f"{empty[0]}, expected one that does; set it to {seed}"
            )
    raise StageError(
        f"params.yaml: lofi.split.valid is {params.valid}, which leaves none of {len(tracks)} tracks for {empty[0]}, "
        f"expected some; set it nearer to 0.5"
    )


def _line(organized: Path, track: Mapping[str, str]) -> dict[str, object]:
    """What a trainer reads of `track`; `audio` is a path below the organized folder."""
    beside = organized / track["path"].rpartition("/")[0] / track["name"]
    prompt, lyrics = (
        beside.with_name(f"{beside.name}_{kind}.txt").read_text(encoding="utf-8-sig") for kind in ("prompt", "lyrics")
    )
    return {
        "name": track["name"],
        "audio": track["path"],
        "seconds": float(track["seconds"]),
        "prompt": prompt.strip(),
        "lyrics": lyrics.strip(),
        "style": track["style"],
        "category": track["category"],
        "group": track["group"],
        "sha256": track["sha256"],
        "license": track["license"],
    }


def crossings(dataset: Path) -> list[str]:
    """Groups and files that are in both lists as they were written: by the name of the group and by content."""
    lists = [read_jsonl(dataset / f"{name}.jsonl") for name in SIDES]
    return sorted(
        set.intersection(*({line["group"] for line in lines} for lines in lists))
        | set.intersection(*({line["sha256"] for line in lines} for lines in lists))
    )


if __name__ == "__main__":
    raise SystemExit(run(split))
