// Puts the parts into the page.

const OUTCOMES = ["ok", "fail", "info"];

function showHistory(parent, history, seek) {
  const { rows, functions, gaps } = history;
  if (!rows.length) return parent.append(element("p", { class: "note" }, "No operations were recorded."));
  const hasKeys = rows.some((row) => row[6] !== null);
  const texts = rows.map((row) => [functions[row[4]], row[6], row[7], row[8], "process " + row[3]].join(" ").toLowerCase());
  const search = element("input", { type: "search", placeholder: "function, key, value, error", oninput: () => filter() });
  const outcome = element("select", { onchange: () => filter() }, option("-1", "all outcomes"), ...OUTCOMES.map((name, place) => option(place, name)));
  const which = element("select", { onchange: () => filter() }, option("-1", "all functions"), ...functions.map((name, place) => option(place, name)));
  const status = element("span", { class: "note", role: "status" });
  parent.append(element("div", { class: "tools" }, labelled("search", search), labelled("outcome", outcome), labelled("function", which), status));
  const list = new LongList(parent, {
    label: "Operations of clients",
    columns: [{ title: "began", width: 7 }, { title: "process", width: 5 }, { title: "function", width: 6 },
      ...(hasKeys ? [{ title: "key", width: 5 }] : []), { title: "outcome", width: 5 }, { title: "took", width: 7 }, { title: "value and error" }],
    classOf: (n) => OUTCOMES[rows[n][5]] + (gaps.includes(n) ? " gap" : ""),
    cells: (n) => {
      const [, start, end, process, f, kind, key, value, error] = rows[n];
      return [seconds(start), String(process), functions[f], ...(hasKeys ? [key ?? ""] : []), OUTCOMES[kind],
        end === null ? "open" : milliseconds(end - start), value + (error === null ? "" : "   " + error)];
    },
    open: (n) => seek(rows[n][1]),
    details: (n) => {
      const [index, start, end, process, f, kind, key, value, error] = rows[n];
      return `event ${index} · process ${process} · ${functions[f]}${key === null ? "" : " key " + key} · ${OUTCOMES[kind]}\n` +
        `from ${seconds(start)} ${end === null ? "and never ended" : "to " + seconds(end)}\n${value}${error === null ? "" : "\n" + error}`;
    },
  });
  parent.append(element("p", { class: "note" }, "An edge at the left marks what failed (", element("span", { class: "mark-fail" }, "pink"),
    ") and what nobody knows the outcome of (", element("span", { class: "mark-info" }, "orange"), ")."));
  parent.append(element("button", { type: "button", onclick: () => { if (list.chosen >= 0) list.open(list.places[list.chosen]); } }, "Show the chosen operation in the diagram"));
  function filter() {
    const text = search.value.toLowerCase(), kind = Number(outcome.value), f = Number(which.value);
    list.show(placesWhere(rows.length, (n) => (kind < 0 || rows[n][5] === kind) && (f < 0 || rows[n][4] === f) && texts[n].includes(text)));
    status.textContent = countOf(list.places.length, rows.length, "operations");
  }
  filter();
}

function showLogs(parent, logs) {
  const lines = logs.flatMap((log, node) => log.lines.map((text) => [node, text]));
  if (!lines.length) {
    parent.append(element("p", { class: "note" }, "No node wrote anything to stderr."));
    return () => {};
  }
  const search = element("input", { type: "search", placeholder: "text in the logs", oninput: () => filter() });
  const which = element("select", { onchange: () => filter() }, option("-1", "all nodes"),
    ...logs.map((log, node) => option(node, `${log.node} (${log.bytes.toLocaleString("en")} bytes)`)));
  const status = element("span", { class: "note", role: "status" });
  parent.append(element("div", { class: "tools" }, labelled("search", search), labelled("node", which), status));
  const list = new LongList(parent, {
    label: "Logs of nodes",
    columns: [{ title: "node", width: 5 }, { title: "line" }],
    classOf: () => "log",
    cells: (n) => [logs[lines[n][0]].node, lines[n][1]],
    details: (n) => `${logs[lines[n][0]].node}: ${lines[n][1]}`,
  });
  function filter() {
    const text = search.value.toLowerCase(), node = Number(which.value);
    list.show(placesWhere(lines.length, (n) => (node < 0 || lines[n][0] === node) && lines[n][1].toLowerCase().includes(text)));
    status.textContent = countOf(list.places.length, lines.length, "lines");
  }
  filter();
  return (name) => {
    const node = logs.findIndex((log) => log.node === name);
    if (node >= 0) which.value = String(node);
    filter();
    list.box.scrollTop = list.box.scrollHeight;
    list.box.scrollIntoView({ block: "center" });
  };
}

const diagram = new Diagram(document.getElementById("diagram"), data.diagram, data.faults, data.end);
showHistory(document.getElementById("operations"), data.history, (time) => diagram.seek(time));
const showLog = showLogs(document.getElementById("node-logs"), data.logs);
if (data.focus !== null) diagram.show(data.focus);
// An address such as report.html#operation-17 shows the operation that the message with this number belongs to.
const asked = /^#operation-(\d+)$/.exec(location.hash);
if (asked && Number(asked[1]) < diagram.count) {
  diagram.showOperation(Number(asked[1]));
  diagram.box.scrollIntoView({ block: "end", behavior: "instant" });
}

for (const button of document.querySelectorAll("[data-seek]")) {
  button.addEventListener("click", () => diagram.seek(Number(button.dataset.seek) / 1000));
}
for (const button of document.querySelectorAll("[data-log]")) {
  button.addEventListener("click", () => showLog(button.dataset.log));
}
// The list of keys is to be had from anywhere but where a question mark is text.
document.addEventListener("keydown", (event) => {
  if (event.key !== "?" || event.defaultPrevented || event.target.matches("input, select")) return;
  event.preventDefault();
  diagram.help();
});
// Whatever is wider than its place fades out where it goes on, and begins with what is wrong.
for (const box of document.querySelectorAll(".scroll")) {
  const wrong = box.querySelector(".wrong");
  if (wrong) {
    const [outer, inner] = [box, wrong].map((shown) => shown.getBoundingClientRect());
    box.scrollLeft += (inner.left + inner.right - outer.left - outer.right) / 2;
  }
  const fade = onceAFrame(() => {
    box.classList.toggle("more-left", box.scrollLeft > 2);
    box.classList.toggle("more-right", box.scrollLeft + box.clientWidth < box.scrollWidth - 2);
  });
  box.addEventListener("scroll", fade);
  new ResizeObserver(fade).observe(box);
}
const copy = document.getElementById("copy");
if (copy) copy.addEventListener("click", () => {
  const command = document.getElementById("command");
  getSelection().selectAllChildren(command);
  // A page opened as a file may not use the clipboard; then the command is at least selected.
  const done = navigator.clipboard ? navigator.clipboard.writeText(command.textContent) : Promise.reject();
  done.then(() => { copy.textContent = "Copied"; }, () => { copy.textContent = "Selected"; });
});
document.documentElement.dataset.ready = "true";
