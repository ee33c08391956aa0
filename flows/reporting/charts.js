// Charts, drawn at the width they have and again when that changes, so that text keeps its size.
function drawn(host, draw) {
  let width = 0;
  const redraw = () => {
    const now = Math.floor(host.clientWidth);
    if (now === width || now < 50) return;
    width = now;
    host.replaceChildren(...draw(now));
  };
  new ResizeObserver(redraw).observe(host);
  redraw();
}

function legend(series) {
  const entry = (one) => el("li", {}, el("i", { class: `f-${one.colour}` }), one.name);
  return el("ul", { class: "legend" }, ...series.map(entry));
}

// Steps of 1, 2 or 5 that divide the axis into about `count` parts.
function ticks(top, count) {
  if (!(top > 0)) return [0, 1];
  const rough = top / count, power = 10 ** Math.floor(Math.log10(rough));
  let step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= rough);
  if (step < 1 && top >= 2) step = 1;
  const found = [];
  for (let at = 0; at < top + step * 0.999; at += step) found.push(Number(at.toPrecision(6)));
  return found;
}

function frame(width, height, top, label, left) {
  const marks = ticks(top, 4), highest = marks[marks.length - 1];
  const box = { left, right: width - 6, top: 18, bottom: height - 34, width, height };
  const y = (value) => box.bottom - (box.bottom - box.top) * value / highest;
  const picture = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img" });
  picture.append(svg("text", { x: 0, y: 9, class: "faint", text: label }));
  for (const mark of marks) {
    picture.append(svg("line", { x1: left, x2: box.right, y1: y(mark), y2: y(mark), class: mark ? "gridline" : "axis" }));
    picture.append(svg("text", { x: left - 7, y: y(mark) + 4, "text-anchor": "end", text: measure(mark) }));
  }
  return { picture, box, y };
}

// A name below the axis, whole also at its ends.
function below(picture, box, middle, name) {
  const half = String(name).length * 3.2;
  const x = Math.max(half, Math.min(middle, box.width - half));
  picture.append(svg("text", { x, y: box.bottom + 16, "text-anchor": "middle", text: name }));
}

// Stacked columns.  groups: [{name, values: {key: number}, tip}]; series: [{key, name, colour}].
function columns(host, { groups, series, xLabel, yLabel, height: tall = 230, unit = "" }) {
  const total = (group) => series.reduce((all, one) => all + (group.values[one.key] || 0), 0);
  drawn(host, (width) => {
    const height = Math.min(tall, Math.max(210, Math.round(width * 0.8)));
    const { picture, box, y } = frame(width, height, most(groups.map(total)), yLabel, 40);
    const step = (box.right - box.left) / groups.length, thick = Math.min(step * 0.78, 46);
    const every = Math.ceil(groups.length * (most(groups.map((group) => String(group.name).length)) * 6.4 + 8) / (box.right - box.left));
    groups.forEach((group, at) => {
      const middle = box.left + step * (at + 0.5);
      let base = 0;
      for (const one of series) {
        const value = group.values[one.key] || 0;
        if (!value) continue;
        const text = `${group.tip || group.name}${series.length > 1 ? `\n${one.name}` : ""}: ${exact(value)} ${unit}`;
        picture.append(svg("rect", { x: middle - thick / 2, width: thick, y: y(base + value), height: Math.max(0.6, y(base) - y(base + value)), class: `f-${one.colour}`, tip: text }));
        base += value;
      }
      if (at % every === 0) below(picture, box, middle, group.name);
    });
    picture.append(svg("text", { x: (box.left + box.right) / 2, y: height - 2, "text-anchor": "middle", class: "faint", text: xLabel }));
    return series.length > 1 ? [legend(series), picture] : [picture];
  });
}

// Lines over the same groups.  groups: [{name, values, tip}]; a value of null is no point.
function lines(host, { groups, series, xLabel, yLabel, height = 230, unit = "" }) {
  drawn(host, (width) => {
    const top = most(groups.flatMap((group) => series.map((one) => group.values[one.key])));
    const { picture, box, y } = frame(width, height, top, yLabel, 46);
    const step = (box.right - box.left) / groups.length;
    const x = (at) => box.left + step * (at + 0.5);
    const every = Math.ceil(groups.length * 84 / (box.right - box.left));
    for (const one of series) {
      const told = groups.map((_, at) => at).filter((at) => groups[at].values[one.key] !== null);
      const points = told.map((at) => [x(at), y(groups[at].values[one.key] || 0)]);
      picture.append(svg("polyline", { points: points.map((point) => point.join(",")).join(" "), class: `line s-${one.colour}` }));
      points.forEach(([px, py], number) => {
        const group = groups[told[number]];
        picture.append(svg("circle", { cx: px, cy: py, r: 4.5, class: `dot f-${one.colour}`, tip: `${group.tip || group.name}\n${one.name}: ${measure(group.values[one.key])} ${unit}` }));
      });
    }
    groups.forEach((group, at) => {
      if (at % every === 0) below(picture, box, x(at), group.name);
    });
    picture.append(svg("text", { x: (box.left + box.right) / 2, y: height - 2, "text-anchor": "middle", class: "faint", text: xLabel }));
    return [legend(series), picture];
  });
}

const SHOWN_BARS = 14;

// Horizontal bars with names.  rows: [{name, parts: [{value, colour, name}], value, note, of}].
function bars(host, { rows, series, top, all }) {
  const longest = top || most(rows.map((row) => row.of || row.parts.reduce((all, part) => all + part.value, 0))) || 1;
  const list = el("div", { class: "bars" });
  for (const [at, row] of rows.entries()) {
    if (!all && at === SHOWN_BARS && rows.length > SHOWN_BARS + 2) { host.append(...furtherBars(rows.slice(at), series, longest)); break; }
    const track = el("div", { class: row.of ? "track" : "track bare" });
    if (row.of) track.style.width = `${100 * row.of / longest}%`;
    for (const part of row.parts) {
      if (part.value) track.append(el("i", { class: `f-${part.colour}`, "width%": 100 * part.value / (row.of || longest), tip: `${row.name}\n${part.name}: ${exact(part.value)}` }));
    }
    list.append(el("div", { class: "name", text: row.name, title: row.name }), track, el("div", { class: "value" }, String(row.value), row.note ? el("small", { text: ` ${row.note}` }) : null));
  }
  host.prepend(...(series && !top ? [legend(series)] : []), list);
}

// A dot on a scale from 0 to 100 %, and a line for its interval.  rows: [{name, value, low, high, note, colour}].
function intervals(host, { rows }) {
  const list = el("div", { class: "bars" });
  for (const row of rows) {
    const shares = `${row.name}\n${dec(100 * row.value)} % (${dec(100 * row.low)} to ${dec(100 * row.high)} %)`;
    const track = el("div", { class: "track scale", tip: shares },
      el("i", { class: `span f-${row.colour}`, "left%": 100 * row.low, "width%": Math.max(0.6, 100 * (row.high - row.low)) }),
      el("i", { class: `mark f-${row.colour}`, "left%": 100 * row.value }));
    list.append(el("div", { class: "name", text: row.name, title: row.name }), track, el("div", { class: "value" }, `${dec(100 * row.value)} %`, el("small", { text: ` ${dec(100 * row.low, 0)}–${dec(100 * row.high, 0)}` })));
  }
  host.prepend(list);
}

// The rest of a long list, opened by whoever wants it.
function furtherBars(rows, series, longest) {
  const rest = el("div");
  bars(rest, { rows: rows.slice(), series, top: longest, all: true });
  return [el("details", { class: "more" }, el("summary", { text: `${rows.length} more` }), rest)];
}

function table(host, heads, rows) {
  const cell = (tag) => (value, at) => el(tag, { class: heads[at].number ? "n" : null, text: value });
  const head = el("tr", {}, ...heads.map((one, at) => cell("th")(one.name, at)));
  const body = rows.map((row) => el("tr", {}, ...row.map(cell("td"))));
  host.replaceChildren(el("div", { class: "scroll" }, el("table", {}, el("thead", {}, head), el("tbody", {}, ...body))));
}

const nothing = (host, text) => host.replaceChildren(el("p", { class: "empty", text }));

// A bar per stage, as wide as what went in, its kept part full and its refused part pale; between bars of
// one unit the slopes show the narrowing.
function funnel(host, stages, reasons) {
  const widest = {};
  for (const stage of stages) widest[stage.unit] = Math.max(widest[stage.unit] || 1, stage.n_in, stage.n_out);
  drawn(host, (width) => {
    const narrow = width < 620, left = narrow ? 0 : 118, room = narrow ? width : (width - left) * 0.56;
    const row = narrow ? 104 : 66, tall = 34, down = narrow ? 22 : 8, middle = left + room / 2;
    const picture = svg("svg", { width, height: row * stages.length, viewBox: `0 0 ${width} ${row * stages.length}`, role: "img", "aria-label": "Funnel" });
    const wide = (stage, value) => Math.max(2, room * value / widest[stage.unit]);
    stages.forEach((stage, at) => {
      const y = at * row + down, kept = wide(stage, stage.n_out), came = wide(stage, Math.max(stage.n_in, stage.n_out));
      const next = stages[at + 1];
      const words_ = `${stage.stage}: ${plural(stage.n_in, stage.unit)} in, ${exact(stage.n_out)} out, ${exact(stage.n_rejected)} refused${stage.n_pending ? `, ${exact(stage.n_pending)} pending` : ""}`;
      if (came > kept) picture.append(svg("rect", { x: middle - came / 2, y, width: came, height: tall, rx: 3, class: "f-bad3", tip: words_ }));
      picture.append(svg("rect", { x: middle - kept / 2, y, width: kept, height: tall, rx: 3, class: "f-a2", tip: words_ }));
      if (next && next.unit === stage.unit) {
        const after = wide(next, next.n_in), end = (at + 1) * row + down;
        picture.append(svg("polygon", { points: `${middle - kept / 2},${y + tall} ${middle + kept / 2},${y + tall} ${middle + after / 2},${end} ${middle - after / 2},${end}`, class: "f-a4", opacity: narrow ? 0.4 : 0.9 }));
      } else if (next) {
        picture.append(svg("line", { x1: left, x2: narrow ? width : left + room, y1: (at + 1) * row - (narrow ? 6 : 12), y2: (at + 1) * row - (narrow ? 6 : 12), class: "gridline" }));
      }
      picture.append(svg("text", { x: 0, y: narrow ? y - 7 : y + 15, class: "strong big", text: stage.stage }));
      const account = `${plural(stage.n_out, stage.unit)}`;
      picture.append(svg("text", { x: narrow ? width : 0, y: narrow ? y - 7 : y + 30, "text-anchor": narrow ? "end" : "start", text: account }));
      const x = narrow ? 0 : left + room + 22, line = narrow ? y + tall + 15 : y + 15;
      const refused = reasons.filter((one) => one.stage === stage.stage);
      const lost = stage.lost ? stage.n_in - stage.n_out : 0;
      const head = lost ? `${exact(lost)} ${stage.lost}` : stage.n_rejected ? `${exact(stage.n_rejected)} refused` : stage.n_pending ? `${exact(stage.n_pending)} pending` : "all through";
      const gone = lost || stage.n_rejected || stage.n_pending;
      picture.append(svg("text", { x, y: line, class: gone ? "strong" : "faint", text: gone && stage.n_in ? `${head} (${percent(gone, stage.n_in)})` : head }));
      const fits = Math.max(20, Math.floor((width - x) / 6.1));
      let shown = "";
      for (const one of refused) {
        const more = `${shown ? ", " : ""}${words(one.reason)} ${num(one.n_rows)}`;
        if (shown.length + more.length > fits - 2) { shown += " …"; break; }
        shown += more;
      }
      if (shown) picture.append(svg("text", { x, y: line + 16, text: shown, tip: refused.map((one) => `${words(one.reason)}: ${exact(one.n_rows)}`).join("\n") }));
    });
    return [picture];
  });
}
