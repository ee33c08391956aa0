(() => {
"use strict";
const $ = (id) => document.getElementById(id);
const body = document.body;
const articles = [...document.querySelectorAll("article")];
const kept = `toolloom-labels-${body.dataset.sheet}`;
const state = read();
let at = Math.max(0, articles.findIndex((each) => !labelOf(each)));

// A page from a file may have no storage: then what was labelled lasts as long as the page.
function read() {
  try {
    const found = JSON.parse(localStorage.getItem(kept) ?? "{}");
    return { person: String(found.person ?? ""), said: new Map(Object.entries(found.said ?? {})) };
  } catch {
    return { person: "", said: new Map() };
  }
}

function keep() {
  try {
    localStorage.setItem(kept, JSON.stringify({ person: state.person, said: Object.fromEntries(state.said) }));
  } catch {
    tell("This browser keeps nothing for this page: save the CSV before you close it.");
  }
}

function tell(text) { $("said").textContent = text; }
function saidOf(article) { return state.said.get(article.dataset.annotation) ?? { label: "", note: "" }; }
function labelOf(article) { return saidOf(article).label; }

function show() {
  articles.forEach((each, number) => {
    each.classList.toggle("here", number === at);
    for (const button of each.querySelectorAll("[data-label]"))
      button.setAttribute("aria-pressed", String(button.dataset.label === labelOf(each)));
  });
  const done = articles.filter(labelOf).length;
  $("progress").value = done;
  $("count").textContent = `${done} of ${articles.length}`;
  $("back").disabled = at === 0;
  $("on").disabled = at === articles.length - 1;
}

function go(to) {
  at = Math.min(articles.length - 1, Math.max(0, to));
  show();
  articles[at].focus({ preventScroll: true });
  articles[at].scrollIntoView({ block: "start" });
}

function label(article, chosen) {
  const before = saidOf(article);
  state.said.set(article.dataset.annotation, { ...before, label: before.label === chosen ? "" : chosen });
  keep();
  tell("");
  show();
}

// As RFC 4180 has it; what begins like a formula is text, also to a spreadsheet.
function cell(text) {
  const safe = text.replace(/(^|[\r\n\t;])(?=[\s\x00-\x1f\u200b-\u200f\ufeff"]*[=+\-@\uff1d\uff0b\uff0d\uff20])/g, "$1'");
  return `"${safe.replaceAll('"', '""')}"`;
}

function csv() {
  const rows = articles.filter(labelOf).map((each) => {
    const said = saidOf(each);
    const row = { annotation_id: each.dataset.annotation, seen: each.dataset.seen, label: said.label, person: state.person.trim(), note: said.note };
    return body.dataset.columns.split(",").map((name) => cell(row[name])).join(",");
  });
  return `\ufeff${[body.dataset.columns, ...rows].join("\r\n")}\r\n`;
}

function save() {
  if (!state.person.trim()) {
    tell("Say who you are first: labels of several people are told apart by their names.");
    $("person").focus();
    return;
  }
  const done = articles.filter(labelOf).length;
  if (!done) { tell("Nothing is labelled yet."); return; }
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([csv()], { type: "text/csv" }));
  link.download = `labels-${state.person.trim().replace(/[^\p{L}\p{N}]+/gu, "-")}.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  tell(`${done} labels saved as ${link.download}: toolloom evaluate --labels ${link.download} reads them.`);
}

for (const article of articles) {
  article.tabIndex = -1;
  const remark = article.querySelector(".remark");
  remark.value = saidOf(article).note;
  remark.addEventListener("input", () => {
    state.said.set(article.dataset.annotation, { ...saidOf(article), note: remark.value });
    keep();
  });
  for (const button of article.querySelectorAll("[data-label]"))
    button.addEventListener("click", () => label(article, button.dataset.label));
}
$("person").value = state.person;
$("person").addEventListener("input", () => { state.person = $("person").value; keep(); });
$("save").addEventListener("click", save);
$("back").addEventListener("click", () => go(at - 1));
$("on").addEventListener("click", () => go(at + 1));
$("next-open").addEventListener("click", () => {
  const open = [...articles.keys()].map((n) => (at + 1 + n) % articles.length).find((n) => !labelOf(articles[n]));
  if (open === undefined) tell("All are labelled: save the CSV.");
  else go(open);
});
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, summary, pre")) return;
  const buttons = [...articles[at].querySelectorAll("[data-label]")];
  if (event.key === "ArrowRight") go(at + 1);
  else if (event.key === "ArrowLeft") go(at - 1);
  else if (event.key === "0") label(articles[at], labelOf(articles[at]));
  else if (buttons[Number(event.key) - 1]) {
    if (labelOf(articles[at]) !== buttons[Number(event.key) - 1].dataset.label) buttons[Number(event.key) - 1].click();
    if (at < articles.length - 1) go(at + 1);
  } else return;
  event.preventDefault();
});
body.classList.add("turning");
show();
})();
