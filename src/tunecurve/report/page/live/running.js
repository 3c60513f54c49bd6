// Stop and continue, where `tunecurve view --allow-runs` lets this page.
(function () {
  const id = document.querySelector("main").dataset.run, box = byId("running");
  if (!box) return;
  const stop = byId("stop"), goOn = byId("continue"), said = byId("running-said");
  let shownState = "";

  const doing = (what, words) => async () => {
    stop.disabled = goOn.disabled = true;
    const answer = await ask(`/api/runs/${id}/${what}`, {});
    said.textContent = answer.isGood ? words : answer.text;
    said.classList.toggle("bad", !answer.isGood);
    stop.disabled = goOn.disabled = false;
  };
  stop.addEventListener("click", doing("stop", "Asked to stop: it ends at its next step, and keeps what is finished. Once more: at once."));
  goOn.addEventListener("click", doing("continue", "Started: it goes on where it was."));
  document.addEventListener("run", (event) => {
    const run = event.detail;
    stop.hidden = run.state !== "running";
    goOn.hidden = !["interrupted", "failed"].includes(run.state);
    box.hidden = stop.hidden && goOn.hidden && !said.textContent;
    if (shownState && shownState !== run.state) said.textContent = "";
    shownState = run.state;
  });
})();
