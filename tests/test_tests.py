"""Tests mirror src: a module with logic has a test of its name, or the test that covers it is listed here."""

import ast
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
SOURCE = TESTS.parent / "src" / "tunecurve"
# Modules, and the test that covers them; the first pattern that fits counts.
COVERED = {
    "atlas/*": "atlas/test_atlas.py",
    "cli/atlas.py": "atlas/test_atlas.py",
    "cli/doctor.py": "doctor/test_doctor.py",
    "cli/findings.py": "test_findings.py",
    "cli/forecast.py": "cli/test_forecast_command.py",
    "cli/forecast_question.py": "cli/test_forecast_command.py",
    "cli/forecast_curves.py": "cli/test_forecast_command.py",
    "cli/each_curve.py": "cli/test_forecast_command.py",
    "cli/forecast_history.py": "results/test_forecast_history.py",
    "cli/job*.py": "learners/hosted/test_deployed_study.py",
    "cli/console.py": "cli/test_panel.py",
    "study/run_state.py": "cli/test_panel.py",
    "cli/testset.py": "cli/test_testset_command.py",
    "cli/study_rows.py": "cli/test_testset_command.py",
    "cli/select_test.py": "selection/test_select_test.py",
    "cli/view.py": "view/test_app.py",
    "cli/track.py": "track/test_to_mlflow.py",
    "cli/validate.py": "data/test_placeholder_findings.py",
    "cli/*": "cli/test_commands.py",
    "curve/answer.py": "test_public_api.py",
    "curve/calibration.py": "curve/test_simulation.py",
    "curve/distributions.py": "curve/test_intervals.py",
    "curve/*table.py": "cli/test_forecast_command.py",
    "curve/table_notes.py": "curve/test_columns.py",
    "curve/plot.py": "cli/test_forecast_command.py",
    "curve/scoring.py": "results/test_forecast_history.py",
    "curve/p[or]*.py": "curve/test_kinds.py",
    "curve/t[ae]*.py": "curve/test_simulation.py",
    "curve/*": "curve/test_forecast.py",
    "data/synthetic_pii/recognised.py": "data/test_recognised_rows.py",
    "data/synthetic_pii/*": "data/test_synthetic_pii.py",
    "data/sides.py": "study/test_own_test_rows.py",
    "data/length.py": "study/test_checks.py",
    "data/drops.py": "data/test_data_page.py",
    "data/understood.py": "data/test_data_page.py",
    "data/*": "data/test_sources.py",
    "doctor/*": "doctor/test_doctor.py",
    "exporting/*": "exporting/test_export_model.py",
    "results/scoring_again.py": "exporting/test_export_model.py",
    "serving/*": "serving/test_serve.py",
    "learners/lm/conversion.py": "learners/lm/test_gguf_file.py",
    "learners/lm/llama_cpp.py": "learners/lm/test_gguf_file.py",
    "learners/encoder/runners/*": "learners/encoder/test_conversion.py",
    "executors/options.py": "executors/test_many_workers.py",
    "executors/[ceb]*.py": "executors/test_scheduler.py",
    "executors/*": "executors/test_many_workers.py",
    "formats/placeholder_*.py": "formats/test_placeholder_discovery.py",
    "metrics/sqlite_*.py": "metrics/test_sql.py",
    "study/left_out.py": "study/test_similar.py",
    "study/freezing.py": "study/test_own_test_rows.py",
    "study/sql_targets.py": "metrics/test_sql.py",
    "formats/*": "formats/test_alignment.py",
    "learners/distilled*.py": "learners/test_distilled.py",
    "learners/teaching.py": "learners/hosted/test_hosted_teacher.py",
    "learners/unlabelled_rows.py": "learners/test_distilled.py",
    "report/teaching.py": "learners/test_distilled.py",
    "results/teaching.py": "learners/test_distilled.py",
    "study/unlabelled.py": "learners/test_distilled.py",
    "learners/answers.py": "learners/test_cleaning.py",
    "learners/answer_bounds.py": "study/test_checks.py",
    "learners/cores.py": "study/test_threads.py",
    "learners/unseen.py": "study/test_losses.py",
    "learners/development_settings.py": "learners/torch/test_development.py",
    "learners/*.py": "learners/test_add_a_learner.py",
    "learners/baselines/presidio_labels.py": "learners/baselines/test_presidio.py",
    "learners/gliner/model.py": "learners/gliner/test_learner.py",
    "spec/gliner.py": "learners/gliner/test_label_words.py",
    "learners/baselines/masked_text.py": "learners/baselines/test_presidio.py",
    "spec/presidio.py": "learners/baselines/test_presidio.py",
    "learners/baselines/tfidf*.py": "learners/baselines/test_tfidf.py",
    "learners/baselines/floor.py": "tasks/test_lookup.py",
    "learners/encoder/*": "learners/encoder/test_encoder.py",
    "learners/hosted/deployments/*": "learners/hosted/test_deployments_by_wire.py",
    "learners/hosted/ledger/owners.py": "learners/hosted/test_ledger_owners.py",
    "learners/hosted/ledger/jobs.py": "learners/hosted/test_job_faults.py",
    "learners/hosted/ledger/deployments.py": "learners/hosted/test_deployments.py",
    "learners/hosted/ledger/*": "learners/hosted/test_ledger.py",
    "learners/hosted/transport/answer_streams.py": "learners/hosted/test_streams.py",
    "learners/hosted/transport/batch*.py": "learners/hosted/test_batches.py",
    "learners/hosted/transport/*_access.py": "learners/hosted/test_more_providers.py",
    "learners/hosted/transport/lighter_sdks.py": "learners/hosted/test_lighter_sdks.py",
    "learners/hosted/transport/failures.py": "learners/hosted/test_failures.py",
    "learners/hosted/transport/*": "learners/hosted/test_faults.py",
    "learners/hosted/tuning/*": "learners/hosted/test_job_faults.py",
    "learners/hosted/vllm_server.py": "learners/hosted/test_vllm.py",
    "learners/hosted/account.py": "learners/hosted/test_ledger.py",
    "learners/hosted/prices.py": "learners/hosted/test_ledger.py",
    "learners/hosted/*": "learners/hosted/test_hosted_study.py",
    "learners/lm/token_bytes.py": "learners/lm/test_constrained.py",
    "learners/lm/decoding/*": "learners/lm/decoding/test_decoding.py",
    "learners/lm/base_model.py": "learners/lm/test_four_bit.py",
    "learners/lm/training/cuda_graphs.py": "learners/lm/training/test_train_together.py",
    "learners/lm/training/multi_lora.py": "learners/lm/training/test_train_together.py",
    "learners/lm/training/planned_memory.py": "learners/lm/training/test_train_together.py",
    "learners/lm/training/one_pass.py": "learners/lm/training/test_train_together.py",
    "learners/lm/training/*": "learners/lm/training/test_training.py",
    "learners/lm/p*.py": "learners/lm/test_chat_template.py",
    "learners/lm/*": "learners/lm/training/test_training.py",
    "learners/torch/training_with_development.py": "learners/torch/test_development.py",
    "learners/torch/known_pieces.py": "learners/torch/test_whole_models.py",
    "learners/torch/*": "learners/lm/training/test_training.py",
    "metrics/bleu.py": "metrics/test_sacrebleu_agreement.py",
    "metrics/chrf.py": "metrics/test_sacrebleu_agreement.py",
    "metrics/sacrebleu_counts.py": "metrics/test_sacrebleu_agreement.py",
    "metrics/masked_row.py": "metrics/test_leaks.py",
    "metrics/*": "metrics/test_catalogue.py",
    "privacy/network.py": "learners/hosted/test_ledger.py",
    "report/history.py": "results/test_forecast_history.py",
    "report/decision.py": "results/test_decision.py",
    "report/examples.py": "hardening/test_report_under_fire.py",
    "report/answer_*.py": "report/test_page.py",
    "report/chart_data.py": "report/test_page.py",
    "report/compare.py": "results/test_compare.py",
    "report/confusion.py": "report/test_page.py",
    "report/glossary.py": "report/test_page.py",
    "report/selection.py": "selection/test_select_test.py",
    "report/*": "report/test_report.py",
    "results/records/*": "results/test_model.py",
    "results/test_set/next_rows.py": "results/test_next_rows.py",
    "results/test_set/*": "results/test_test_set.py",
    "results/best_so_far.py": "results/test_gates.py",
    "results/risk.py": "results/test_decision.py",
    "results/points.py": "results/test_gates.py",
    "results/loss_points.py": "study/test_losses.py",
    "results/*": "study/test_reading_curves.py",
    "selection/run.py": "selection/test_select_test.py",
    "selection/re*.py": "selection/test_select_test.py",
    "selection/sentences.py": "selection/test_judge.py",
    "selection/*": "selection/test_ways.py",
    "spec/hosted.py": "learners/hosted/test_half_legal_answers.py",
    "spec/*": "test_spec.py",
    "storage/versions.py": "results/test_version_findings.py",
    "storage/*": "hardening/test_damage.py",
    "study/known_answers.py": "study/test_checks.py",
    "study/told_of_rows.py": "study/test_first_rows.py",
    "study/frozen.py": "study/test_growth.py",
    "study/batch_training.py": "learners/lm/training/test_train_together.py",
    "study/planned_trainings.py": "learners/lm/training/test_train_together.py",
    "study/provider_checkpoints.py": "learners/hosted/test_hosted_study.py",
    "study/*": "study/test_study.py",
    "tasks/*": "tasks/test_lookup.py",
    "errors.py": "cli/test_commands.py",
    "track/to_wandb.py": "track/test_grouped.py",
    "track/*": "track/test_to_mlflow.py",
    "view/model_process.py": "view/test_answering.py",
    "view/server.py": "view/test_in_browser.py",
    "view/*": "view/test_app.py",
    "report/spent.py": "learners/hosted/test_hosted_study.py",
    "own_code.py": "study/test_own_metric.py",
    "predictor.py": "test_end_to_end.py",
    "run.py": "study/test_study.py",
}


@cache
def modules_with_logic():
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        tree = ast.parse(path.read_text())
        has_functions = any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) for node in ast.walk(tree))
        if has_functions and not path.name.startswith("__"):
            found.append(path.relative_to(SOURCE))
    return found


def test_every_module_with_logic_has_its_test():
    modules = modules_with_logic()
    alone = [module for module in modules if not (TESTS / module.parent / f"test_{module.name}").exists()]
    without = [str(module) for module in alone if not any(fnmatch(module, pattern) for pattern in COVERED)]
    assert len(modules) > 200
    assert without == [], "write a test of this name, or name the test that covers it in COVERED"


@pytest.mark.parametrize(("pattern", "test"), COVERED.items())
def test_the_list_names_what_is_there(pattern, test):
    assert (TESTS / test).is_file()
    assert any(fnmatch(module, pattern) for module in modules_with_logic())
