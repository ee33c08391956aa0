// Which chart shows what.
const facts = JSON.parse(byId("facts").textContent);
const SCENARIOS = [{ key: "G1", name: "G1", colour: "a1" }, { key: "G2", name: "G2", colour: "a2" }, { key: "G3", name: "G3", colour: "a3" }];
const WON = [{ key: "true", name: "answered", colour: "good" }, { key: "false", name: "not answered", colour: "bad2" }];
const OUTCOMES = ["ok", "timeout", "server_error", "connection_error", "not_found", "unauthorized"];
const OUTCOME_COLOURS = ["good", "bad", "bad2", "bad3", "warn", "a3"];

function place(name, draw, isEmpty) {
  const figure = document.querySelector(`[data-chart="${name}"]`);
  const host = figure.querySelector(".chart"), note = figure.querySelector(".note");
  if (isEmpty) nothing(host, "Nothing yet: the run has not come so far.");
  else draw(host, (text) => { note.textContent = text; });
}

// Rows to groups for columns: one group per value of `by`, one value per value of `of`.
function pivot(rows, by, of, number, name = (value) => value) {
  return [...grouped(rows, by)].map(([key, members]) => {
    const values = {};
    for (const member of members) values[String(member[of])] = (values[String(member[of])] || 0) + member[number];
    return { key, name: name(key), values };
  });
}

// Every whole step between the first and the last, so that a gap in the data is a gap in the picture; the
// thin end is one last column.
function continuous(groups, step, label, most_ = 40) {
  if (!groups.length) return groups;
  const known = new Map(groups.map((group) => [group.key, group]));
  const first = Math.min(...known.keys()), last = Math.max(...known.keys());
  const end = Math.min(last, first + step * most_), found = [];
  for (let key = first; key <= end; key += step) found.push(known.get(key) || { key, name: label(key), values: {} });
  const beyond = groups.filter((group) => group.key > end);
  if (beyond.length) {
    const values = {};
    for (const group of beyond) for (const [key, value] of Object.entries(group.values)) values[key] = (values[key] || 0) + value;
    found.push({ key: end + step, name: `${end + step}+`, values });
  }
  return found;
}

const drawing = {
  funnel(host, say) { say("Stages in order, from the crawl of the catalogue to the answered instruction."); funnel(host, withAnswers(facts.funnel), facts.rejects); },

  categories(host, say) {
    const rows = [...facts.sizes_by_category].sort((a, b) => total(b) - total(a));
    say("An instruction counts in each category it needs.");
    bars(host, { series: SCENARIOS, rows: rows.map((row) => ({ name: row.category, value: num(total(row)), note: plural(row.n_tools, "tool"), parts: SCENARIOS.map((one) => ({ ...one, value: row[`n_${one.key.toLowerCase()}`] })) })) });
    function total(row) { return row.n_g1 + row.n_g2 + row.n_g3; }
  },

  scenarios(host, say) {
    const rows = facts.instructions_by_scenario;
    say("Test splits hold tools, or whole categories, that training never sees.");
    const heads = [{ name: "scenario" }, { name: "split" }, { name: "instructions", number: true }, { name: "words", number: true }, { name: "APIs", number: true }];
    table(host, heads, rows.map((row) => [row.scenario, words(row.split), exact(row.n_instructions), dec(row.mean_words), dec(row.mean_relevant_apis, 2)]));
  },

  lengths(host, say) {
    say(`On average ${dec(facts.run.mean_words)} words.`);
    const groups = continuous(pivot(facts.instruction_lengths, "words_from", "scenario", "n_instructions"), 10, String);
    for (const group of groups) group.tip = `${group.key} to ${group.key + 9} words`;
    columns(host, { groups, series: SCENARIOS, xLabel: "words", yLabel: "instructions", unit: "instructions" });
  },

  apis_needed(host, say) {
    const rows = facts.apis_per_instruction, all = sum(rows, "n_instructions");
    say(`${percent(sum(rows.filter((row) => row.n_apis > 1), "n_instructions"), all)} need more than one.`);
    columns(host, { groups: continuous(pivot(rows, "n_apis", "scenario", "n_instructions"), 1, String), series: SCENARIOS, xLabel: "APIs needed", yLabel: "instructions", unit: "instructions" });
  },

  coverage(host, say) {
    const rows = facts.coverage_by_category, kept = sum(rows, "n_kept");
    say(`${percent(sum(rows, "n_needed"), kept)} of ${plural(kept, "kept API")} are needed by some instruction, ${percent(sum(rows, "n_offered"), kept)} are at least offered.`);
    const series = [{ name: "needed", colour: "a1" }, { name: "only offered", colour: "a3" }];
    bars(host, { series, rows: rows.map((row) => ({ name: row.category, of: row.n_kept, value: percent(row.n_needed, row.n_kept), note: `of ${num(row.n_kept)}`, parts: [{ ...series[0], value: row.n_needed }, { ...series[1], value: row.n_offered - row.n_needed }] })) });
  },

  uses(host, say) {
    const rows = facts.instructions_per_api, none = rows.find((row) => row.n_instructions === 0);
    say(none ? `${plural(none.n_apis, "kept API")} ${none.n_apis === 1 ? "is" : "are"} needed by no instruction.` : "Every kept API is needed by some instruction.");
    const groups = continuous(rows.map((row) => ({ key: row.n_instructions, name: String(row.n_instructions), values: { n: row.n_apis } })), 1, String, 30);
    columns(host, { groups, series: [{ key: "n", name: "APIs", colour: "a2" }], xLabel: "instructions", yLabel: "kept APIs", unit: "APIs", height: 360 });
  },

  outcomes(host, say) {
    const rows = facts.outcomes_by_run, runs = [...grouped(rows, "run_id").values()];
    const last = runs[runs.length - 1], well = sum(last.filter((row) => row.outcome === "ok"), "n_apis");
    say(runs.length === 1 ? `One run so far: ${percent(well, sum(last, "n_apis"))} of ${plural(sum(last, "n_apis"), "API")} answered well.` : `${runs.length} runs probed; in the last one ${percent(well, sum(last, "n_apis"))} of ${plural(sum(last, "n_apis"), "probed API")} answered well.`);
    const often = [...grouped(rows, "outcome")].map(([outcome, members]) => [outcome, sum(members, "n_apis")]).sort((a, b) => b[1] - a[1]).map(([outcome]) => outcome).filter((outcome) => outcome !== "ok");
    const named = ["ok", ...often.slice(0, OUTCOME_COLOURS.length - 1)];
    const series = named.map((key, at) => ({ key, name: words(key), colour: OUTCOME_COLOURS[at] }));
    if (often.length > named.length - 1) series.push({ key: "other", name: "other", colour: "muted" });
    const dates = dated(runs.map((members) => members[0]), "probed_utc");
    const groups = runs.map((members, at) => {
      const values = {};
      for (const row of members) { const key = named.includes(row.outcome) ? row.outcome : "other"; values[key] = (values[key] || 0) + row.n_apis; }
      return { name: dates[at], tip: `${members[0].probed_utc} UTC`, values };
    });
    columns(host, { groups, series, xLabel: "runs", yLabel: "APIs", unit: "APIs", height: 250 });
  },

  latency(host, say) {
    const rows = facts.latency_by_run, last = rows[rows.length - 1];
    say(`In the last run half of the good answers came within ${num(last.median_ms)} ms, 95 % within ${num(last.p95_ms)} ms.`);
    const series = [{ key: "p95_ms", name: "95 % within", colour: "a3" }, { key: "median_ms", name: "median", colour: "a1" }];
    const dates = dated(rows, "probed_utc");
    lines(host, { groups: rows.map((row, at) => ({ name: dates[at], tip: `${row.probed_utc} UTC`, values: row })), series, xLabel: "runs", yLabel: "milliseconds", unit: "ms", height: 250 });
  },

  kept(host, say) {
    const rows = facts.sizes_by_category;
    say(`${exact(facts.run.n_kept)} of ${plural(facts.run.n_apis, "API")} are kept.`);
    const series = [{ name: "kept", colour: "good" }, { name: "not kept", colour: "bad3" }];
    bars(host, { series, rows: rows.map((row) => ({ name: row.category, of: row.n_apis, value: num(row.n_kept), note: `of ${num(row.n_apis)}`, parts: [{ ...series[0], value: row.n_kept }, { ...series[1], value: row.n_apis - row.n_kept }] })) });
  },

  verdicts(host, say) {
    const rows = facts.verdicts.filter((row) => !row.kept);
    say(rows.length ? `${plural(sum(rows, "n_apis"), "API")} in ${rows.length} ways.` : "None was.");
    bars(host, { rows: rows.map((row) => ({ name: words(row.reason), value: num(row.n_apis), parts: [{ name: `for example ${row.for_example}`, value: row.n_apis, colour: "bad2" }] })) });
  },

  methods(host, say) {
    const rows = facts.search_effort;
    say(`${exact(facts.run.n_answered)} of ${plural(facts.run.n_searches, "search")} ended in an answer (${percent(facts.run.n_answered, facts.run.n_searches)}).`);
    const heads = [{ name: "method" }, { name: "model" }, { name: "scenario" }, ...["searches", "answered", "requests", "calls", "nodes", "deepest", "tokens"].map((name) => ({ name, number: true }))];
    table(host, heads, rows.map((row) => [row.method, row.model, row.scenario ?? "gone", exact(row.n_searches), `${percent(row.n_won, row.n_searches)}`, dec(row.mean_queries), dec(row.mean_calls), dec(row.mean_nodes), exact(row.max_depth), num(row.mean_tokens)]));
  },

  requests(host, say) {
    const rows = facts.requests_per_search, all = sum(rows, "n_searches");
    say(`On average ${dec(rows.reduce((sum_, row) => sum_ + row.n_queries * row.n_searches, 0) / all)} requests.`);
    columns(host, { groups: continuous(pivot(rows, "n_queries", "win", "n_searches"), 1, String), series: WON, xLabel: "requests", yLabel: "searches", unit: "searches" });
  },

  depth(host, say) {
    const rows = facts.search_depth, all = sum(rows, "n_searches");
    say(`On average ${dec(rows.reduce((sum_, row) => sum_ + row.depth * row.n_searches, 0) / all)} nodes deep.`);
    columns(host, { groups: continuous(pivot(rows, "depth", "win", "n_searches"), 1, String), series: WON, xLabel: "depth", yLabel: "searches", unit: "searches" });
  },

  ends(host) {
    const several = grouped(facts.search_ends, "method").size > 1;
    bars(host, { rows: facts.search_ends.map((row) => ({ name: `${several ? `${row.method}: ` : ""}${words(row.stopped_by)}`, value: num(row.n_searches), note: `${dec(row.mean_queries)} requests`, parts: [{ name: "searches", value: row.n_searches, colour: row.stopped_by === "answered" ? "good" : "bad2" }] })) });
  },

  calls(host, say) {
    const rows = facts.apis_by_outcome.filter((row) => row.origin === "search");
    if (!rows.length) { nothing(host, "No API was called by a search."); return; }
    say(`${plural(sum(rows, "n_calls"), "call")} made by searches.`);
    bars(host, { rows: rows.map((row) => ({ name: words(row.outcome), value: num(row.n_calls), note: `${plural(row.n_apis, "API")}`, parts: [{ name: "calls", value: row.n_calls, colour: row.outcome === "ok" ? "good" : "warn" }] })) });
  },

  passed(host, say) {
    const rows = facts.evaluated;
    if (!rows.length) { nothing(host, "Nobody has judged the answers: toolloom evaluate has it done."); return; }
    const several = grouped(rows, "judge").size > 1;
    const judges = [...new Set(rows.map((row) => `${row.judge}${row.calibration ? ` (${row.calibration})` : ""}`))];
    say(`Judged by ${judges.join(", ")}; ${rows.every((row) => row.shared) ? `on ${plural(most(rows.map((row) => row.n_answers)), "instruction")} that all of them answered` : "on the instructions that each of them answered"}.`);
    intervals(host, { rows: rows.map((row) => ({ name: several ? `${row.side} (${row.judge})` : row.side, value: row.pass_rate, low: row.low, high: row.high, colour: "good" })) });
  },

  won(host, say) {
    const rows = facts.evaluated.filter((row) => row.against !== null);
    if (!rows.length) { nothing(host, "No answers were compared: toolloom evaluate --against has it done."); return; }
    const several = grouped(rows, "judge").size > 1;
    const series = [{ key: "won", name: "won", colour: "good" }, { key: "tied", name: "tied", colour: "a4" }, { key: "lost", name: "lost", colour: "bad2" }];
    say(`Against ${[...new Set(rows.map((row) => row.against))].join(", ")}; equal answers, and what wins in one order alone, are ties.`);
    bars(host, { series, rows: rows.map((row) => ({ name: several ? `${row.side} (${row.judge})` : row.side, value: `${row.won}/${row.tied}/${row.lost}`, of: row.won + row.tied + row.lost, parts: series.map((one) => ({ ...one, value: row[one.key] })) })) });
  },

  retrieved(host, say) {
    const rows = facts.retrieved;
    if (!rows.length) { nothing(host, "Nobody has measured it: toolloom retriever evaluate does."); return; }
    const groups = [...grouped(rows, "instructions").values()];
    say(`Among ${plural(rows[0].n_apis, "kept API")}: ${groups.map((own) => `${own[0].instructions === "all" ? plural(own[0].n, "instruction") : `${exact(own[0].n)} of them held out from training`}`).join(", ")}.`);
    intervals(host, { rows: rows.map((row) => ({ name: groups.length > 1 ? `${row.retriever}, ${row.instructions}` : row.retriever, value: row.ndcg, low: row.low, high: row.high, colour: row.instructions === "all" ? "a1" : "a3" })) });
  },

  retrievers(host) {
    const rows = facts.retrievers;
    if (!rows.length) { nothing(host, "Nothing was measured."); return; }
    const heads = [{ name: "retriever" }, { name: "scenario" }, ...["n", "NDCG@5", "recall@5", "complete@5"].map((name) => ({ name, number: true }))];
    const levels = [...grouped(rows, "scenario").values()].flatMap((some) => [...grouped(some, "retriever").values()]);
    table(host, heads, levels.map((own) => {
      const n = sum(own, "n_instructions"), mean = (name) => dec(100 * own.reduce((all, row) => all + row[name] * row.n_instructions, 0) / n);
      return [own[0].retriever, own[0].scenario, exact(n), mean("ndcg"), mean("recall"), mean("complete")];
    }));
  },

  imitated(host, say) {
    const rows = facts.training.filter((row) => row.phase === "sft");
    if (!rows.length) { nothing(host, "No model was trained on this: toolloom train does."); return; }
    const measured = rows.filter((row) => row.held_out !== null);
    const held = measured.length ? `; on what was held out ${dec(measured[0].held_out, 3)} before, ${dec(measured[measured.length - 1].held_out, 3)} after` : "";
    say(`${rows[0].base ?? "A model"}, ${rows[0].method ?? ""}: ${plural(rows[0].n_conversations ?? 0, "conversation")}, ${num(rows[rows.length - 1].tokens)} tokens${held}.`);
    const series = [{ key: "loss", name: "learned from", colour: "a1" }, { key: "held_out", name: "held out", colour: "a3" }];
    lines(host, { groups: rows.map((row) => ({ name: exact(row.step), values: row })), series, xLabel: "step", yLabel: "loss per token" });
  },

  preferred(host) {
    const rows = facts.training.filter((row) => row.phase === "dpo" && row.step > 0);
    if (!rows.length) { nothing(host, "No preferences were learned ([train.dpo] epochs)."); return; }
    const series = [{ key: "loss", name: "loss, 0.693 where nothing is preferred yet", colour: "a1" }];
    lines(host, { groups: rows.map((row) => ({ name: exact(row.step), tip: `step ${row.step}, margin ${dec(row.margin, 3)}`, values: row })), series, xLabel: "step", yLabel: "loss" });
  },

  cost(host, say) {
    const rows = facts.cost.filter((row) => row.run_id === facts.run.run_id);
    if (!rows.length) { nothing(host, "This run asked the model nothing."); return; }
    say(`${plural(facts.run.n_requests ?? 0, "request")}, ${num(facts.run.tokens_in)} tokens in, ${num(facts.run.tokens_out)} out${facts.run.cost_usd === null ? "; prices are not set" : `, ${usd(facts.run.cost_usd)}`}.`);
    const several = grouped(rows, "model").size > 1;
    const heads = [{ name: "stage" }, ...["requests", "stored", "failed", "tokens in", "out", "USD"].map((name) => ({ name, number: true }))];
    table(host, heads, rows.map((row) => [several ? `${row.stage}, ${row.model}` : row.stage, exact(row.n_requests), exact(row.n_from_store), exact(row.n_failed), num(row.tokens_in), num(row.tokens_out), usd(row.cost_usd)]));
  },

  runs(host, say) {
    const rows = facts.cost_by_run, last = rows[rows.length - 1];
    const priced = rows.some((row) => row.cost_usd);
    say(`${plural(rows.length, "run")}; the last took ${dec(last.seconds, 0)} s${priced ? `, and all of them ${usd(sum(rows, "cost_usd"))}` : ""}.`);
    const series = [{ key: "tokens_in", name: "tokens in", colour: "a3" }, { key: "tokens_out", name: "tokens out", colour: "a1" }];
    const dates = dated(rows, "started_utc");
    columns(host, { groups: rows.map((row, at) => ({ name: dates[at], tip: `${row.started_utc} UTC, ${row.kind}`, values: row })), series, xLabel: "runs", yLabel: "tokens", unit: "tokens", height: 250 });
  },

  changes(host, say) {
    if (uncompared(host)) return;
    if (!facts.diff.length) { nothing(host, `Nothing differs from run ${facts.run.compared_with}.`); return; }
    say(`Since run ${facts.run.compared_with}.`);
    table(host, [{ name: "" }, ...CHANGES.map((key) => ({ name: words(key), number: true }))], facts.diff.map((row) => [row.what, ...CHANGES.map((key) => exact(row[key]))]));
  },

  changed_categories(host) {
    if (uncompared(host)) return;
    if (!facts.diff.length) { nothing(host, "Nowhere."); return; }
    const series = CHANGES.map((key, at) => ({ key, name: words(key), colour: CHANGE_COLOURS[at] }));
    const rows = [...grouped(facts.diff_by_category, "category")].map(([category, members]) => ({ name: category ?? "gone", value: exact(members.reduce((all, row) => all + changed(row), 0)), parts: series.map((one) => ({ ...one, value: sum(members, one.key) })) }));
    bars(host, { series, rows });
  },

  changed_examples(host) {
    if (uncompared(host)) return;
    if (!facts.diff.length) { nothing(host, "None."); return; }
    const heads = [{ name: "" }, { name: "change" }, { name: "rows", number: true }, { name: "for example" }, { name: "" }];
    table(host, heads, facts.diff_examples.map((row) => [row.what, words(row.change), exact(row.n), row.shown ?? row.example, row.detail ?? ""]));
  },
};

const CHANGES = ["added", "changed", "came_back", "gone_stale", "removed"];
const CHANGE_COLOURS = ["good", "a2", "a3", "warn", "bad2"];
const changed = (row) => CHANGES.reduce((all, key) => all + row[key], 0);

function uncompared(host) {
  if (!facts.run.compared_with) nothing(host, "There is no run to compare it with: it is the first, or the one before it was pruned.");
  return !facts.run.compared_with;
}

// The last bar is no stage: of what was searched, what has an answer.
function withAnswers(stages) {
  const last = stages[stages.length - 1], { n_searches, n_answered } = facts.run;
  if (last.stage !== "annotate" || !n_searches) return stages;
  return [...stages, { stage: "answered", unit: last.unit, n_in: n_searches, n_out: n_answered, n_rejected: 0, n_pending: 0, lost: "without an answer" }];
}

// Runs by day, or by the hour where a day has several.
function dated(rows, key) {
  const days = rows.map((row) => String(row[key]).slice(5, 10));
  const several = new Set(days).size < days.length;
  return days.map((day, at) => (several ? `${day} ${String(rows[at][key]).slice(11, 16)}` : day));
}
const NEEDS = { scenarios: "instructions_by_scenario", categories: "sizes_by_category", lengths: "instruction_lengths", apis_needed: "apis_per_instruction", coverage: "coverage_by_category", uses: "instructions_per_api", outcomes: "outcomes_by_run", latency: "latency_by_run", kept: "sizes_by_category", methods: "search_effort", requests: "requests_per_search", depth: "search_depth", ends: "search_ends", runs: "cost_by_run", funnel: "funnel", verdicts: "verdicts" };

function drawAll() {
  document.body.append(tip);
  for (const [name, draw] of Object.entries(drawing)) place(name, draw, NEEDS[name] && !facts[NEEDS[name]].length);
  const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.getAttribute("href").slice(1), link]));
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) links.get(entry.target.id).classList.toggle("here", entry.isIntersecting);
  }, { rootMargin: "-45% 0px -50% 0px" });
  for (const id of links.keys()) seen.observe(byId(id));
}
