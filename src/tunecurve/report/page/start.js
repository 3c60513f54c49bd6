// Everything begins here; a part that fails leaves the static picture and the tables, and the others go on.
(function () {
  const chart = dataOf("chart-data"), answers = dataOf("answer-data");
  const parts = [];
  if (chart) parts.push(() => showCurve(chart, showQuestions(chart)), () => showLabels(chart), () => showConfusions(chart), () => showLosses(chart), () => showJudged(chart));
  if (answers) parts.push(() => showAnswers(answers));
  for (const part of parts) try { part(); } catch (error) { console.error(error); }
  const wasOpen = new Set();
  window.addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((item) => { if (item.open) wasOpen.add(item); item.open = true; }));
  window.addEventListener("afterprint", () => document.querySelectorAll("details").forEach((item) => { item.open = wasOpen.has(item); }));
})();
