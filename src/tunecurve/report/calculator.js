// The calculator of the report: what the forecast says about a target, and about money. It draws on the quantiles
// that stand in results.json and computes nothing that is not a look-up in them.
"use strict";
(function () {
  const curves = JSON.parse(document.getElementById("forecast-data").textContent);
  const number = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });

  // P(score at least as good as the target) from 19 quantiles, by linear interpolation between them.
  function chance(size, target, direction) {
    const levels = size.levels, values = size.values;
    let below;
    if (target <= values[0]) below = target < values[0] ? 0 : levels[0];
    else if (target >= values[values.length - 1]) below = target > values[values.length - 1] ? 1 : levels[levels.length - 1];
    else {
      const at = values.findIndex((value) => value > target);
      const share = (target - values[at - 1]) / (values[at] - values[at - 1] || 1);
      below = levels[at - 1] + share * (levels[at] - levels[at - 1]);
    }
    return direction === "max" ? 1 - below : below;
  }

  function required(curve, target) {
    const reached = (curve.direction === "max" ? curve.last_score >= target : curve.last_score <= target);
    if (reached) return "reached already: " + number.format(curve.last_score) + " at " + number.format(curve.last_size) + " rows";
    const likely = curve.sizes.find((size) => chance(size, target, curve.direction) >= 0.5);
    const safe = curve.sizes.find((size) => chance(size, target, curve.direction) >= 0.8);
    if (!likely) return "not likely even with " + number.format(curve.sizes[curve.sizes.length - 1].n) + " rows";
    return "even odds with " + number.format(likely.n) + " rows" + (likely.speculative ? " (speculative)" : "") +
      (safe ? "; 80 % sure with " + number.format(safe.n) + (safe.speculative ? " (speculative)" : "") : "; never 80 % sure");
  }

  function decide(curve, price, worth) {
    const sign = curve.direction === "max" ? 1 : -1;
    let best = { gain: 0, n: curve.last_size, cost: 0, points: 0 };
    for (const size of curve.sizes.filter((size) => !size.speculative)) {
      const points = sign * (size.mean - curve.last_score), cost = price * (size.n - curve.last_size);
      const gain = worth * points - cost;
      if (gain > best.gain) best = { gain, n: size.n, cost, points };
    }
    if (best.n === curve.last_size) return "stop: no next round up to 8 times the data is expected to pay";
    return "label up to " + number.format(best.n) + " rows: costs " + number.format(best.cost) + ", expected " +
      number.format(best.points) + " points, net " + number.format(best.gain);
  }

  function value(id) {
    const text = document.getElementById(id).value.trim();
    return text === "" || !isFinite(Number(text)) ? null : Number(text);
  }

  function update() {
    const target = value("target"), price = value("label-price"), worth = value("value-per-point");
    curves.forEach((curve, index) => {
      document.getElementById("required-" + index).textContent = target === null ? "give a target" : required(curve, target);
      document.getElementById("decision-" + index).textContent =
        price === null || worth === null ? "give a price per label and a value per point" : decide(curve, price, worth);
    });
  }

  for (const id of ["target", "label-price", "value-per-point"]) document.getElementById(id).addEventListener("input", update);
  update();
})();
