// Asking the server that this page came from. What is asked again and again is shown only when it has changed.
const SECONDS_BETWEEN = 2;

async function ask(path, body) {
  const more = body === undefined ? {} : { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  try {
    const answer = await fetch(path, { credentials: "same-origin", ...more });
    return { isThere: true, isGood: answer.ok, text: await answer.text() };
  } catch {
    return { isThere: false, isGood: false, text: "" };
  }
}

function keepAsking(path, show) {
  let before = null, isAsking = false;
  const once = async () => {
    if (document.hidden || isAsking) return;
    isAsking = true;
    const answer = await ask(path);
    isAsking = false;
    byId("lost").hidden = answer.isGood;
    if (!answer.isGood) byId("lost").textContent = answer.isThere ? answer.text : "No answer: 'tunecurve view' has ended. What is shown is as it was then; studies go on without it.";
    if (answer.isGood && answer.text !== before) { before = answer.text; show(JSON.parse(answer.text)); }
  };
  setInterval(once, 1000 * SECONDS_BETWEEN);
  document.addEventListener("visibilitychange", once);
  once();
  return once;
}

function stateBadge(run) {
  return make("span", { class: `state ${run.state}` }, run.state);
}

function trialsDone(run) {
  if (run.n_trials === null && !run.n_finished && !run.n_failed) return run.state === "running" ? "no trial has ended" : "";
  const failed = run.n_failed ? `, ${run.n_failed} failed` : "";
  return `${run.n_finished} of ${run.n_trials === null ? "?" : run.n_trials} trials${failed}`;
}

function timeOf(seconds) {
  return seconds ? new Date(1000 * seconds).toLocaleString([], { dateStyle: "medium", timeStyle: "short" }) : "";
}
