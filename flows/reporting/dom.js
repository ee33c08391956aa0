// Elements, numbers and the tooltip.  Values only ever become text nodes: nothing here writes markup.
const SVG = "http://www.w3.org/2000/svg";

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "text") node.textContent = String(value);
    else if (name === "tip") tipped(node, String(value));
    else if (name === "width%" || name === "left%") node.style[name.slice(0, -1)] = `${value}%`;
    else node.setAttribute(name, String(value));
  }
  for (const child of children) if (child !== null && child !== undefined) node.append(child);
  return node;
}
const el = (tag, attributes, ...children) => filled(document.createElement(tag), attributes, children);
const svg = (tag, attributes, ...children) => filled(document.createElementNS(SVG, tag), attributes, children);
const byId = (id) => document.getElementById(id);

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const num = (value) => (value === null || value === undefined ? "–" : Math.abs(value) < 10000 ? whole.format(value) : short.format(value));
const exact = (value) => (value === null || value === undefined ? "–" : whole.format(value));
const dec = (value, digits = 1) => (value === null || value === undefined ? "–" : value.toFixed(digits));
// Small ones with their decimals, as of a loss.
const measure = (value) => (typeof value !== "number" || Math.abs(value) >= 100 || Number.isInteger(value) ? num(value) : String(Number(value.toPrecision(3))));
const percent = (part, all) => (all ? `${(100 * part / all).toFixed(part === all || part === 0 || part / all > 0.1 ? 0 : 1)} %` : "–");
const usd = (value) => (value === null || value === undefined ? "–" : `$${value < 10 ? value.toFixed(2) : whole.format(value)}`);
const words = (name) => String(name ?? "").replaceAll("_", " ");
const plural = (number, noun) => `${exact(number)} ${noun}${number === 1 ? "" : noun.endsWith("ch") ? "es" : "s"}`;
const sum = (rows, key) => rows.reduce((all, row) => all + (Number(row[key]) || 0), 0);
const most = (values) => values.reduce((best, value) => Math.max(best, value || 0), 0);

function grouped(rows, key) {
  const groups = new Map();
  for (const row of rows) {
    if (!groups.has(row[key])) groups.set(row[key], []);
    groups.get(row[key]).push(row);
  }
  return groups;
}

const tip = el("div", { class: "tip", role: "presentation" });
function tipped(node, text) {
  const show = (event) => {
    tip.textContent = text;
    tip.classList.add("on");
    const box = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(6, Math.min(window.innerWidth - box.width - 6, event.clientX + 12))}px`;
    tip.style.top = `${event.clientY > window.innerHeight - box.height - 24 ? event.clientY - box.height - 10 : event.clientY + 14}px`;
  };
  node.addEventListener("pointermove", show);
  node.addEventListener("pointerdown", show);
  node.addEventListener("pointerleave", () => tip.classList.remove("on"));
}
