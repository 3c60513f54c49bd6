"""Rows of data sets on the Hugging Face hub, through the library `datasets`; no code of a data set is run."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tunecurve.data.class_names import class_names_of_features, named_classes, rows_of_features
from tunecurve.data.options import PART, ReadingOptions
from tunecurve.data.rows import RawRow
from tunecurve.errors import DataError, did_you_mean, needing
from tunecurve.findings import Finding
from tunecurve.privacy.network import refuse_fetch
from tunecurve.wording import first_of


def read_hub(source: str, options: ReadingOptions, findings: list[Finding]) -> Iterator[RawRow]:
    """Yield (place, cells) for every row of ``owner/name``, ``owner/name:configuration``, ``owner/name!/split``.

    Raises
    ------
    DataError
        When there is no such data set, configuration or split, or it cannot be fetched.
    """
    whole, _, split = source.partition(PART)
    name, _, subset = whole.partition(":")
    if name.count("/") > 1 or name.startswith((".", "/", "~")) or not name.strip():
        raise DataError(f"data '{name}' is neither a file that exists nor a hub id (owner/name); check the path")
    if subset and options.subset and subset != options.subset:
        raise DataError(
            f"'{whole}' and data.subset name two configurations ('{subset}', '{options.subset}'); leave one out"
        )
    options = replace(options, subset=subset or options.subset, split=split or options.split)
    rows = _load(name, options)
    features = getattr(rows, "features", None) or {}
    findings += named_classes(class_names_of_features(features))
    return rows_of_features(rows, features)


def _load(name: str, options: ReadingOptions) -> Any:
    with needing("hub", f"reading the hub data set '{name}'"):
        import datasets
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    try:
        return datasets.load_dataset(name, name=options.subset, split=options.split, revision=options.revision)
    except Exception as error:  # the hub client raises dozens of kinds; all mean: it could not be loaded
        raise DataError(_in_words(name, options, error, datasets)) from None


def _in_words(name: str, options: ReadingOptions, error: Exception, datasets: Any) -> str:
    text = str(error)
    if "trust_remote_code" in text or "scripts are no longer supported" in text:
        return (
            f"the hub data set '{name}' is read by a script of its own, which is not run; use a copy in Parquet (its page, 'Files', branch "
            "refs/convert/parquet: data.revision: refs/convert/parquet), or download its rows"
        )
    if "Config name is missing" in text or "BuilderConfig" in text:
        known = _listed(lambda: datasets.get_dataset_config_names(name, revision=options.revision))
        if known and not options.subset:
            return f"the hub data set '{name}' has {len(known)} configurations: {first_of(known, 12)}; name one: --data {name}:{known[0]}"
        if known and options.subset not in known:
            meant = did_you_mean(options.subset or "", known)
            return f"the hub data set '{name}' has no configuration '{options.subset}'; it has: {first_of(known, 12)}.{meant}"
    if "Unknown split" in text or "split" in text.lower():
        known = _listed(lambda: datasets.get_dataset_split_names(name, options.subset, revision=options.revision))
        if known and options.split not in known:
            return (
                f"the hub data set '{name}' has no split '{options.split}'; it has: {first_of(known, 12)}; name one: --data {name}"
                f"{':' + options.subset if options.subset else ''}{PART}{known[0]}"
            )
    detail = text.splitlines()[0][:200] if text else type(error).__name__
    if "offline" in text.lower() or type(error).__name__ in ("OfflineModeIsEnabled", "ConnectionError"):
        refuse_fetch(f"https://huggingface.co/datasets/{name}")
        return f"cannot reach the hub for '{name}' ({detail}); it is not a file here either: check the network, or give a file"
    return (
        f"cannot load '{name}' from the hub ({detail}); it is not a file here either: check the name, the network, or download it as "
        ".jsonl or .parquet"
    )


def _listed(ask: Any) -> list[str]:
    try:
        return list(ask())
    except Exception:  # the list is a help; what went wrong first is what counts
        return []
