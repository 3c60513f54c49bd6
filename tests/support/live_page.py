"""Run folders for the live page: a real one, and copies of it that hold a hundred trials."""

import json
import shutil

from tunecurve.results.stored import RESULTS, load
from tunecurve.run import run_study
from tunecurve.storage.files import read_checked_json, write_checked_json

KINDS = {"billing": "invoice refund charge", "delivery": "parcel courier box", "account": "password login email"}


def ticket_rows(n_rows=60):
    """Short texts of three kinds."""
    kinds = list(KINDS)
    return [
        {"text": f"please help with my {KINDS[kinds[n % 3]].split()[n // 3 % 3]} {n}", "label": kinds[n % 3]}
        for n in range(n_rows)
    ]


def write_tickets(folder, n_rows=60):
    """Write the rows and a study of them that takes a moment; return the study file."""
    rows = folder / "tickets.jsonl"
    rows.write_text("".join(json.dumps(row) + "\n" for row in ticket_rows(n_rows)))
    study = folder / "tickets.yaml"
    study.write_text(
        "name: tickets\ntask: classification\nmodels: [tfidf]\ntrain_sizes: [6, 12]\nsplit: {method: random, test_size: 20}\n"
        f"data: {{source: {rows}, input_column: text, target_column: label}}\n"
    )
    return study


def run_tickets(folder, out, **options):
    """Measure the tickets' study."""
    return run_study(write_tickets(folder), out=out, **options)


def copy_with_trials(original, copy, n_trials, n_finished, n_failed=0):
    """Copy a run so that it has so many trials, of which so many are finished; nothing is measured."""
    shutil.copytree(original, copy, ignore=shutil.ignore_patterns("trials", "curve.*"))
    values = read_checked_json(original / RESULTS)
    done = next(trial for trial in values["trials"] if trial["label"].startswith("fine-tune"))
    waits = {name: done[name] for name in ("learner", "strategy", "shots", "config_sha256", "config")}
    trials = []
    for seed in range(n_trials):
        folder = f"trials/tfidf-fine-tune-n6-seed{seed}-0123456789"
        named = {"train_size": 6, "seed": seed, "label": f"fine-tune-n6-seed{seed}", "folder": folder}
        if seed < n_finished:
            trials.append({**done, **named})
        else:
            is_failed = seed < n_finished + n_failed
            (copy / folder).mkdir(parents=True)
            (copy / folder / "config.json").touch()
            if is_failed:
                (copy / folder / "failure.txt").write_text("the disk was full\n")
            state = "failed" if is_failed else "started"
            trials.append({**waits, **named, "state": state, "failure": "the disk was full" if is_failed else None})
    is_complete = n_finished == n_trials
    decision = values["decision"] and {**values["decision"], "is_provisional": not is_complete}
    write_checked_json(copy / RESULTS, {**values, "trials": trials, "complete": is_complete, "decision": decision})
    return load(copy)
