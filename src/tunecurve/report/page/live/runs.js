// The list of runs: a row of the table is made anew only when its run has changed.
(function () {
  const shown = new Map(), chosen = new Set();
  const filter = byId("filter"), compare = byId("compare"), body = byId("runs");
  let runs = [];

  function row(run) {
    const box = make("input", { type: "checkbox", "aria-label": `compare ${run.folder}`, disabled: !run.best });
    box.checked = chosen.has(run.id);
    box.addEventListener("change", () => { chosen[box.checked ? "add" : "delete"](run.id); showChosen(); });
    const bar = run.n_trials ? make("progress", { max: run.n_trials, value: run.n_finished, "aria-label": "trials finished" }) : null;
    const metric = run.best ? make("small", {}, run.metric) : null;
    return make("tr", {},
      make("td", {}, box),
      make("td", {}, make("a", { href: `/runs/${run.id}` }, run.folder), run.name === run.folder ? null : make("small", {}, `study: ${run.name}`)),
      make("td", {}, stateBadge(run), make("small", {}, trialsDone(run)), bar),
      make("td", {}, run.best, metric),
      make("td", { class: "decision" }, run.problem || run.decision, run.money ? make("small", {}, run.money) : null),
      make("td", {}, timeOf(run.changed)));
  }

  function showChosen() {
    compare.disabled = chosen.size < 2;
    compare.textContent = chosen.size < 2 ? "Compare: choose two or more" : `Compare ${chosen.size} runs`;
  }

  function show() {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = runs.filter((run) => words.every((word) => `${run.name} ${run.folder} ${run.task} ${run.state}`.toLowerCase().includes(word)));
    const rows = wanted.map((run) => {
      const key = JSON.stringify(run), before = shown.get(run.id);
      if (!before || before.key !== key) shown.set(run.id, { key, element: row(run) });
      return shown.get(run.id).element;
    });
    if (rows.length !== body.children.length || rows.some((one, place) => body.children[place] !== one)) body.replaceChildren(...rows);
    const count = (state) => runs.filter((run) => run.state === state).length;
    const parts = ["running", "finished", "failed", "interrupted", "cannot be read"].filter(count).map((state) => `${count(state)} ${state}`);
    byId("told").textContent = runs.length ? `${runs.length} run${runs.length > 1 ? "s" : ""}: ${parts.join(", ")}.` : "No runs here yet.";
    byId("none").hidden = runs.length > 0;
    byId("some").hidden = !runs.length;
  }

  filter.addEventListener("input", show);
  compare.addEventListener("click", () => {
    const inOrder = runs.filter((run) => chosen.has(run.id)).sort((a, b) => a.changed - b.changed);
    location.assign(`/compare?${inOrder.map((run) => `run=${run.id}`).join("&")}`);
  });
  showChosen();
  keepAsking("/api/runs", (answer) => { runs = answer.runs; show(); });
})();
