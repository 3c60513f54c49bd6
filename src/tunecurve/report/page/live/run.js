// One run: what its trials do now, and its report, exchanged when results have changed, unless a reader is at work on it.
(function () {
  const id = document.querySelector("main").dataset.run;
  let current = null, coming = null, version = null, isTouched = false, height = null;

  function load(newVersion) {
    if (coming) coming.remove();
    coming = make("iframe", { src: `/runs/${id}/report`, title: "The report", class: current ? "coming" : null });
    const frame = coming;
    version = newVersion;
    isTouched = false;
    byId("newer").hidden = true;
    frame.addEventListener("load", () => {
      if (frame !== coming) return;
      if (current) current.remove();
      frame.classList.remove("coming");
      [current, coming] = [frame, null];
    });
    byId("report").append(frame);
  }

  // A report is a page from nowhere: it tells its height, and that somebody uses it.
  window.addEventListener("message", (event) => {
    const frame = [current, coming].find((one) => one && one.contentWindow === event.source);
    if (!frame || !event.data) return;
    if (Number.isFinite(event.data.height)) { height = Math.min(Math.max(event.data.height, 200), 60000); frame.style.height = `${height}px`; }
    if (event.data.touched && frame === current) isTouched = true;
  });
  byId("show-newer").addEventListener("click", () => load(byId("show-newer").dataset.version));

  function showReport(run) {
    const isThere = run.has_report;
    byId("alone").hidden = !isThere;
    if (!isThere || run.version === version) return;
    if (current && isTouched) {
      byId("show-newer").dataset.version = run.version;
      byId("newer").hidden = false;
    } else load(run.version);
  }

  function showTrials(run) {
    byId("trials").hidden = !run.trials.length;
    byId("metric").textContent = run.metric || "score";
    byId("trial-rows").replaceChildren(...run.trials.map((trial) => make("tr", {},
      make("td", {}, trial.learner), make("td", {}, trial.label),
      make("td", {}, trial.state === "started" && run.state !== "running" ? "interrupted" : trial.state === "started" ? "running" : trial.state, trial.failure ? make("small", {}, trial.failure) : null),
      make("td", {}, score(trial.score)))));
  }

  async function showLog() {
    const answer = await ask(`/api/runs/${id}/log`), box = byId("log");
    const isAtEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
    const text = answer.text || "There is no log: the study was measured by an earlier version, or has not begun.";
    if (!answer.isGood || box.textContent === text) return;
    box.textContent = text;
    if (isAtEnd) box.scrollTop = box.scrollHeight;
  }
  byId("logs").addEventListener("toggle", showLog);

  function showText(name, text) {
    byId(name).textContent = text;
    byId(name).hidden = !text;
  }

  keepAsking(`/api/runs/${id}`, (run) => {
    byId("state").replaceChildren(stateBadge(run));
    byId("done").textContent = trialsDone(run);
    if (run.n_trials) fill(byId("progress"), { max: run.n_trials, value: run.n_finished }, []);
    byId("progress").hidden = !run.n_trials && run.state !== "running";
    const failed = run.trials.filter((trial) => trial.failure);
    const firstFailure = failed.length ? `${failed[0].learner} ${failed[0].label} failed: ${failed[0].failure}${failed.length > 1 ? ` (${failed.length - 1} more below)` : ""}` : "";
    showText("problem", run.problem || firstFailure);
    showText("decision", run.has_report ? "" : run.state === "running" ? "Measuring: no trial has ended yet." : run.problem ? "" : "No trial has ended.");
    showText("now", run.now);
    if (byId("logs").open) showLog();
    document.dispatchEvent(new CustomEvent("run", { detail: run }));
    showText("at-work", run.at_work ? `At work: ${run.at_work}.` : run.state === "interrupted" ? "Nobody works on it; the same command continues it." : run.state === "failed" ? "The same command tries failed trials again." : "");
    showText("money", run.money);
    showTrials(run);
    showReport(run);
  });
})();
