// Driven by test_page.py: asks the page what a reader would, and returns what it shows.
const text = (id) => document.getElementById(id).textContent;
const inputs = document.querySelectorAll("#answer-filters select, #answer-filters input");
const named = (label) => [...document.querySelectorAll("#answer-filters label")].find((one) => one.textContent.startsWith(label)).querySelector("select, input");
const set = (label, value) => { const one = named(label); one.value = value; one.dispatchEvent(new Event(one.tagName === "SELECT" ? "change" : "input")); };
const count = () => text("answer-count");
const found = { decision: text("decision-0"), required: text("required-0"), chart: document.querySelectorAll("#curve-chart .mark").length };
for (const kind of ["all", "wrong", "leaking", "fixed", "broken"]) { set("show", kind); found[kind] = count() + " " + text("answer-row"); }
set("show", "all");
set("label", "CITY"); found.label = count();
set("label", "");
set("at most", "7"); found.short = count();
set("at most", "");
set("search", "rome"); found.search = count();
set("search", "nowhere"); found.none = text("answer-row");
set("search", "row 9"); found.noSuchRow = text("answer-row");
set("show", "wrong");
for (const asked of ["row 3", "#3", "Test row 3", "line 12"]) { set("search", asked); found[asked] = count() + " " + text("answer-row"); }
set("search", "");
set("show", "leaking");
found.faults = [...document.querySelectorAll("#answer-row .fault")].map((one) => one.textContent);
found.leaks = [...document.querySelectorAll("#answer-row .leak")].map((one) => one.textContent);
set("show", "all");
const ask = (id, value) => { const field = document.getElementById(id); field.value = value; field.dispatchEvent(new Event("input")); return text(id === "target" ? "required-0" : "decision-0"); };
found.unreadable = { abc: ask("label-price", "abc"), comma: ask("label-price", "0,10"), negative: ask("label-price", "-1"), target: ask("target", "9o") };
const worth = document.getElementById("value-per-point").value;
ask("target", ""); ask("label-price", "2"); found.costOnly = ask("value-per-point", "");
ask("label-price", ""); found.valueOnly = ask("value-per-point", "5");
ask("value-per-point", worth);
document.getElementById("label-price").value = "1000";
document.getElementById("label-price").dispatchEvent(new Event("input")); found.dear = text("decision-0");
const slider = document.getElementById("target-slider"); slider.value = 79; slider.dispatchEvent(new Event("input")); found.reached = text("required-0");
found.marks = [...document.querySelectorAll("#answer-row ins, #answer-row del")].map((one) => one.textContent);
const first = document.querySelector("#curve-chart .mark[tabindex='0']"); first.focus();
document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true })); found.focus = document.activeElement.getAttribute("aria-label");
found.panels = document.querySelectorAll("#label-panels svg").length;
return found;
