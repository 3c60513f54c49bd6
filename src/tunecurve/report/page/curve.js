// The learning curve: which metric, which learners, which axis.
function showCurve(chart, questions) {
  const box = byId("curve-chart"), controls = byId("curve-controls");
  const learners = [...new Set(chart.points.map((point) => point.learner))].filter((name) => name !== "floor");
  const state = { metric: chart.primary, isLog: true, hidden: new Set() };
  const place = (learner) => learners.indexOf(learner) % 8;
  const titleOf = (metric) => `${metric.title} ${metric.sign > 0 ? "↑" : "↓ (less is better)"}`;

  function pointsOf(curve, what, metric) {
    return chart.points
      .filter((point) => curve(point) && point.scores[metric.name])
      .map((point) => {
        const [estimate, low, high] = point.scores[metric.name];
        const runs = point.runs > 1 ? `, mean of ${point.runs} seeds` : "";
        const within = low === null ? "" : ` (95 % interval ${score(low)} to ${score(high)})`;
        return { x: point.n, y: estimate, low, high, text: `${point.learner}, ${what(point)}: ${score(estimate)} ${metric.title}${within}${runs}` };
      })
      .sort((a, b) => a.x - b.x);
  }

  // Examples chosen among n rows: curves without any training.
  function similarOf(learner, metric) {
    const isOne = (point) => point.learner === learner && isSimilar(point);
    return [...new Set(chart.points.filter(isOne).map(similarName))].map((name) => ({
      name: `${learner}, ${name} examples, not tuned`, place: place(learner), isDashed: true, band: [],
      points: pointsOf((point) => isOne(point) && similarName(point) === name, (point) => `${point.label} labelled rows, not tuned`, metric),
    }));
  }

  function seriesOf(learner, metric) {
    const points = pointsOf((point) => point.learner === learner && point.strategy === "fine-tune", (point) => `${wholeNumber.format(point.n)} training rows`, metric);
    const found = chart.forecasts.find((curve) => curve.learner === learner && curve.metric === metric.name);
    const last = points[points.length - 1];
    const band = !found || !last ? [] : [
      { x: last.x, low: last.y, mid: last.y, high: last.y, isFar: false, text: null },
      ...found.sizes.filter((size) => size.n > last.x + 1 && !size.is_speculative).map((size) => ({
        x: size.n, low: size.low, mid: size.median, high: size.high, isFar: size.is_borrowed,
        text: `${learner}, forecast${size.is_borrowed ? " borrowed from other curves" : ""} for ${wholeNumber.format(size.n)} rows: ${score(size.median)} ${metric.title} (80 % interval ${score(size.low)} to ${score(size.high)})`,
      }))];
    return { name: learner, place: place(learner), points, band };
  }

  function levelsOf(metric) {
    return chart.points
      .filter((point) => point.strategy !== "fine-tune" && !isSimilar(point) && point.scores[metric.name] && !state.hidden.has(point.learner))
      .map((point) => ({
        name: point.strategy === "floor" ? `floor (${point.label})` : point.strategy === "baseline" ? point.learner : `${point.label}${learners.length > 1 ? ` of ${point.learner}` : ""}`,
        y: point.scores[metric.name][0], place: point.strategy === "floor" ? "f" : place(point.learner),
      }));
  }

  const redraw = keepDrawn(box, () => {
    const metric = chart.metrics.find((one) => one.name === state.metric);
    const series = learners.filter((name) => !state.hidden.has(name)).flatMap((name) => [seriesOf(name, metric), ...similarOf(name, metric)]);
    const asked = state.metric === chart.primary ? questions.state : { target: null, required: null };
    drawChart(box, {
      title: `Learning curve: ${metric.title} against training rows. Arrow keys move from point to point.`,
      xTitle: `training rows${state.isLog ? " (log scale)" : ""}`, isLog: state.isLog, yRange: metric.range,
      series, levels: levelsOf(metric), target: asked.target, required: asked.required,
      ticks: state.isLog ? chart.points.map((point) => point.n).filter(Boolean).concat(...series.map((one) => one.band.filter((_, at) => at % 2 === 0).map((point) => point.x))) : null,
    });
    byId("curve-legend").replaceChildren(
      make("strong", {}, titleOf(metric)),
      ...series.filter((one) => one.points.length).map((one) => legendItem(one)));
  });
  controls.append(
    select("metric", chart.metrics.map((metric) => [metric.name, titleOf(metric)]), (name) => { state.metric = name; redraw(); }),
    checkbox("logarithmic rows", true, (isOn) => { state.isLog = isOn; redraw(); }),
    ...(learners.length < 2 ? [] : learners.map((name) => checkbox(name, true, (isOn) => { state.hidden[isOn ? "delete" : "add"](name); redraw(); }))));
  controls.querySelector("select").value = chart.primary;
  byId("curve-interactive").hidden = false;
  if (byId("picture")) byId("picture").append(byId("curve-static"));
  redraw();
  questions.onChange = redraw;
}

function isSimilar(point) {
  return point.strategy.startsWith("similar");
}

function similarName(point) {
  return point.label.replace(/ of \d+$/, "");
}

function legendItem(one) {
  const key = makeSvg("svg", { width: 26, height: 14, "aria-hidden": "true" },
    makeSvg("line", { x1: 0, x2: 26, y1: 7, y2: 7, class: `line c${one.place}${one.isDashed ? " forecast" : ""}` }),
    makeSvg("path", { d: SHAPES[one.place % SHAPES.length](13, 7, 4.5), class: `mark c${one.place}` }));
  return make("span", { class: "key" }, key, " ", one.name);
}
