// Helpers: elements are made by name, attributes and children; a text is a text node, never markup.
const SVG_NAMESPACE = "http://www.w3.org/2000/svg";
const threeDigits = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
const wholeNumber = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {}))
    if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

function make(name, attributes, ...children) {
  return fill(document.createElement(name), attributes, children);
}

function makeSvg(name, attributes, ...children) {
  return fill(document.createElementNS(SVG_NAMESPACE, name), attributes, children);
}

function byId(id) {
  return document.getElementById(id);
}

function dataOf(id) {
  const element = byId(id);
  return element && JSON.parse(element.textContent);
}

// A score with one decimal, as the tables have it; small ones keep three digits.
function score(value) {
  if (value === null || value === undefined) return "–";
  return value !== 0 && Math.abs(value) < 1 ? threeDigits.format(value) : value.toFixed(1);
}

function signed(value) {
  const size = Math.abs(value);
  return (value < 0 ? "−" : "+") + (size < 0.05 && size > 0 ? threeDigits.format(size) : size.toFixed(1));
}

function select(label, options, onChange) {
  const chosen = make("select", {}, ...options.map(([value, text]) => make("option", { value }, text)));
  chosen.addEventListener("change", () => onChange(chosen.value));
  return make("label", {}, label, " ", chosen);
}

function checkbox(label, isChecked, onChange) {
  const box = make("input", { type: "checkbox", checked: isChecked });
  box.addEventListener("change", () => onChange(box.checked));
  return make("label", {}, box, " ", label);
}
