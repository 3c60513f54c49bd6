// Try it: one text, answered by the models of all sizes, one after another, because one model process answers at a time.
(function () {
  const id = document.querySelector("main").dataset.run;
  const section = byId("trying"), text = byId("text"), button = byId("ask"), answers = byId("answers-here");
  let models = [], isAsking = false;

  function card(model) {
    const said = make("p", { class: "text" }, "…"), badge = make("span", { class: "badge" }, "waits for its turn");
    const others = models.some((one) => one.learner !== model.learner) ? `${model.learner}, ` : "";
    const element = make("li", {}, make("div", { class: "who" }, `${others}${wholeNumber.format(model.train_size)} training rows `, badge), said);
    return { element, said, badge };
  }

  function tell(one, answer) {
    const isAnswer = answer.answer !== undefined;
    one.said.textContent = isAnswer ? answer.answer : answer.problem;
    one.said.classList.toggle("fault", !isAnswer);
    const note = answer.stop_reason === "end" ? "" : ` · ended by: ${answer.stop_reason}`;
    one.badge.textContent = isAnswer ? `${answer.seconds.toFixed(1)} s${note}` : "no answer";
    one.badge.className = isAnswer ? "badge good" : "badge bad";
  }

  byId("try-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    if (isAsking || !text.value.trim()) return;
    [isAsking, button.disabled] = [true, true];
    const asked = models, cards = asked.map(card), question = text.value;
    answers.replaceChildren(...cards.map((one) => one.element));
    for (const [place, model] of asked.entries()) {
      cards[place].badge.textContent = "answers …";
      const answer = await ask(`/api/runs/${id}/answer`, { text: question, trial: model.trial });
      tell(cards[place], answer.isGood ? JSON.parse(answer.text) : { problem: answer.isThere ? answer.text : "no answer: 'tunecurve view' has ended" });
    }
    [isAsking, button.disabled] = [false, false];
  });

  document.addEventListener("run", (event) => {
    const run = event.detail;
    models = run.models;
    section.hidden = !models.length;
    const others = run.n_questions - (isAsking ? 1 : 0);
    byId("queue").textContent = (others > 0 ? `${others} questions from elsewhere are before or behind yours. ` : "") +
      (run.state === "running" ? "A study is running: answers take a little of its time." : "");
  });
})();
