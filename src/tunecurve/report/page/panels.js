// The smaller pictures of the evidence: recall by label, confusions, training losses, forecasts beside what came.
const MOST_PANELS = 36;

function panel(holder, title, note) {
  const box = make("div", { class: "plot" });
  holder.append(make("figure", { class: "panel" }, make("figcaption", {}, make("strong", {}, title), note ? ` ${note}` : ""), box));
  return box;
}

function showLabels(chart) {
  const holder = byId("label-panels");
  if (!holder || !chart.labels.length) return;
  const learners = [...new Set(chart.labels.flatMap((label) => Object.keys(label.recall)))];
  for (const label of chart.labels.slice(0, MOST_PANELS)) {
    const box = panel(holder, label.label, `${wholeNumber.format(label.n_gold)} in test`);
    const series = Object.entries(label.recall).map(([learner, points]) => ({
      name: learner, place: learners.indexOf(learner) % 8,
      points: points.map(([x, y]) => ({ x, y, text: `${label.label}: ${learner} with ${wholeNumber.format(x)} rows finds ${score(y)} %` })),
    }));
    keepDrawn(box, () => drawChart(box, { title: `Recall of ${label.label} in per cent, by training rows`, isSmall: true, height: 130, isLog: true, yRange: [0, 100], isFullRange: true, series, levels: [] }));
  }
  if (chart.labels.length > MOST_PANELS) holder.after(make("p", { class: "note" }, `The ${MOST_PANELS} most frequent of ${chart.labels.length} labels; all are in the table.`));
}

function showConfusions(chart) {
  const holder = byId("confusion");
  if (!holder || !chart.confusions.length) return;
  const table = make("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "Confusion matrix" });
  function show(index) {
    const found = chart.confusions[index], counts = new Map(found.counts.map(([right, answer, n]) => [`${right},${answer}`, n]));
    const used = found.classes.map((_, place) => found.counts.some(([right, answer]) => right === place || answer === place));
    const shown = found.classes.map((name, place) => [name, place]).filter(([, place]) => used[place]);
    const cell = (right, answer, total) => {
      const n = counts.get(`${right},${answer}`) || 0;
      const heat = n ? Math.min(4, 1 + Math.floor((4 * n) / (total || 1))) : 0;
      return make("td", { class: `${right === answer ? "hit" : "miss"} heat${heat}` }, n ? String(n) : "·");
    };
    const rows = shown.filter(([, right]) => found.counts.some(([one]) => one === right)).map(([name, right]) => {
      const total = found.counts.filter(([one]) => one === right).reduce((sum, [, , n]) => sum + n, 0);
      return make("tr", {}, make("th", { scope: "row" }, name), ...shown.map(([, answer]) => cell(right, answer, total)), make("td", {}, String(total)));
    });
    table.replaceChildren(make("table", { class: "confusion" },
      make("caption", {}, `${found.name}: rows are the right classes, columns the answers`),
      make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "right class"), ...shown.map(([name]) => make("th", { scope: "col" }, name)), make("th", { scope: "col" }, "rows"))),
      make("tbody", {}, ...rows)));
  }
  const chosen = select("point", chart.confusions.map((one, index) => [index, one.name]), (index) => show(Number(index)));
  chosen.querySelector("select").value = chart.confusions.length - 1;
  holder.append(chosen, table);
  show(chart.confusions.length - 1);
}

function showLosses(chart) {
  const holder = byId("loss-panels");
  if (!holder || !chart.losses.length) return;
  for (const learner of new Set(chart.losses.map((one) => one.learner))) {
    const own = chart.losses.filter((one) => one.learner === learner);
    const box = panel(holder, learner, "training loss by step");
    const series = own.map((one, index) => ({
      name: `${wholeNumber.format(one.n)} rows${one.seed ? `, seed ${one.seed}` : ""}`, place: index % 8, isPlain: true,
      points: one.steps.map((step, at) => ({ x: step, y: one.losses[at] })),
    }));
    keepDrawn(box, () => drawChart(box, { title: `Training loss of ${learner} by step`, xTitle: "optimizer step", isLog: false, height: 240, yRange: [0, null], series, levels: [] }));
    box.after(make("div", { class: "legend" }, ...series.map(legendItem)));
  }
}

function showJudged(chart) {
  const holder = byId("judged-panels");
  if (!holder || !chart.judged.length) return;
  for (const metric of chart.metrics) {
    const own = chart.judged.filter((item) => item.metric === metric.name);
    if (!own.length) continue;
    const held = own.filter((item) => item.inside_80).length;
    const box = panel(holder, metric.title, `marks: measured; bars and dashes: forecast, 80 % intervals, which held at ${held} of ${own.length} sizes`);
    const learners = [...new Set(own.map((item) => item.learner))];
    const series = learners.flatMap((learner, place) => {
      const items = own.filter((item) => item.learner === learner).sort((a, b) => a.n - b.n);
      const text = (item) => `${learner}, ${wholeNumber.format(item.n)} rows: ${item.sentence}`;
      return [
        { name: learner, place, points: items.map((item) => ({ x: item.n, y: item.measured, low: item.interval_80[0], high: item.interval_80[1], text: text(item) })) },
        { name: "forecast", place, isDashed: true, isPlain: true, points: items.map((item) => ({ x: item.n, y: item.median, low: null })) },
      ];
    });
    keepDrawn(box, () => drawChart(box, { title: `Forecasts of ${metric.title} beside what was measured`, xTitle: "training rows (log scale)", isLog: true, height: 230, yRange: metric.range, series, levels: [] }));
  }
}
