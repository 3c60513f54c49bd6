// Everything begins here; a part that fails leaves the static picture and the tables, and the others go on.
(function () {
  const chart = dataOf("chart-data"), answers = dataOf("answer-data");
  const parts = [];
  if (chart) parts.push(() => showCurve(chart, showQuestions(chart)), () => showLabels(chart), () => showConfusions(chart), () => showLosses(chart), () => showJudged(chart));
  if (answers) parts.push(() => showAnswers(answers));
  for (const part of parts) try { part(); } catch (error) { console.error(error); }
  // Inside the live page: say how high this is, and once, that a reader is at work on it. Nothing of the content.
  if (window.parent !== window) {
    const tell = () => window.parent.postMessage({ height: document.documentElement.scrollHeight }, "*");
    new ResizeObserver(tell).observe(document.body); // not called while it is out of sight
    tell();
    for (const kind of ["input", "pointerdown", "keydown"]) window.addEventListener(kind, () => window.parent.postMessage({ touched: true }, "*"), { once: true });
  }
  const wasOpen = new Set();
  window.addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((item) => { if (item.open) wasOpen.add(item); item.open = true; }));
  window.addEventListener("afterprint", () => document.querySelectorAll("details").forEach((item) => { item.open = wasOpen.has(item); }));
})();
