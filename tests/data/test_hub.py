"""Hub data sets through the library `datasets`, loaded here from folders: configurations, splits, and what has no network."""

import datasets
import pytest

from tunecurve.data.options import ReadingOptions
from tunecurve.data.sources import read_rows
from tunecurve.errors import DataError

ROWS = [{"text": "a"}, {"text": "b"}]
CONFIGS = ["de", "en", "fr"]


def read(source, **options):
    return [dict(row) for _, row in read_rows(source, ReadingOptions(**options))]


@pytest.fixture
def hub(monkeypatch):
    """A hub with one data set of three configurations and two splits, which complains as `datasets` does."""
    asked = []

    def load(path, **options):
        asked.append((path, options))
        name, split = options["name"], options["split"]
        if name is None:
            raise ValueError(f"Config name is missing.\nPlease pick one among the available configs: {CONFIGS}")
        if name not in CONFIGS:
            raise ValueError(f"BuilderConfig '{name}' not found. Available: {CONFIGS}")
        if split not in ("train", "validation"):
            raise ValueError(f"Unknown split \"{split}\". Should be one of ['train', 'validation'].")
        return datasets.Dataset.from_list([{"text": f"{name} {split}"}])

    monkeypatch.setattr(datasets, "load_dataset", load)
    monkeypatch.setattr(datasets, "get_dataset_config_names", lambda path, revision=None: CONFIGS)
    monkeypatch.setattr(datasets, "get_dataset_split_names", lambda path, name, revision=None: ["train", "validation"])
    return asked


@pytest.mark.parametrize(
    ("source", "options", "text"),
    [
        ("owner/name:en", {}, "en train"),
        ("owner/name", {"subset": "de"}, "de train"),
        ("owner/name:fr!/validation", {}, "fr validation"),
        ("owner/name:fr", {"split": "validation", "revision": "abc"}, "fr validation"),
        ("owner/name:en", {"subset": "en"}, "en train"),
    ],
)
def test_configuration_and_split_are_named_with_the_id(hub, source, options, text):
    assert read(source, **options) == [{"text": text}]
    ((path, asked),) = hub
    assert path == "owner/name"
    assert asked["revision"] == options.get("revision")
    assert "trust_remote_code" not in asked


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("owner/name", "has 3 configurations: de, en, fr; name one: --data owner/name:de"),
        ("owner/name:enn", "has no configuration 'enn'; it has: de, en, fr. Did you mean 'en'?"),
        (
            "owner/name:en!/test",
            "has no split 'test'; it has: train, validation; name one: --data owner/name:en!/train",
        ),
    ],
)
def test_what_is_missing_is_named_with_the_choices(hub, source, said):
    with pytest.raises(DataError) as raised:
        read(source)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_two_configurations_for_one_data_set_are_refused(hub):
    with pytest.raises(DataError, match="name two configurations"):
        read("owner/name:en", subset="de")
    assert hub == []


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            RuntimeError("Dataset scripts are no longer supported, but found name.py"),
            "a script of its own, which is not run",
        ),
        (ValueError("requires you to pass trust_remote_code=True"), "refs/convert/parquet"),
        (
            ConnectionError("Couldn't reach 'owner/name' on the Hub (OfflineModeIsEnabled)"),
            "cannot reach the hub for 'owner/name'",
        ),
        (RuntimeError("something else\nin two lines"), "cannot load 'owner/name' from the hub (something else)"),
    ],
)
def test_what_goes_wrong_is_one_line(monkeypatch, error, said):
    def load(*_, **__):
        raise error

    monkeypatch.setattr(datasets, "load_dataset", load)
    with pytest.raises(DataError) as raised:
        read("owner/name")
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)
