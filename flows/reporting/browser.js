// The browser of instructions: everything is unpacked once, a page of rows is drawn, a tree when it is opened.
const FIELDS = ["instruction", "annotation", "scenario", "split", "query", "apis", "n_words", "method", "model", "win", "stopped_by", "answer", "n_queries", "n_calls", "n_nodes", "depth"];
const PER_PAGE = 25;
const ORDERS = { "as drawn": null, "most requests": (a, b) => (b.n_queries ?? -1) - (a.n_queries ?? -1), "deepest": (a, b) => (b.depth ?? -1) - (a.depth ?? -1), "longest": (a, b) => b.n_words - a.n_words, "most APIs": (a, b) => b.apis.length - a.apis.length };
const OUTCOME_WORDS = { answered: (row) => row.win === true, "not answered": (row) => row.win === false, "went back": (row) => row.win !== null && row.n_queries !== null && row.branched, "not searched": (row) => row.win === null };
const state = { rows: [], found: [], page: 0, chunks: new Map() };

async function unpacked(id) {
  const packed = atob(byId(id).textContent.trim());
  const bytes = Uint8Array.from(packed, (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

function asRow(values, at) {
  const row = { at };
  FIELDS.forEach((name, position) => { row[name] = values[position]; });
  row.branched = values[FIELDS.length];
  row.categories = [...new Set(row.apis.map((api) => api.split("/").slice(0, -2).join("/")))];
  row.text = `${row.query}\n${row.answer ?? ""}\n${row.apis.join("\n")}\n${row.instruction}\n${row.annotation ?? ""}`.toLowerCase();
  return row;
}

function options(id, values, any) {
  byId(id).replaceChildren(...(any ? [el("option", { value: "", text: any })] : []), ...values.map((value) => el("option", { value, text: value })));
}

function search() {
  const asked = byId("words").value.toLowerCase().split(/\s+/).filter(Boolean);
  const { scenario, category, outcome, method } = Object.fromEntries(["scenario", "category", "outcome", "method"].map((id) => [id, byId(id).value]));
  state.found = state.rows.filter((row) =>
    (!scenario || row.scenario === scenario) && (!method || row.method === method)
    && (!category || row.categories.includes(category)) && (!outcome || OUTCOME_WORDS[outcome](row))
    && asked.every((word) => row.text.includes(word)));
  const order = ORDERS[byId("order").value];
  if (order) state.found.sort((a, b) => order(a, b) || a.at - b.at);
  turn(0);
}

function turn(page) {
  const last = Math.max(0, Math.ceil(state.found.length / PER_PAGE) - 1);
  state.page = Math.min(Math.max(0, page), last);
  const first = state.page * PER_PAGE;
  byId("rows").replaceChildren(...state.found.slice(first, first + PER_PAGE).map(item));
  const of = state.found.length === state.rows.length ? "" : ` of ${exact(state.rows.length)}`;
  byId("found").textContent = state.found.length ? `${exact(state.found.length)}${of} found` : "Nothing matches; take a word or a filter away.";
  byId("page").textContent = `${exact(state.page + 1)} of ${exact(last + 1)}`;
  byId("back").disabled = state.page === 0;
  byId("next").disabled = state.page === last;
}

function item(row) {
  const word = row.win === null ? "not searched" : row.win ? "answered" : words(row.stopped_by);
  const how = el("div", { class: "how" }, el("span", { class: row.win === null ? "" : row.win ? "good" : "bad", text: word }), row.win === null ? null : el("br"), row.win === null ? null : `${plural(row.n_queries, "request")}, ${plural(row.n_calls, "call")}`);
  const summary = el("summary", {}, el("div", { class: "scene", text: row.scenario }), el("div", { class: "q", text: row.query }), how);
  const details = el("details", { "data-id": row.instruction }, summary);
  details.addEventListener("toggle", () => { if (details.open && details.children.length === 1) open(details, row); });
  return el("li", {}, details);
}

async function open(details, row) {
  const inside = el("div", { class: "detail" });
  details.append(inside);
  inside.append(el("h4", { text: "APIs it needs" }), el("ul", { class: "apis" }, ...row.apis.map((api) => el("li", { text: api }))));
  if (row.win === null) return;
  if (row.answer !== null) inside.append(el("h4", { text: "Answer" }), el("p", { class: "answer", text: row.answer }));
  inside.append(el("h4", { text: `The search: ${row.method}, ${row.model}` }));
  const nodes = await treeOf(row.at);
  inside.append(nodes ? tree(firstSteps(nodes)) : el("p", { class: "empty", text: "Its tree is not in this file." }));
  inside.append(el("p", { class: "source" }, el("code", { text: `toolloom show ${row.annotation} --full` })));
}

async function treeOf(at) {
  const chunk = Math.floor(at / facts.trees_per_chunk);
  if (!byId(`trees-${chunk}`)) return null;
  if (!state.chunks.has(chunk)) state.chunks.set(chunk, unpacked(`trees-${chunk}`));
  return (await state.chunks.get(chunk))[at % facts.trees_per_chunk];
}

// A reply of the model may be several nodes: a thought, an action, its input.
function firstSteps(nodes) {
  const first = [], steps = new Map(), ofNode = new Map();
  for (const [id, parent, kind, number, thought, fun, args, observation, outcome, finish, onPath] of nodes) {
    const before = parent === null ? null : ofNode.get(parent) ?? null;
    if (number === null) { ofNode.set(id, null); continue; }
    if (!steps.has(number)) {
      const step = { number, thought: null, calls: [], next: [], finish, on: false };
      steps.set(number, step);
      (before === null ? first : before.next).push(step);
    }
    const step = steps.get(number);
    step.on = step.on || onPath;
    if (thought) step.thought = step.thought ?? thought;
    if (kind === "action_input") step.calls.push({ fun, args, observation, outcome });
    ofNode.set(id, step);
  }
  return first;
}

// A chain stays in its column; where the search came back, each branch has a rule of its own.
function tree(steps) {
  const list = el("ol", { class: "tree" });
  let now = steps;
  while (now.length === 1) {
    list.append(stepItem(now[0], now[0].next.length === 0));
    now = now[0].next;
  }
  const branches = now.map((step, at) => {
    const on = leadsOn(step);
    return el("div", { class: `fork ${on ? "on" : "off"}` }, el("p", { text: `branch ${at + 1} of ${now.length}${on ? ", which led to the answer" : ", abandoned"}` }), tree([step]));
  });
  return branches.length ? el("div", {}, list, ...branches) : list;
}

const leadsOn = (step) => step.on;

function stepItem(step, end) {
  const inside = el("li", { class: `${step.on ? "on" : "off"}${end ? " end" : ""}`, "data-no": step.number + 1 });
  if (step.thought !== null) inside.append(el("p", { class: "thought", text: step.thought }));
  for (const call of step.calls) inside.append(...callLines(call));
  if (step.thought === null && !step.calls.length) inside.append(el("p", { class: "thought", text: `(an empty reply: ${step.finish})` }));
  return inside;
}

function callLines({ fun, args, observation, outcome }) {
  let given = null;
  try { given = JSON.parse(args || "{}"); } catch { given = null; }
  const isObject = given !== null && typeof given === "object" && !Array.isArray(given);
  if (fun === "Finish" && outcome === "gave_up") return [el("p", { class: "finish bad", text: "✗ gave up" })];
  if (fun === "Finish" && outcome === "answered") return [el("p", { class: "finish good", text: "✓ answered" })];
  const made = isObject ? Object.entries(given).map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(", ") : args ?? "";
  return [el("p", { class: "call", text: `${fun}(${made})` }), el("p", { class: `seen ${outcome === "ok" ? "ok" : "not"}`, text: `${outcome}: ${observation ?? ""}` })];
}

async function browse() {
  if (typeof DecompressionStream === "undefined") {
    byId("found").textContent = "This browser cannot unpack the instructions (no DecompressionStream); one of the last two years can.";
    return;
  }
  state.rows = (await unpacked("index")).map(asRow);
  options("scenario", [...new Set(state.rows.map((row) => row.scenario))].sort(), "any");
  options("category", [...new Set(state.rows.flatMap((row) => row.categories))].sort(), "any");
  options("method", [...new Set(state.rows.map((row) => row.method).filter(Boolean))].sort(), "any");
  options("outcome", Object.keys(OUTCOME_WORDS).filter((name) => state.rows.some(OUTCOME_WORDS[name])), "any");
  options("order", Object.keys(ORDERS));
  for (const id of ["words", "scenario", "category", "outcome", "method", "order"]) byId(id).addEventListener("input", search);
  byId("back").addEventListener("click", () => { turn(state.page - 1); byId("browse").scrollIntoView(); });
  byId("next").addEventListener("click", () => { turn(state.page + 1); byId("browse").scrollIntoView(); });
  search();
}

drawAll();
browse().then(() => { document.documentElement.dataset.ready = "yes"; });
