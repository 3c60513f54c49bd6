// What if? A target and prices move the rows that are needed and the decision. All of it is looked up in the quantiles and gains
// of the forecast as results.json keeps them; nothing is fitted here.

// P(one run scores at least as good as the target), by linear interpolation between the quantiles.
function chanceOf(size, levels, target, sign) {
  const values = size.quantiles, last = values.length - 1;
  let below;
  if (target <= values[0]) below = target < values[0] ? 0 : levels[0];
  else if (target >= values[last]) below = target > values[last] ? 1 : levels[last];
  else {
    const at = values.findIndex((value) => value > target);
    below = levels[at - 1] + ((target - values[at - 1]) / (values[at] - values[at - 1] || 1)) * (levels[at] - levels[at - 1]);
  }
  return sign > 0 ? 1 - below : below;
}

function rowsFor(curve, target, sign) {
  if (sign * (curve.last_score - target) >= 0)
    return { n: null, text: `reached already: ${score(curve.last_score)} at ${wholeNumber.format(curve.last_size)} rows` };
  const likely = curve.sizes.find((size) => chanceOf(size, curve.levels, target, sign) >= 0.5);
  const safe = curve.sizes.find((size) => chanceOf(size, curve.levels, target, sign) >= 0.8);
  if (!likely) return { n: null, text: `not likely even with ${wholeNumber.format(curve.sizes[curve.sizes.length - 1].n)} rows: change the model or the recipe` };
  const far = (size) => (size.is_speculative ? " (speculative)" : "");
  const sure = safe ? `; 80 % sure with ${wholeNumber.format(safe.n)}${far(safe)}` : "; never 80 % sure";
  return { n: likely.n, text: `even odds with ${wholeNumber.format(likely.n)} rows${far(likely)}${sure}` };
}

// Stop, or the size with the largest expected net gain, from half a doubling to eight times the data. Sizes are whole rows.
function decideBy(curve, prices) {
  let best = null;
  const first = Math.max(curve.last_size + 1, Math.round(curve.last_size * Math.SQRT2));
  for (const size of curve.sizes.filter((one) => !one.is_speculative && one.gain !== null && one.n >= first)) {
    const n = size.n, more = n - curve.last_size;
    const toLabel = Math.max(0, n - Math.max(curve.last_size, prices.labelled || 0));
    const cost = toLabel * (prices.label || 0) + n * (prices.training || 0) + (prices.run || 0) + (prices.serving || 0);
    const net = prices.point * size.gain - cost;
    if (!best || net > best.net) best = { n, more, cost, net, size };
  }
  if (!best) return "nothing is forecast";
  if (best.net <= 0) return `stop: even the best next round (${wholeNumber.format(best.n)} rows) would return ${threeDigits.format(best.net)} net`;
  const gain = `${signed(best.size.gain)} points (80 % interval ${signed(best.size.gain_low)} to ${signed(best.size.gain_high)})`;
  return `go to ${wholeNumber.format(best.n)} rows, ${wholeNumber.format(best.more)} more: costs ${threeDigits.format(best.cost)}, expected ${gain}, net ${threeDigits.format(best.net)}`;
}

// A slider and a number field that show the same value; an empty field is no value.
function pairedInput(id, onChange) {
  const field = byId(id), slider = byId(`${id}-slider`);
  field.addEventListener("input", () => { if (valueOf(id) !== null) slide(slider, valueOf(id)); onChange(); });
  slider.addEventListener("input", () => { field.value = slider.value; onChange(); });
  slide(slider, valueOf(id) === null ? Number(slider.min) : valueOf(id));
}

function slide(slider, value) {
  if (value > Number(slider.max)) slider.max = value * 2;
  slider.value = value;
}

function valueOf(id) {
  const text = byId(id).value.trim();
  return text === "" || !isFinite(Number(text)) ? null : Number(text);
}

// Why what stands in a field cannot be used; null where it can, or where the field is empty.
function problemOf(id) {
  const field = byId(id), text = field.value.trim();
  let problem = null;
  if (text !== "" && !isFinite(Number(text))) problem = `"${text}" is not a number; ${/^-?\d+,\d+$/.test(text) ? `write ${text.replace(",", ".")}` : "write for example 0.10"}`;
  else if (id !== "target" && Number(text) < 0) problem = `${text} is below zero`;
  field.setAttribute("aria-invalid", problem !== null);
  return problem;
}

// What the labels cost where nothing says what a point is worth.
function costOnly(curve, prices, needed) {
  const n = needed || 2 * curve.last_size, more = n - curve.last_size;
  const toLabel = Math.max(0, n - Math.max(curve.last_size, prices.labelled || 0));
  const inHand = toLabel < more ? ` (${wholeNumber.format(more - toLabel)} are labelled already)` : "";
  const why = needed ? "which reach the target at even odds" : "twice as many";
  return `${wholeNumber.format(more)} more rows${inHand}, to ${wholeNumber.format(n)}, ${why}: labels cost ${threeDigits.format(toLabel * prices.label)}; give a value per point to weigh it`;
}

function decisionText(curve, chart, label, point, needed) {
  const problem = problemOf("label-price") || problemOf("value-per-point");
  if (problem) return problem;
  if (label === null) return point === null ? "give a price per label and a value per point" : "give a price per label too; without it the value per point is not used";
  return point === null ? costOnly(curve, { ...chart.prices, label }, needed) : decideBy(curve, { ...chart.prices, label, point });
}

function showQuestions(chart) {
  const questions = { state: { target: null, required: null }, onChange: () => {} };
  const metric = chart.metrics.find((one) => one.name === chart.primary);
  if (!byId("what-if")) return questions;
  const known = chart.questions.filter((curve) => curve.sizes.length);
  const values = known.flatMap((curve) => [curve.last_score, ...curve.sizes.flatMap((size) => [size.quantiles[0], size.quantiles[18]])]);
  const slider = byId("target-slider"), [low, high] = extent(values);
  slider.min = low.toFixed(1); slider.max = high.toFixed(1); slider.step = (high - low) / 200 > 0.05 ? 0.1 : 0.001;

  function update() {
    const target = valueOf("target"), point = valueOf("value-per-point"), label = valueOf("label-price");
    const needed = [];
    chart.questions.forEach((curve, index) => {
      const rows = byId(`required-${index}`), decision = byId(`decision-${index}`);
      if (curve.refusal || !curve.sizes.length) {
        rows.textContent = decision.textContent = `no answer: ${curve.refusal || "nothing is forecast"}`;
        return;
      }
      const unclear = curve.word === "rising" || curve.word === "flat" ? "" : " (the verdict is not clear: this takes the forecast at its word)";
      const problem = problemOf("target");
      const found = target === null ? { n: null, text: problem || "give a target" } : rowsFor(curve, target, metric.sign);
      if (found.n) needed.push(found.n);
      rows.textContent = found.text;
      decision.textContent = decisionText(curve, chart, label, point, found.n) + (point === null || label === null ? "" : unclear);
    });
    questions.state = { target, required: needed.length ? Math.min(...needed) : null };
    questions.onChange();
  }
  for (const id of ["target", "label-price", "value-per-point"]) pairedInput(id, update);
  byId("what-if").hidden = false;
  update();
  return questions;
}
