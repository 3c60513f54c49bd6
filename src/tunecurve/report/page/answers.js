// The answers explorer: one row, what every strategy and size answered, and where it differs from target or input.
const MOST_CELLS = 1_000_000;

// Control characters as pictures of themselves: a text never steers the page, and nothing in it is invisible.
function visibleText(text) {
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, (found) => (found === "\u007f" ? "\u2421" : String.fromCharCode(0x2400 + found.charCodeAt(0))));
}

function wordsOf(text) {
  return text.match(/[\p{L}\p{N}_]+|\s+|[^\p{L}\p{N}_\s]/gu) || [];
}

// Pieces [kind, text] that lead from one text to the other: "same", "gone" (only in the first), "new" (only in the second).
function differences(first, second) {
  let a = wordsOf(first), b = wordsOf(second), start = 0, end = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const head = a.slice(0, start), tail = end ? a.slice(-end) : [];
  a = a.slice(start, a.length - end); b = b.slice(start, b.length - end);
  return joined([...head.map((word) => ["same", word]), ...middle(a, b), ...tail.map((word) => ["same", word])]);
}

// Longest common subsequence of words; where that is too much work, all of one for all of the other.
function middle(a, b) {
  if (!a.length || !b.length || a.length * b.length > MOST_CELLS) return [...a.map((word) => ["gone", word]), ...b.map((word) => ["new", word])];
  const wide = b.length + 1, length = new Uint16Array((a.length + 1) * wide);
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      length[i * wide + j] = a[i] === b[j] ? length[(i + 1) * wide + j + 1] + 1 : Math.max(length[(i + 1) * wide + j], length[i * wide + j + 1]);
  const found = [];
  let i = 0, j = 0;
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) { found.push(["same", a[i]]); i++; j++; }
    else if (length[(i + 1) * wide + j] >= length[i * wide + j + 1]) found.push(["gone", a[i++]]);
    else found.push(["new", b[j++]]);
  }
  return [...found, ...a.slice(i).map((word) => ["gone", word]), ...b.slice(j).map((word) => ["new", word])];
}

function joined(pieces) {
  const found = [];
  for (const [kind, text] of pieces) {
    const last = found[found.length - 1];
    if (last && last[0] === kind) last[1] += text;
    else found.push([kind, text]);
  }
  return found;
}

function marked(first, second, leaks = []) {
  const names = { same: "span", gone: "del", new: "ins" };
  let at = 0;
  return differences(first, second).map(([kind, text]) => {
    const made = make(names[kind], {}, ...(kind === "gone" ? [visibleText(text)] : withLeaks(text, at, leaks)));
    if (kind !== "gone") at += text.length;
    return made;
  });
}

// Where values stand in an answer that should be masked: those places that the target does not have.
function leaksIn(answer, target, values) {
  const found = [], low = answer.toLowerCase();
  let at = 0;
  const added = [];
  for (const [kind, text] of differences(target, answer)) {
    if (kind === "new") added.push([at, at + text.length]);
    if (kind !== "gone") at += text.length;
  }
  for (const value of [...values].sort((a, b) => b.length - a.length))
    for (let start = low.indexOf(value.toLowerCase()); start >= 0; start = low.indexOf(value.toLowerCase(), start + value.length)) {
      const end = start + value.length, meets = ([from, to]) => from < end && start < to;
      if (added.some(meets) && !found.some(meets)) found.push([start, end]);
    }
  return found.sort((a, b) => a[0] - b[0]);
}

// A piece of the answer that begins at a place, what leaks in it framed, with a sign.
function withLeaks(text, at, leaks) {
  const made = [];
  let done = 0;
  for (const [from, to] of leaks) {
    const start = Math.max(done, from - at), end = Math.min(text.length, to - at);
    if (start >= end) continue;
    made.push(visibleText(text.slice(done, start)), make("mark", { class: from >= at ? "leak begins" : "leak" }, visibleText(text.slice(start, end))));
    done = end;
  }
  return [...made, visibleText(text.slice(done))];
}

// "tagger: tuned on 24, tuned on 72; floor: copying the input"
function namesOf(trials) {
  const byLearner = new Map();
  for (const trial of trials) byLearner.set(trial.learner, [...(byLearner.get(trial.learner) || []), trial.name.replace(`${trial.learner}: `, "")]);
  return [...byLearner].map(([learner, names]) => `${learner}: ${names.join(", ")}`).join("; ");
}

function showAnswers(data) {
  const trials = data.trials.map((trial) => ({ ...trial, wrong: new Set(trial.wrong), leaking: new Map(trial.leaking), faults: new Map(trial.faults), stopped: new Map(trial.stopped) }));
  const best = trials.length - 1;
  const state = { show: "all", from: Math.max(0, best - 1), at: best, label: "", least: null, most: null, search: "", against: "target", place: 0 };
  const texts = (row) => data.rows[row].slice(0, 2).map((number) => data.texts[number]);
  const answerOf = (trial, row) => data.texts[trial.answers[row]];

  function holdsLabel(row) {
    const target = texts(row)[1];
    if (!state.label) return true;
    if (data.are_classes) return target.trim() === state.label;
    const at = target.indexOf(state.label), isWord = (text) => /[\p{L}\p{N}_]/u.test(text);
    for (let place = at; place >= 0; place = target.indexOf(state.label, place + 1))
      if (!isWord(target.charAt(place - 1)) && !isWord(target.charAt(place + state.label.length))) return true;
    return false;
  }

  // The row that "row 17", "#17" (of the test set) or "line 73" (of the data) ask for; -1: none is asked for, or it is not here.
  const askedNumber = () => state.search.trim().match(/^(?:(?:test\s+)?row\s+#?|#)(\d+)$|^line\s+(\d+)$/i);

  function nothingFound() {
    const asked = askedNumber();
    if (!asked) return "No row is like that.";
    if (asked[2]) return `No test row on this page is line ${asked[2]} of the data: it is a training row, or left out.`;
    return Number(asked[1]) >= 1 && Number(asked[1]) <= data.n_rows ? `Test row ${asked[1]} is left out to keep this file small (tunecurve export writes all).` : `There is no test row ${asked[1]}: they are 1 to ${wholeNumber.format(data.n_rows)}.`;
  }

  function numbered() {
    const asked = askedNumber();
    if (!asked) return -1;
    if (asked[1]) return data.rows.findIndex((row) => row[2] === Number(asked[1]));
    return data.places.findIndex((place) => new RegExp(`\\bline ${Number(asked[2])}$`).test(place));
  }

  function isShown(row) {
    if (row === numbered()) return true;
    const at = trials[state.at], from = trials[state.from];
    const wanted = {
      all: () => true, wrong: () => at.wrong.has(row), leaking: () => at.leaking.has(row),
      fixed: () => from.wrong.has(row) && !at.wrong.has(row), broken: () => !from.wrong.has(row) && at.wrong.has(row),
    };
    const length = texts(row)[0].length;
    if (!wanted[state.show]() || !holdsLabel(row)) return false;
    if ((state.least !== null && length < state.least) || (state.most !== null && length > state.most)) return false;
    if (!state.search) return true;
    const needle = state.search.toLowerCase();
    return [...texts(row), data.places[row] || "", ...trials.map((trial) => answerOf(trial, row))].some((text) => text.toLowerCase().includes(needle));
  }

  // Trials with the same answer stand together, so that what differs is seen.
  function groupsOf(row) {
    const found = new Map();
    for (const trial of trials) {
      const number = trial.answers[row];
      if (!found.has(number)) found.set(number, []);
      found.get(number).push(trial);
    }
    return [...found.values()];
  }

  function card(row, group) {
    const trial = group[0], answer = answerOf(trial, row), [input, target] = texts(row);
    const leaks = trial.leaking.get(row), stop = trial.stopped.get(row);
    const badges = [
      make("span", { class: trial.wrong.has(row) ? "badge bad" : "badge good" }, trial.wrong.has(row) ? "differs from the target" : "right"),
      leaks ? make("span", { class: "badge bad" }, `${leaks} value${leaks > 1 ? "s" : ""} leak${leaks > 1 ? "" : "s"}`) : null,
      stop ? make("span", { class: "badge bad" }, `stopped by: ${stop}`) : null,
    ];
    const faults = trial.faults.get(row), leaking = faults ? leaksIn(answer, target, faults.shown) : [];
    const content = answer ? marked(state.against === "target" ? target : input, answer, leaking) : [make("em", {}, "(empty)")];
    return make("li", {}, make("div", { class: "who" }, namesOf(group), " ", ...badges), make("p", { class: "text", dir: "auto" }, ...content),
      ...(faults ? faults.said.map((line) => make("p", { class: "fault", dir: "auto" }, visibleText(line))) : []));
  }

  const list = byId("answer-row"), count = byId("answer-count");
  function redraw() {
    const rows = data.rows.map((_, row) => row).filter(isShown);
    state.place = Math.min(state.place, Math.max(0, rows.length - 1));
    const left = data.n_rows - data.rows.length;
    count.textContent = (rows.length ? `row ${state.place + 1} of ${wholeNumber.format(rows.length)} that are like this` : "no row") + (left ? `; ${wholeNumber.format(left)} of ${wholeNumber.format(data.n_rows)} test rows are left out to keep this file small, those answered right first (tunecurve export writes all)` : "");
    previous.disabled = !rows.length || state.place === 0;
    next.disabled = !rows.length || state.place === rows.length - 1;
    between.hidden = !["fixed", "broken"].includes(state.show);
    if (!rows.length) { list.replaceChildren(make("p", {}, nothingFound())); return; }
    const row = rows[state.place], [input, target] = texts(row), where = data.places[row];
    list.replaceChildren(
      make("h3", {}, `Test row ${data.rows[row][2]}${where ? ` (${where} of the data)` : ""}`),
      make("dl", { class: "example" },
        make("dt", {}, "input"), make("dd", { dir: "auto" }, visibleText(input)),
        make("dt", {}, "target"), make("dd", { dir: "auto" }, ...(state.against === "input" ? marked(input, target) : [visibleText(target)]))),
      make("ul", { class: "answers" }, ...groupsOf(row).map((group) => card(row, group))));
  }

  function jump() {
    const at = numbered();
    if (at >= 0) state.place = data.rows.map((_, row) => row).filter(isShown).indexOf(at);
  }

  const change = (key) => (value) => { state[key] = value; state.place = 0; jump(); redraw(); };
  const named = trials.map((trial, index) => [index, trial.name]);
  const field = (label, type, key, read) => {
    const input = make("input", { type, placeholder: type === "search" ? "text, row 17, line 73" : null, ...(type === "number" ? { min: 0, class: "short" } : {}) });
    input.addEventListener("input", () => change(key)(read(input.value)));
    return make("label", {}, label, " ", input);
  };
  const chosen = (label, key, at) => {
    const made = select(label, named, (value) => change(key)(Number(value)));
    made.querySelector("select").value = at;
    return made;
  };
  const step = (text, by) => {
    const button = make("button", { type: "button" }, text);
    button.addEventListener("click", () => { state.place += by; redraw(); });
    return button;
  };
  const previous = step("← previous row", -1), next = step("next row →", 1), between = chosen("from", "from", state.from);
  const kinds = [["all", "all rows"], ["wrong", "wrong"], ...(data.has_leaks ? [["leaking", "leaking"]] : []), ["fixed", "fixed from … to …"], ["broken", "broken from … to …"]];
  byId("answer-filters").append(
    select("show", kinds, change("show")), between, chosen("in / to", "at", state.at),
    ...(data.labels.length ? [select("label", [["", "any"], ...data.labels.map((label) => [label, label])], change("label"))] : []),
    field("at least", "number", "least", (value) => (value === "" ? null : Number(value))),
    field("at most", "number", "most", (value) => (value === "" ? null : Number(value))), make("span", {}, "characters"),
    field("search", "search", "search", (value) => value),
    select("differences from", [["target", "target"], ["input", "input"]], (value) => { state.against = value; redraw(); }));
  byId("answer-steps").append(previous, next);
  byId("answers").hidden = false;
  redraw();
}
