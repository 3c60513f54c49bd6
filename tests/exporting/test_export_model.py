"""`tunecurve export --as`: from a run folder to a model for other tools, scored again, with a card that holds no text of a row."""

import contextlib
import io
import json
import re
from dataclasses import replace

import pytest

from tests.conftest import CITIES, FIRST_NAMES, simple_rows
from tests.support.small_tokenizer import byte_level_tokenizer
from tunecurve.cli.main import run_command
from tunecurve.errors import UsageError
from tunecurve.exporting import usage
from tunecurve.exporting.card import _kept_aside, _labels
from tunecurve.exporting.modelfile import modelfile, probe
from tunecurve.exporting.rescoring import _evenly
from tunecurve.learners.lm import conversion
from tunecurve.predictor import load_predictor
from tunecurve.prompts import PromptRenderer
from tunecurve.results.stored import load
from tunecurve.run import run_study
from tunecurve.storage.files import write_checked_json
from tunecurve.study.trial_folder import TrialFolder


def invoke(*arguments):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run_command([str(argument) for argument in arguments])
    return code, out.getvalue(), err.getvalue()


@pytest.fixture(scope="module")
def small_model(tmp_path_factory):
    """A two-layer model with random weights and some hundred tokens."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("small-model")
    tokenizer = byte_level_tokenizer([row["source_text"] for row in simple_rows(40)])
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=2048, tie_word_embeddings=True, pad_token_id=2, eos_token_id=2,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def study(small_model, tiny_encoder, tmp_path_factory):
    """A finished study of a small language model and a small tagger: ten test rows, eight to train on."""
    folder = tmp_path_factory.mktemp("study")
    rows = folder / "rows.jsonl"
    rows.write_text("".join(json.dumps(row) + "\n" for row in simple_rows(40)))
    models = [str(small_model), f"tagger:{tiny_encoder.folder}"]
    run_study(
        {
            "name": "names", "models": models, "train_sizes": [8], "shots": [], "data": {"source": str(rows)},
            "split": {"test_size": 10, "method": "random"}, "recipe": {"epochs": 1}, "encoder": {"epochs": 2},
            "training_score_rows": 0, "answers": {"max_tokens_per_input_token": 1, "max_extra_tokens": 1},
        },
        out=folder / "run", device="cpu", threads=1,
    )  # fmt: skip
    return folder / "run", dict(zip(("lm", "tagger"), models, strict=True))


def test_a_language_model_becomes_a_gguf_file_with_a_modelfile_and_a_card(study, tmp_path, monkeypatch):
    monkeypatch.setattr(conversion, "has_llama_cpp", lambda: False)
    run, models = study
    trial = f"{models['lm']}/fine-tune-n8-seed0"
    code, out, err = invoke(
        "export", run, "--as", "gguf-f16", "--trial", trial, "--to", tmp_path / "out", "--check-rows", 4
    )
    assert code == 0, err
    assert "of 4 answers" in out
    cautions = [line for line in err.splitlines() if line.startswith("caution, its study says: ")]
    assert len(cautions) == 1
    assert "floor" in cautions[0], "random weights have learnt nothing"
    assert "caution" not in out
    assert "(of 10 test rows; --check-rows)" in out
    assert "llama.cpp itself was not asked" in out
    dtype = next(one for one in load(run).finished if one.name == trial).identity["compute"]["dtype"]
    some_differ = "0 of 4 answers differ" not in out
    assert ("were computed in bfloat16" in out) == (some_differ and dtype == "bfloat16")
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {"model-f16.gguf", "Modelfile", "README.md", "curve.png"}
    named = next(line for line in out.splitlines() if line.startswith("Wrote ")).rpartition(": ")[2]
    assert {re.sub(r" \(.*\)", "", name) for name in named.split(", ")} == written
    told = (tmp_path / "out" / "Modelfile").read_text()
    assert told.startswith("FROM ./model-f16.gguf\n")
    system = load(run).prompt.system
    assert f'TEMPLATE """<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n{{{{ .Prompt }}}}<|im_end|>' in told
    assert "PARAMETER repeat_penalty 1\n" in told
    assert 'PARAMETER stop "<|im_end|>"' in told


def test_a_tagger_becomes_an_onnx_file_and_its_scores_stay(study, tmp_path):
    pytest.importorskip("onnx", reason="the extra onnx is not installed")
    run, models = study
    trial = f"{models['tagger']}/fine-tune-n8-seed0"
    code, out, err = invoke("export", run, "--as", "onnx", "--trial", trial)
    assert code == 0, err
    assert {path.name for path in (run / "export" / "onnx").iterdir()} >= {"model.onnx", "run.py", "README.md"}
    point = next(one for one in load(run).finished if one.name == trial)
    bleu = point.scores["bleu"]
    assert f"BLEU {bleu:.1f} before, {bleu:.1f} after; " in out
    assert ": 0 of 10 answers differ (answered by onnxruntime " in out


def test_the_card_says_which_rows_were_kept_from_training(study):
    trial = next(one for one in load(study[0]).finished if one.training is not None)
    assert _kept_aside(trial) == ""
    kept = replace(trial, training=replace(trial.training, kept_aside=[1, 5, 6]))
    assert _kept_aside(kept).startswith(", of which 3 were kept from training")


def test_a_blank_text_stays_blank_and_is_not_asked(study):
    predictor = load_predictor(study[0])
    assert [answer.text for answer in predictor.complete(["", "Anna", " "])] == ["", predictor("Anna"), " "]
    assert predictor("  ") == "  "


def test_the_card_names_the_labels_of_the_study_that_its_model_never_writes():
    assert _labels(["CITY", "EMAIL", "NAME"], frozenset({"NAME", "CITY"})) == (
        "3 in the study, 2 in this model's training rows; it never writes EMAIL"
    )
    for knows in (frozenset({"NAME", "CITY"}), None):  # a language model may write any text
        assert _labels(["CITY", "NAME"], knows) == "2"


def test_the_card_tells_what_the_study_measured_and_no_text_of_a_row(study, tmp_path, monkeypatch):
    monkeypatch.setattr(conversion, "has_llama_cpp", lambda: False)
    run, models = study
    trial = f"{models['lm']}/fine-tune-n8-seed0"
    assert invoke("export", run, "--as", "gguf-q8_0", "--trial", trial, "--to", tmp_path, "--check-rows", 3)[0] == 0
    card, results = (tmp_path / "README.md").read_text(), load(run)
    scores = next(point for point in results.points if point.learner == models["lm"] and point.train_size == 8).scores
    assert f"[{scores['bleu'].low:.1f}, {scores['bleu'].high:.1f}]" in card
    assert "On 3 of 10 test rows: " in card
    assert "rows: 40 read, 40 kept" in card
    assert "not known to tunecurve" in card, "nobody knows the licence of a folder"
    assert "![The learning curve](curve.png)" in card
    for text in (*FIRST_NAMES, *CITIES):
        assert not re.search(rf"\b{text}\b", card)
    for row in simple_rows(40):
        assert row["source_text"] not in card
    assert str(run) not in card
    assert models["lm"] not in card, "no folder of this machine"
    assert results.prompt.system in card
    program = re.search(r"```python\n(.*?)\n```", card, flags=re.S)[1]
    assert messages_of(program, "Some text") == [
        {"role": "system", "content": results.prompt.system}, {"role": "user", "content": "Some text"},
    ]  # fmt: skip


def messages_of(program, text):
    """Return what a card's program sends, without llama.cpp."""
    lines = program.split("\n")
    shown = "\n".join(lines[lines.index("messages = [") : lines.index("]") + 1])
    names = {"text": text}
    exec(shown, names)
    return names["messages"]


@pytest.mark.parametrize("template", ["{input}", "Text: {input}", '"{input}"\nAnswer:', "```\n{input}\n```"])
@pytest.mark.parametrize("system", ["", "Mask \"all\".\n' Labels': {labels}", "Say ```so``` \\ plainly."])
def test_the_program_of_a_card_sends_the_prompt_that_the_model_was_tuned_on(system, template):
    renderer = PromptRenderer(system, template, ("NAME", "CITY"))
    card = usage._of_gguf("model.gguf", probe(renderer), 2048)
    program = re.search(r"(`{3,})python\n(.*?)\n\1\n", card, flags=re.S)[2]
    compile(program, "card", "exec")
    prompt = renderer.prompt("A 'quoted' text")
    wanted = [{"role": message.role, "content": message.content} for message in prompt.messages]
    assert messages_of(program, prompt.source) == wanted


def test_answers_that_change_change_the_scores(study, tmp_path, monkeypatch):
    pytest.importorskip("onnx", reason="the extra onnx is not installed")
    from tunecurve.learners.encoder import conversion as encoder_conversion

    run, models = study
    folder = TrialFolder(run / next(t.folder for t in load(run).finished if t.learner == models["tagger"]))
    first = folder.answers()[0]["prediction"]
    found = encoder_conversion._answers_of

    def spoilt(*arguments, **options):
        from dataclasses import replace

        answers = found(*arguments, **options)
        return lambda prompts: [replace(a, text="lost " * 50) if a.text == first else a for a in answers(prompts)]

    monkeypatch.setattr(encoder_conversion, "_answers_of", spoilt)
    trial = f"{models['tagger']}/fine-tune-n8-seed0"
    _, out, _ = invoke("export", run, "--as", "onnx", "--trial", trial, "--to", tmp_path)
    assert ": 1 of 10 answers differs (" in out
    before, after = out.partition("BLEU ")[2].split(" after")[0].split(" before, ")
    assert after != before, "an answer that is lost changes the score"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--as", "onnx", "--trial", "LM"], "cannot be written as onnx; language models"),
        (["--as", "gguf-f16", "--trial", "TAGGER"], "cannot be written as gguf-f16"),
        (["--as", "gguf-f16", "--merged"], "--merged writes safetensors, and --as says gguf-f16"),
        (["--check-rows", "5"], "--check-rows is for a model; give --as FORMAT"),
        (["--trial", "LM"], "--trial is for a model; give --as FORMAT"),
        (["--as", "onnx", "--trial", "fine-tune-n9-seed0"], "no finished trial is called"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(study, tmp_path, arguments, said):
    run, models = study
    names = {"LM": f"{models['lm']}/fine-tune-n8-seed0", "TAGGER": f"{models['tagger']}/fine-tune-n8-seed0"}
    code, out, err = invoke("export", run, *(names.get(one, one) for one in arguments), "--to", tmp_path / "out")
    assert code == 2
    assert said in err.splitlines()[-1]
    assert "Traceback" not in err + out
    assert not list((tmp_path / "out").glob("*")) if (tmp_path / "out").exists() else True


def test_a_score_that_cannot_be_found_again_is_not_told_as_before(study, tmp_path):
    pytest.importorskip("onnx", reason="the extra onnx is not installed")
    import shutil

    run, models = study
    shutil.copytree(run, tmp_path / "run")
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    for trial in results["trials"]:
        trial["scores"]["bleu"] = 12.3  # as if scored with another tokenizer
    del results["seal"]
    write_checked_json(tmp_path / "run" / "results.json", results)
    trial = f"{models['tagger']}/fine-tune-n8-seed0"
    code, out, err = invoke("export", tmp_path / "run", "--as", "onnx", "--trial", trial, "--to", tmp_path / "out")
    assert code == 0, err
    assert "BLEU 12.3 before" not in out
    assert "not scored again: BLEU (they need the study's data or code, or this version scores" in out


@pytest.mark.parametrize(("n", "most", "chosen"), [(10, None, 10), (10, 10, 10), (10, 20, 10), (10, 3, 3), (7, 1, 1)])
def test_rows_to_check_are_spread_over_the_test_set(n, most, chosen):
    lines = [{"row_id": str(number)} for number in range(n)]
    found = [int(line["row_id"]) for line in _evenly(lines, most)]
    assert len(found) == len(set(found)) == chosen
    assert found == sorted(found)
    assert most == 1 or (found[0], found[-1]) == (0, n - 1)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("{", '{{ "{" }}'),
        ("a { b {{{c", 'a { b {{ "{{{" }}c'),
        ("no\u00a0break", r'no{{ "\U000000a0" }}break'),
        ("\U0001f469\u200d\U0001f467 {\u2028{", '\U0001f469{{ "\\U0000200d" }}\U0001f467 {{ "{\\U00002028{" }}'),
        ('say "so"\\n\ttab\n}} e\u0301', 'say "so"\\n\ttab\n}} e\u0301'),
    ],
)
def test_a_modelfile_escapes_what_a_template_would_read_or_ollama_drop(text, written):
    told = modelfile("a.gguf", text + probe(PromptRenderer("")).source, context=512)
    assert f'TEMPLATE """{written}{{{{ .Prompt }}}}' in told


@pytest.mark.parametrize("system", ["Mask it.", "Use {{braces}} and {{ more", "Say 'x' and \"y\"; 100 % {input}"])
def test_a_modelfile_writes_the_instruction_as_it_is(system):
    renderer = PromptRenderer(system, "Text: {input}\nAnswer:")
    prompt = "".join(message.content + "\n" for message in probe(renderer).messages)
    told = modelfile("a.gguf", prompt, context=512, stops=["<|im_end|>"])
    template = told.split('"""')[1]
    assert template.count("{{ .Prompt }}") == 1
    without = template.replace("{{ .Prompt }}", "", 1).replace("{{ .Response }}", "", 1)
    assert without.replace('{{ "{{" }}', "{{") == f"{system}\nText: \nAnswer:\n"


def test_a_prompt_that_a_modelfile_cannot_hold_is_refused():
    with pytest.raises(UsageError, match="three quotes"):
        modelfile("a.gguf", 'Say """ and ' + probe(PromptRenderer("")).source, context=512)
    with pytest.raises(UsageError, match="changes the row's text"):
        modelfile("a.gguf", "a template that left the text out", context=512)
