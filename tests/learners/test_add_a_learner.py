"""The learner of docs/add-a-learner.md, as it is written there."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "add-a-learner.md"


def test_the_documented_learner_runs_as_written(rows_file, tmp_path, monkeypatch, capsys):
    definition, use = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(definition.strip().splitlines()) < 40
    monkeypatch.chdir(rows_file.parent)
    use = use.replace('"train_sizes"', '"split": {"test_size": 30, "method": "random"}, "train_sizes"')
    names: dict = {}
    exec(definition + use, names)
    results = names["run"].results
    assert results["complete"]
    assert [trial["label"] for trial in results["trials"]] == ["floor", "fine-tune-n2-seed0", "fine-tune-n40-seed0"]
    few, many = (point["scores"]["bleu"]["estimate"] for point in results["points"][1:])
    assert 0 < few < many
    assert results["headline"] in capsys.readouterr().out
