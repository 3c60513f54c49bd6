// A line chart in SVG: intervals, forecast bands, levels; every point can be hovered, reached with Tab and the arrow keys, and is
// read out with its interval.
const CHART_FONT = 12, LABEL_GAP = 15;
const SHAPES = [
  (x, y, r) => `M${x - r},${y}a${r},${r} 0 1,0 ${2 * r},0a${r},${r} 0 1,0 ${-2 * r},0`,
  (x, y, r) => `M${x - r},${y - r}h${2 * r}v${2 * r}h${-2 * r}z`,
  (x, y, r) => `M${x},${y - 1.3 * r}l${1.3 * r},${2.3 * r}h${-2.6 * r}z`,
  (x, y, r) => `M${x},${y - 1.4 * r}l${1.4 * r},${1.4 * r}l${-1.4 * r},${1.4 * r}l${-1.4 * r},${-1.4 * r}z`,
];

function roundTicks(low, high, count) {
  const raw = (high - low) / Math.max(1, count), power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((value) => value >= raw);
  const ticks = [];
  for (let tick = Math.ceil(low / step - 1e-9) * step; tick <= high + step * 1e-9; tick += step) ticks.push(Number(tick.toPrecision(12)));
  return ticks;
}

// Ticks of sizes: the measured ones where they are few, round numbers else.
function sizeTicks(low, high, isLog, width, wanted) {
  const most = Math.max(2, Math.floor(width / 70));
  if (!isLog) return roundTicks(low, high, most);
  const ticks = [];
  for (const tick of [...new Set(wanted)].sort((a, b) => a - b))
    if (!ticks.length || (Math.log(tick / ticks[ticks.length - 1]) / Math.log(high / low)) * width > 46) ticks.push(tick);
  return ticks;
}

function extent(values) {
  const finite = values.filter((value) => Number.isFinite(value));
  return finite.length ? [Math.min(...finite), Math.max(...finite)] : [0, 1];
}

// spec: {title, xTitle, yTitle, isLog, yRange, height, ticks, series: [{name, place, isDashed, points: [{x, y, low, high, text}], band:
// [{x, low, mid, high, isFar, text}]}], levels: [{name, y, place}], target, required}
function drawChart(box, spec) {
  const width = Math.max(240, box.clientWidth || 640), height = spec.height || 380;
  const margin = { left: 46, right: spec.isSmall ? 10 : 16, top: spec.isSmall ? 8 : 14, bottom: spec.isSmall ? 22 : 40 };
  const inner = { width: width - margin.left - margin.right, height: height - margin.top - margin.bottom };
  const all = spec.series.flatMap((one) => [...one.points, ...(one.band || [])]);
  let [x0, x1] = extent(all.map((point) => point.x));
  if (!spec.isLog) x0 = 0;
  if (x0 === x1) [x0, x1] = spec.isLog ? [x0 / 2, x1 * 2] : [0, 2 * x1 || 1];
  if (spec.isLog) [x0, x1] = [x0 / 1.12, x1 * 1.12];
  const ys = all.flatMap((point) => [point.y, point.low, point.high, point.mid]).concat(spec.levels.map((level) => level.y));
  let [y0, y1] = extent([...ys, spec.target].filter((value) => value !== null && value !== undefined));
  const pad = (y1 - y0 || 1) * 0.06;
  [y0, y1] = [y0 - pad, y1 + pad];
  const [least, most] = spec.yRange || [null, null];
  if (least !== null && y0 < least) y0 = least;
  if (most !== null && y1 > most) y1 = most;
  if (spec.isFullRange) [y0, y1] = spec.yRange;
  const xOf = (value) =>
    margin.left + inner.width * (spec.isLog ? Math.log(value / x0) / Math.log(x1 / x0) : (value - x0) / (x1 - x0));
  const yOf = (value) => margin.top + inner.height * (1 - (Math.min(Math.max(value, y0), y1) - y0) / (y1 - y0));

  const root = makeSvg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "group", "aria-label": spec.title });
  drawAxes(root, spec, { x0, x1, y0, y1, xOf, yOf, width, height, margin, inner, sizes: all.map((point) => point.x) });
  spec.levels.forEach((level) => root.append(
    makeSvg("line", { x1: margin.left, x2: width - margin.right, y1: yOf(level.y), y2: yOf(level.y), class: `level c${level.place}` })));
  if (spec.target !== null && spec.target !== undefined && spec.target >= y0 && spec.target <= y1) root.append(
    makeSvg("line", { x1: margin.left, x2: width - margin.right, y1: yOf(spec.target), y2: yOf(spec.target), class: "target" }));
  if (spec.required && spec.required <= x1) root.append(
    makeSvg("line", { x1: xOf(spec.required), x2: xOf(spec.required), y1: margin.top, y2: height - margin.bottom, class: "target" }));
  const spots = [];
  spec.series.forEach((one) => drawSeries(root, one, xOf, yOf, spots, spec));
  if (!spec.isSmall) drawLevelNames(root, spec, yOf, margin, height);
  box.replaceChildren(root);
  if (spots.length) makeReachable(box, root, spots, width);
}

function drawAxes(root, spec, at) {
  for (const tick of roundTicks(at.y0, at.y1, Math.max(2, at.inner.height / 55))) {
    const y = at.yOf(tick);
    root.append(
      makeSvg("line", { x1: at.margin.left, x2: at.width - at.margin.right, y1: y, y2: y, class: "grid" }),
      makeSvg("text", { x: at.margin.left - 6, y: y + 4, class: "tick", "text-anchor": "end" }, threeDigits.format(tick)));
  }
  for (const tick of sizeTicks(at.x0, at.x1, spec.isLog, at.inner.width, spec.ticks || at.sizes)) {
    const x = at.xOf(tick);
    root.append(
      makeSvg("line", { x1: x, x2: x, y1: at.height - at.margin.bottom, y2: at.height - at.margin.bottom + 4, class: "axis" }),
      makeSvg("text", { x, y: at.height - at.margin.bottom + 16, class: "tick", "text-anchor": "middle" }, wholeNumber.format(tick)));
  }
  const bottom = at.height - at.margin.bottom;
  root.append(makeSvg("line", { x1: at.margin.left, x2: at.width - at.margin.right, y1: bottom, y2: bottom, class: "axis" }));
  if (spec.xTitle) root.append(
    makeSvg("text", { x: at.margin.left + at.inner.width / 2, y: at.height - 6, class: "title", "text-anchor": "middle" }, spec.xTitle));
}

function drawSeries(root, one, xOf, yOf, spots, spec) {
  const path = (points, y) => points.map((point, index) => `${index ? "L" : "M"}${xOf(point.x).toFixed(1)},${yOf(y(point)).toFixed(1)}`).join("");
  const band = one.band || [];
  for (const isFar of [false, true]) {
    const part = band.filter((point, index) => point.isFar === isFar || (isFar && band[index + 1] && band[index + 1].isFar));
    if (part.length < 2) continue;
    const back = [...part].reverse();
    root.append(
      makeSvg("path", { d: path(part, (point) => point.high) + path(back, (point) => point.low).replace("M", "L") + "z", class: `band c${one.place}${isFar ? " far" : ""}` }),
      makeSvg("path", { d: path(part, (point) => point.mid), class: `line forecast c${one.place}${isFar ? " far" : ""}` }));
  }
  if (one.points.length > 1) root.append(makeSvg("path", { d: path(one.points, (point) => point.y), class: `line c${one.place}${one.isDashed ? " forecast" : ""}` }));
  for (const point of one.points) {
    const x = xOf(point.x), y = yOf(point.y);
    if (point.low !== null && point.low !== undefined) root.append(
      makeSvg("line", { x1: x, x2: x, y1: yOf(point.low), y2: yOf(point.high), class: `whisker c${one.place}` }));
    if (one.isPlain) continue;
    const mark = makeSvg("path", { d: SHAPES[one.place % SHAPES.length](x, y, spec.isSmall ? 3 : 4.5), class: `mark c${one.place}` });
    spots.push({ x, y, element: mark, text: point.text });
    root.append(mark);
  }
  for (const point of band.filter((item) => item.text)) {
    const x = xOf(point.x), y = yOf(point.mid);
    const mark = makeSvg("path", { d: SHAPES[0](x, y, 3), class: `mark guess c${one.place}` });
    spots.push({ x, y, element: mark, text: point.text });
    root.append(mark);
  }
}

// Names of levels on the left, moved apart where they would lie over each other.
function drawLevelNames(root, spec, yOf, margin, height) {
  let last = -Infinity;
  const names = [...spec.levels].sort((a, b) => yOf(a.y) - yOf(b.y));
  if (spec.target !== null && spec.target !== undefined) names.push({ name: "target", y: spec.target, place: "t" });
  for (const level of names.sort((a, b) => yOf(a.y) - yOf(b.y))) {
    const y = Math.max(yOf(level.y) - 4, last + LABEL_GAP);
    last = y;
    if (y < height - margin.bottom + 2)
      root.append(makeSvg("text", { x: margin.left + 4, y, class: `name c${level.place}` }, `${level.name} ${score(level.y)}`));
  }
}

// One Tab stop; arrow keys go from point to point; a tip shows what is read out.
function makeReachable(box, root, spots, width) {
  const tip = make("div", { class: "tip", "aria-hidden": "true" });
  box.append(tip);
  let current = 0;
  const show = (spot) => {
    tip.textContent = spot.text;
    tip.classList.add("shown");
    const left = Math.min(Math.max(spot.x - tip.offsetWidth / 2, 0), width - tip.offsetWidth);
    tip.style.left = `${left}px`;
    tip.style.top = `${Math.max(0, spot.y - tip.offsetHeight - 10)}px`;
  };
  const hide = () => tip.classList.remove("shown");
  spots.forEach((spot, index) => {
    fill(spot.element, { tabindex: index ? -1 : 0, role: "img", "aria-label": spot.text }, []);
    spot.element.addEventListener("pointerenter", () => show(spot));
    spot.element.addEventListener("pointerleave", hide);
    spot.element.addEventListener("focus", () => { current = index; show(spot); });
    spot.element.addEventListener("blur", hide);
  });
  root.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape") hide();
    if (!step) return;
    event.preventDefault();
    spots[current].element.setAttribute("tabindex", -1);
    current = (current + step + spots.length) % spots.length;
    spots[current].element.setAttribute("tabindex", 0);
    spots[current].element.focus();
  });
}

// Draw now, and again when the width changes or the page is printed.
function keepDrawn(box, draw) {
  let drawnAt = null;
  const again = () => {
    if (box.clientWidth && box.clientWidth !== drawnAt) { drawnAt = box.clientWidth; draw(); }
  };
  new ResizeObserver(again).observe(box);
  again();
  return () => { drawnAt = null; again(); };
}
