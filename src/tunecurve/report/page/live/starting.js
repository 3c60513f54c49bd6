// Starting a study: as `tunecurve run` would in the terminal in which `tunecurve view --allow-runs` was started.
(function () {
  const form = byId("start-form");
  if (!form) return;
  const said = byId("start-said"), button = form.querySelector("button");
  const named = (name) => form.querySelector(`[name="${name}"]`);
  let isNamed = false;
  named("name").addEventListener("input", () => { isNamed = true; });
  named("study").addEventListener("input", () => {
    if (!isNamed) named("name").value = named("study").value.split(/[\\/]/).pop().replace(/\.[^.]*$/, "").replace(/[^A-Za-z0-9._-]+/g, "-").replace(/^[^A-Za-z0-9]+/, "");
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    const values = Object.fromEntries([...form.querySelectorAll("input")].map((one) => [one.name, one.value]));
    const answer = await ask("/api/start", values);
    button.disabled = false;
    if (answer.isGood) location.assign(`/runs/${JSON.parse(answer.text).id}`);
    else { said.textContent = answer.isThere ? answer.text : "No answer: 'tunecurve view' has ended."; said.classList.add("bad"); }
  });
})();
