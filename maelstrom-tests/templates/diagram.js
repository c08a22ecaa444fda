// The message diagram: one line a node, time going down, an arrow a message.
//
// The box scrolls by itself over an empty element as high as the whole diagram; a drawing as large as
// the box stays in sight and holds only what is between its edges. So wheel, keys, touch and scroll bar
// work as everywhere, and 100,000 messages cost no more than those that are seen.

class Diagram {
  constructor(parent, source, faults, end) {
    this.faults = faults;
    this.end = end;
    this.load(source);
    this.build(parent);
    this.arrange();
    this.limitUnit();
    this.size();
    this.draw();
  }

  /** Columns of the data as typed arrays with absolute times. */
  load(source) {
    const count = source.sent.length;
    Object.assign(this, source, { count, sentAt: new Float64Array(count), endAt: new Float64Array(count) });
    let time = 0;
    for (let i = 0; i < count; i++) {
      this.sentAt[i] = time += source.sent[i];
      this.endAt[i] = source.took[i] < 0 ? time : time + source.took[i];
    }
    this.end = Math.max(this.end, time, 1);
    this.lostWhy = new Map(source.lost);
    this.failed = this.kinds.map((kind) => kind === "error");
    const clients = this.endpoints.filter((e) => e.role === "client").length;
    this.mergeClients = clients > 3;
  }

  role(i) {
    const roles = [this.endpoints[this.src[i]].role, this.endpoints[this.dest[i]].role];
    return roles.includes("client") ? "client" : roles.includes("service") ? "service" : "node";
  }

  build(parent) {
    this.search = element("input", { type: "search", placeholder: "type or body", oninput: () => this.arrange() });
    this.what = element("select", { onchange: () => this.arrange() },
      option("all", "all messages"), option("node", "between servers"), option("client", "with clients"),
      option("lost", "lost or never received"), option("error", "errors"),
      ...this.kinds.slice(0, 60).map((kind, place) => option("kind" + place, kind)));
    this.who = element("select", { onchange: () => this.arrange() }, option("-1", "all nodes"),
      ...this.endpoints.slice(0, 200).map((endpoint, place) => option(String(place), endpoint.name)));
    this.scale = element("select", { onchange: () => { this.arrange(); } },
      option("order", "events in order"), option("time", "true to time"));
    const button = (text, title, act) => element("button", { type: "button", title, "aria-label": title, onclick: act }, text);
    this.causalButton = element("button", { type: "button", title: "only the operation that the chosen message belongs to: what led to it, and all it led to (key c)",
      "aria-pressed": "false", onclick: () => this.toggleCausal() }, "causes and effects");
    const merge = element("input", { type: "checkbox", onchange: () => { this.mergeClients = merge.checked; this.arrange(); } });
    merge.checked = this.mergeClients;
    const tools = element("div", { class: "tools" },
      labelled("search", this.search), labelled("show", this.what), labelled("node", this.who), labelled("spacing", this.scale),
      element("label", { class: "check" }, merge, "clients in one line"),
      element("span", { class: "buttons" },
        button("−", "zoom out (key −)", () => this.zoom(1 / 1.5)), button("+", "zoom in (key +)", () => this.zoom(1.5)),
        button("all", "show everything (key 0)", () => this.fit()),
        button("next lost", "next lost message (key l)", () => this.nextLost()), this.causalButton,
        button("keys", "what keys do (key ?)", () => this.help())));
    this.overview = shape("svg", { class: "overview", "aria-hidden": "true", preserveAspectRatio: "none",
      onpointerdown: (event) => this.jump(event), onpointermove: (event) => { if (event.buttons) this.jump(event); } });
    this.sheet = shape("svg", { class: "sheet", role: "img", onclick: (event) => this.pick(event), onpointermove: (event) => this.hover(event) });
    this.spacer = element("div", { class: "spacer" }, this.sheet);
    this.box = element("div", { class: "diagram-box", tabindex: 0, role: "region",
      "aria-label": "Message diagram: time goes down, each column is a node. Arrow keys scroll, plus and minus zoom, n and p choose the next and previous message, l the next lost one, c shows only the operation it belongs to, question mark lists all keys.",
      onscroll: onceAFrame(() => this.draw()), onkeydown: (event) => this.key(event) }, this.spacer);
    this.box.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.box.addEventListener("touchstart", (event) => this.touch(event), { passive: true });
    this.box.addEventListener("touchmove", (event) => this.touch(event), { passive: false });
    this.status = element("p", { class: "note", role: "status" });
    this.details = element("pre", { class: "details", "aria-live": "polite" });
    const caption = element("figcaption", {},
      element("b", {}, "Message diagram. "),
      "Time goes down; each column is a node, each arrow a message from its sending to its receipt. ",
      ...this.arrowKeys(), ...(this.faults.length ? ["Faults are shaded while they were on, over the nodes that they hit or over all of the network: ", ...this.faultKeys(), ". "] : ["There were no faults. "]),
      "Above the diagram the messages over time, those that were lost in red; the blue pane is what is in sight. Ctrl and wheel or two fingers zoom. " +
      "Click an arrow for its message, then press c for what led to it and all it led to (by replies, by the value that is passed on, or else by what its sender had just received). The key ? lists all keys.");
    const parts = this.count ? [tools, this.overview, this.box, this.status, this.details, caption] : [this.status];
    parent.append(element("figure", { class: "diagram" }, ...parts, this.keys = this.listOfKeys()));
    new ResizeObserver(onceAFrame(() => this.draw())).observe(this.box);
  }

  /** Chooses the messages and puts their events in order. */
  arrange() {
    const middle = this.places ? this.timeAt(this.box.scrollTop + this.box.clientHeight / 2) : 0;
    const text = this.search.value.toLowerCase(), what = this.what.value, who = Number(this.who.value);
    const kind = what.startsWith("kind") ? Number(what.slice(4)) : -1;
    const wanted = (i) =>
      (!this.causal || this.causal.has(i)) && (who < 0 || this.src[i] === who || this.dest[i] === who) &&
      (what === "all" || this.kind[i] === kind || (what === "error" && this.failed[this.kind[i]]) ||
        (what === "lost" && this.took[i] < 0) || (what === "client" && this.role(i) === "client") ||
        (what === "node" && this.role(i) !== "client")) &&
      (!text || (this.kinds[this.kind[i]] + " " + this.body[i]).toLowerCase().includes(text));
    this.places = placesWhere(this.count, wanted);
    this.columns = [];
    this.columnOf = this.endpoints.map((endpoint, place) => {
      const merged = this.mergeClients && endpoint.role === "client";
      const known = merged ? this.columns.findIndex((c) => c.merged) : -1;
      if (known >= 0) return known;
      this.columns.push({ name: merged ? "clients" : endpoint.name, role: endpoint.role, merged, place });
      return this.columns.length - 1;
    });
    this.order();
    if (this.unit) { this.limitUnit(); this.size(); this.scrollTo(middle); }
    this.drawOverview();
    this.draw();
  }

  /** Ranks of sendings and receipts among all events, and what is needed to find those in sight. */
  order() {
    const places = this.places, count = places.length;
    this.sentRank = new Float64Array(count);
    this.endRank = new Float64Array(count);
    this.rankTimes = new Float64Array(2 * count);
    let rank = 0;
    for (const event of this.events(places)) {
      const n = event >> 1;
      (event & 1 ? this.endRank : this.sentRank)[n] = rank;
      this.rankTimes[rank++] = (event & 1 ? this.endAt : this.sentAt)[places[n]];
    }
    this.ranks = rank;
    this.latest = new Float64Array(count);
    let latest = 0;
    for (let n = 0; n < count; n++) {
      if (this.took[places[n]] < 0) this.endRank[n] = this.sentRank[n] + 0.9;
      this.latest[n] = latest = Math.max(latest, this.endRank[n]);
    }
  }

  /**
   * Sendings and receipts of these messages in the order of time: twice the place of a message for its sending,
   * one more for its receipt, which what was lost has not. At one time a message is received after it is sent,
   * and before a later message is.
   */
  *events(places) {
    const came = placesWhere(places.length, (n) => this.took[places[n]] >= 0);
    came.sort((a, b) => this.endAt[places[a]] - this.endAt[places[b]] || a - b);
    let next = 0;
    // Messages are in the order of their sending.
    for (let n = 0; n < places.length; n++) {
      const time = this.sentAt[places[n]];
      for (; next < came.length && came[next] < n && this.endAt[places[came[next]]] <= time; next++) yield 2 * came[next] + 1;
      yield 2 * n;
    }
    for (; next < came.length; next++) yield 2 * came[next] + 1;
  }

  get inOrder() { return this.scale.value === "order"; }
  get length() { return this.inOrder ? Math.max(this.ranks, 1) : this.end; }
  get top() { return 30; }

  /** Ranks of a time, and back; between two events in proportion. */
  rankAt(time) { return firstPlace(this.ranks, (n) => this.rankTimes[n] >= time); }
  yAt(time) { return (this.inOrder ? this.rankAt(time) : time) * this.unit + this.top; }
  timeAt(y) {
    const at = (y - this.top) / (this.unit || 1);
    if (!this.inOrder) return Math.max(0, at);
    return this.ranks ? this.rankTimes[Math.min(this.ranks - 1, Math.max(0, Math.floor(at)))] : 0;
  }
  sentY(n) { return (this.inOrder ? this.sentRank[n] + 0.5 : this.sentAt[this.places[n]]) * this.unit + this.top; }
  endY(n) {
    if (this.took[this.places[n]] < 0) return this.sentY(n) + 14;
    return (this.inOrder ? this.endRank[n] + 0.5 : this.endAt[this.places[n]]) * this.unit + this.top;
  }

  /** Keeps the scale between showing everything and what a browser can scroll. */
  limitUnit() {
    const room = Math.max(100, this.box.clientHeight - this.top - 20);
    const least = Math.min(room / this.length, this.inOrder ? 16 : Infinity), most = Math.max(least, Math.min(8e6 / this.length, this.inOrder ? 60 : Infinity));
    const usual = this.inOrder ? 16 : Math.max(least, (room / this.end) * 20);
    if (this.unitOf !== this.scale.value) { this.unit = usual; this.unitOf = this.scale.value; }
    this.unit = Math.min(most, Math.max(least, this.unit));
  }

  size() {
    const width = Math.max(this.box.clientWidth, LEFT + this.columns.length * 34);
    this.spacer.style.width = width + "px";
    this.spacer.style.height = Math.max(this.box.clientHeight, this.length * this.unit + this.top + 30) + "px";
    this.columnX = (column) => LEFT + ((column + 0.5) * (width - LEFT)) / this.columns.length;
  }

  /** Shows everything, readable or not, or at this scale. */
  fit(unit = 0) {
    this.unit = unit;
    this.unitOf = this.scale.value;
    this.limitUnit();
    this.size();
    this.draw();
  }

  zoom(factor, y = this.box.clientHeight / 2) {
    const at = (this.box.scrollTop + y - this.top) / this.unit;
    this.unit *= factor;
    this.limitUnit();
    this.size();
    this.box.scrollTop = at * this.unit + this.top - y;
    this.draw();
  }

  wheel(event) {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    this.zoom(Math.exp(-event.deltaY / 200), event.clientY - this.box.getBoundingClientRect().top);
  }

  touch(event) {
    if (event.touches.length !== 2) return;
    const [a, b] = event.touches, distance = Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
    if (event.type === "touchmove") {
      event.preventDefault();
      this.zoom(distance / this.pinch, (a.clientY + b.clientY) / 2 - this.box.getBoundingClientRect().top);
    }
    this.pinch = distance;
  }

  key(event) {
    const act = { "+": () => this.zoom(1.5), "=": () => this.zoom(1.5), "-": () => this.zoom(1 / 1.5), 0: () => this.fit(),
      n: () => this.step(1), p: () => this.step(-1), l: () => this.nextLost(), c: () => this.toggleCausal(), Escape: () => { if (this.causal) this.toggleCausal(); } }[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  }

  /** Scrolls a time into the middle. */
  scrollTo(time) { this.box.scrollTop = this.yAt(time) - this.box.clientHeight / 2; }

  /** Marks a time (µs) and shows it at a readable scale. */
  show(time) {
    if (this.inOrder) this.unit = Math.max(this.unit, 16);
    this.limitUnit();
    this.size();
    this.mark = time;
    this.scrollTo(time);
    this.drawOverview();
    this.draw();
  }

  /** Shows a time to a reader who is elsewhere on the page. */
  seek(time) {
    this.show(time);
    this.box.scrollIntoView({ block: "center" });
    this.box.focus({ preventScroll: true });
  }

  step(by) {
    const current = this.chosen === undefined ? -1 : this.places.indexOf(this.chosen);
    const first = firstPlace(this.places.length, (n) => this.sentY(n) >= this.box.scrollTop + this.top);
    const next = current < 0 ? first : current + by;
    if (next >= 0 && next < this.places.length) this.choose(next);
  }

  nextLost() {
    const from = this.chosen === undefined ? -1 : this.chosen;
    const after = this.places.findIndex((i) => i > from && this.took[i] < 0);
    const next = after < 0 ? this.places.findIndex((i) => this.took[i] < 0) : after;
    if (next < 0) this.status.textContent = "No message was lost.";
    else this.choose(next);
  }

  choose(n) {
    this.chosen = this.places[n];
    const y = this.sentY(n), { scrollTop, clientHeight } = this.box;
    if (y < scrollTop + this.top || y > scrollTop + clientHeight - 20) this.box.scrollTop = y - clientHeight / 2;
    this.details.textContent = this.describe(this.chosen);
    this.draw();
  }

  /** All that is known of a message. */
  describe(i) {
    const name = (place) => this.endpoints[place].name;
    const why = this.lostWhy.get(i);
    const came = this.took[i] >= 0 ? `received ${seconds(this.endAt[i])}, after ${milliseconds(this.took[i])}`
      : why !== undefined ? `lost: ${why}` : "never received";
    const ids = [this.id[i] === null ? "" : ` · msg_id ${this.id[i]}`, this.reply[i] === null ? "" : ` · in reply to ${this.reply[i]}`];
    return `${name(this.src[i])} → ${name(this.dest[i])} · ${this.kinds[this.kind[i]]}${ids.join("")}\n` +
      `sent ${seconds(this.sentAt[i])}, ${came}\n${this.body[i]}`;
  }

  /**
   * For each message the one that its sender had received last before it sent it, and whose reply it is if it is one;
   * -1 if there is none. A node that deals with one message after the other sends because of the last one, or by a timer.
   */
  origins() {
    const all = placesWhere(this.count, () => true);
    const before = new Int32Array(this.count).fill(-1), request = new Int32Array(this.count).fill(-1);
    const last = new Int32Array(this.endpoints.length).fill(-1), asked = new Map();
    for (const event of this.events(all)) {
      const i = event >> 1;
      if (event & 1) {
        last[this.dest[i]] = i;
        continue;
      }
      before[i] = last[this.src[i]];
      if (this.reply[i] !== null) request[i] = asked.get(`${this.dest[i]} ${this.src[i]} ${this.reply[i]}`) ?? -1;
      if (this.id[i] !== null) asked.set(`${this.src[i]} ${this.dest[i]} ${this.id[i]}`, i);
    }
    return { before, request };
  }

  /** The operation that a message belongs to, as a set: back to what began it, a client's request or a timer, and all that led to. */
  causesAndEffects(chosen) {
    const { before, request } = this.origins();
    const isClient = (endpoint) => this.endpoints[endpoint].role === "client";
    const back = [chosen];
    while (!isClient(this.src[back.at(-1)]) && back.length < 10000) {
      const i = back.at(-1), cause = request[i] >= 0 ? request[i] : before[i];
      if (cause < 0) break;
      back.push(cause);
    }
    const root = back.at(-1);
    // A value that travels keeps its name: `17` that was added, in whatever message it goes on. Where there is none
    // to follow, what a node sends next after it has received something is taken for its effect.
    const value = isClient(this.src[root]) && /"(?:message|element)":("[^"]*"|-?[\d.]+)/.exec(this.body[root])?.[1];
    const carries = (text) => text.split(/[^-\w."]+/).includes(value);
    const effects = new Set(back), reached = new Set([this.dest[root]]);
    for (let i = root + 1; i < this.count; i++) {
      // A client goes on for its own reasons.
      if (isClient(this.src[i])) continue;
      const goesOn = value ? reached.has(this.src[i]) && !isClient(this.dest[i]) && carries(this.body[i]) : effects.has(before[i]);
      if (!goesOn && !effects.has(request[i])) continue;
      // An answer to somebody else, which only came to be sent now.
      if (isClient(this.dest[i]) && request[i] >= 0 && !effects.has(request[i])) continue;
      effects.add(i);
      reached.add(this.dest[i]);
    }
    return effects;
  }

  /** Shows the operation of a message and nothing else. */
  showOperation(message) {
    const n = this.places.indexOf(message);
    if (n < 0) return;
    this.choose(n);
    this.toggleCausal();
  }

  /** Shows only the causes and effects of the chosen message, or everything again. */
  toggleCausal() {
    if (!this.causal && this.chosen === undefined) {
      this.status.textContent = "Choose a message first: click an arrow, or press n.";
      return;
    }
    this.causal = this.causal ? undefined : this.causesAndEffects(this.chosen);
    this.causalButton.setAttribute("aria-pressed", String(Boolean(this.causal)));
    const { chosen } = this;
    // Few messages get as much room as there is.
    if (this.causal) this.unitBefore = this.unit;
    else this.unit = this.unitBefore;
    this.arrange();
    if (this.causal && this.inOrder) this.fit(Math.min(36, (this.box.clientHeight - this.top - 20) / this.length));
    if (chosen !== undefined) this.scrollTo(this.sentAt[chosen]);
    this.draw();
  }

  /** What keys do, as a list over the page. */
  listOfKeys() {
    const list = (...entries) => element("dl", {}, ...entries.flatMap(([keys, does]) => [element("dt", {}, keys), element("dd", {}, does)]));
    return element("dialog", { "aria-label": "Keys" },
      element("h3", {}, "In the message diagram"),
      list(["+  −  0", "zoom in, zoom out, show everything"], ["n  p", "choose the next, the previous message"], ["l", "choose the next message that was lost"],
        ["c", "only the operation of the chosen message: what led to it, and all it led to; again, or Esc, for all messages"], ["arrows", "scroll"]),
      element("h3", {}, "In the history and the logs"),
      list(["↑  ↓", "choose the line before, the line after; also page up and down, home and end"], ["Enter", "show the chosen operation in the message diagram"]),
      element("h3", {}, "Everywhere"), list(["Tab", "go to the next part"], ["?", "show this list or close it"]),
      element("button", { type: "button", onclick: () => this.keys.close() }, "Close"));
  }

  help() {
    if (this.keys.open) this.keys.close();
    else this.keys.showModal();
  }

  /** The arrow next to a point of the sheet, if one is near. */
  nearest(event) {
    const frame = this.sheet.getBoundingClientRect(), x = event.clientX - frame.left, y = event.clientY - frame.top;
    let best = -1, least = 12;
    for (const n of this.drawn || []) {
      const [x1, y1, x2, y2] = this.line(n), dx = x2 - x1, dy = y2 - y1;
      const along = Math.max(0, Math.min(1, ((x - x1) * dx + (y - y1) * dy) / (dx * dx + dy * dy || 1)));
      const distance = Math.hypot(x - x1 - along * dx, y - y1 - along * dy);
      if (distance < least) [best, least] = [n, distance];
    }
    return best;
  }

  pick(event) {
    const n = this.nearest(event);
    if (n >= 0) this.choose(n);
  }

  hover(event) {
    if (event.pointerType === "touch") return;
    const n = this.nearest(event);
    this.sheet.style.cursor = n < 0 ? "" : "pointer";
    this.status.textContent = n < 0 ? this.summary : this.describe(this.places[n]).replaceAll("\n", " · ").slice(0, 240);
  }

  /** Ends of an arrow in the sheet. What was lost goes half the way. */
  line(n) {
    const i = this.places[n], { scrollTop, scrollLeft } = this.box;
    const x1 = this.columnX(this.columnOf[this.src[i]]) - scrollLeft;
    let x2 = this.columnX(this.columnOf[this.dest[i]]) - scrollLeft;
    if (x1 === x2) x2 += 18;
    if (this.took[i] < 0) x2 = x1 + (x2 - x1) * 0.5;
    return [x1, this.sentY(n) - scrollTop, x2, this.endY(n) - scrollTop];
  }

  classOf(i) {
    if (this.took[i] < 0) return "lost";
    return this.failed[this.kind[i]] ? "error" : this.role(i);
  }

  draw() {
    if (!this.unit || !this.columnX) return;
    const { scrollTop, clientWidth: width, clientHeight: height } = this.box;
    this.sheet.setAttribute("width", width);
    this.sheet.setAttribute("height", height);
    const parts = [...this.drawFaults(width, height), ...this.drawColumns(width, height)];
    const first = firstPlace(this.places.length, (n) => this.inOrder
      ? (this.latest[n] + 0.5) * this.unit + this.top + 14 >= scrollTop : this.endTimeFrom(n) * this.unit + this.top + 14 >= scrollTop);
    const last = firstPlace(this.places.length, (n) => this.sentY(n) > scrollTop + height);
    // Among those between may be some that ended long ago, if others are under way for long.
    const inSight = [];
    for (let n = first; n < last; n++) if (this.endY(n) + 14 >= scrollTop) inSight.push(n);
    const most = 2000, stride = Math.max(1, Math.ceil(inSight.length / most));
    this.drawn = stride > 1 ? inSight.filter((n) => n % stride === 0) : inSight;
    parts.push(...this.drawArrows());
    if (this.drawn.length <= 200) parts.push(...this.drawLabels());
    parts.push(...this.drawChosen(), ...this.drawMarks(width, height), ...this.drawHead(width));
    this.sheet.replaceChildren(...parts);
    this.sheet.classList.toggle("dense", inSight.length > 400);
    const shown = countOf(this.places.length, this.count, "messages");
    const sight = stride > 1 ? `; ${inSight.length.toLocaleString("en")} in sight, one in ${stride} is drawn: zoom in for all` : "";
    const causal = this.causal ? ", all of one operation (key c shows the others again)" : "";
    this.summary = this.count ? shown + causal + sight + "." : "No messages were recorded.";
    this.status.textContent = this.summary;
    this.sheet.setAttribute("aria-label", this.summary);
    this.moveWindow();
  }

  /** The latest time at which a message up to this one was received. */
  endTimeFrom(n) {
    const rank = Math.min(this.ranks - 1, Math.floor(this.latest[n]));
    return rank < 0 ? 0 : this.rankTimes[rank];
  }

  faultClass(fault) {
    this.faultKinds = this.faultKinds || [...new Set(this.faults.map((f) => f.name))];
    return "fault fault" + (this.faultKinds.indexOf(fault.name) % 7);
  }

  /** What the colours of arrows mean, those that there are. */
  arrowKeys() {
    const there = new Set(placesWhere(this.count, () => true).map((i) => this.classOf(i)));
    const names = { client: "with clients", node: "between nodes", service: "with services", error: "errors", lost: "✕ lost" };
    return Object.keys(names).filter((of) => there.has(of)).flatMap((of) => [element("span", { class: "key " + of }, names[of]), " "]);
  }

  /** Names of the kinds of faults in their colours. */
  faultKeys() {
    const kinds = [...new Map(this.faults.map((fault) => [fault.name, fault])).values()];
    return kinds.flatMap((fault, n) => [n ? ", " : "", element("span", { class: "key band " + this.faultClass(fault) }, element("span", {}, fault.name))]);
  }

  /** The columns of the nodes that a fault hits; none if it is not nodes that it hits. */
  faultColumns(fault) {
    const nodes = fault.whom.split(", ").map((name) => this.endpoints.findIndex((endpoint) => endpoint.name === name));
    return nodes.includes(-1) ? [] : nodes.map((node) => this.columnOf[node]);
  }

  /** A fault in so many characters: names of nodes that have no room become their number. */
  faultName(fault, room) {
    const whole = (fault.name + " " + fault.whom).trim();
    if (whole.length <= room) return whole;
    const counts = fault.whom.split(" | ").map((side) => side.split(", ").length).join(" | ");
    const short = /without|cut off/.test(fault.whom) ? fault.name : `${fault.name} ${counts} nodes`;
    return short.length <= room ? short : fault.name.slice(0, room);
  }

  drawFaults(width, height) {
    const parts = [], names = [], { scrollTop, scrollLeft } = this.box, room = Math.floor((width - LEFT - 12) / 6.7);
    for (const fault of this.faults) {
      const from = this.yAt(fault.start / 1000) - scrollTop, to = this.yAt(fault.end / 1000) - scrollTop;
      if (to < 0 || from > height) continue;
      const top = Math.max(from, -2), bottom = Math.min(to, height + 2), columns = this.faultColumns(fault), of = this.faultClass(fault);
      const band = (kind, x, breadth) => parts.push(shape("rect", { class: of + kind, x, y: top, width: Math.max(0, breadth), height: Math.max(2, bottom - top) }));
      const breadth = (this.columnX(1) - this.columnX(0)) * 0.8;
      if (columns.length) for (const column of columns) band(" of-node", this.columnX(column) - scrollLeft - breadth / 2, breadth);
      else band("", LEFT, width - LEFT);
      // What is on together stands side by side.
      band(" strip", LEFT + 4 * this.faultKinds.indexOf(fault.name), 3);
      names.push({ y: Math.max(top + 14, this.top + 12), text: this.faultName(fault, room) });
    }
    // Each name stands at the top of its band, or as far below as it takes not to stand on another one.
    names.sort((a, b) => a.y - b.y);
    let free = 0;
    this.named = [];
    for (const { y, text } of names) {
      const at = Math.max(y, free);
      if (at > height) break;
      free = at + 14;
      this.named.push(...labelCells(width - 6 - text.length * 3.3, at - 4, 0, text.length * 3.3));
      parts.push(shape("text", { class: "fault-name", x: width - 6, y: at, "text-anchor": "end" }, text));
    }
    return parts;
  }

  drawColumns(width, height) {
    const lines = this.columns.map((_, column) => {
      const x = this.columnX(column) - this.box.scrollLeft;
      return `M${x} ${this.top - 6}V${height}`;
    });
    const parts = [shape("path", { class: "column", d: lines.join("") })];
    // Times at the left, as many as have room.
    const { scrollTop } = this.box;
    for (let y = this.top + 14 - (scrollTop % 48); y < height; y += 48) {
      if (y > this.top + 4 && y - 4 + scrollTop < this.length * this.unit + this.top) parts.push(shape("text", { class: "time", x: 4, y }, seconds(this.timeAt(y - 4 + scrollTop))));
    }
    return parts;
  }

  drawHead(width) {
    const parts = [shape("rect", { class: "head", x: 0, y: 0, width, height: this.top - 6 })];
    this.columns.forEach((column, place) => {
      const x = this.columnX(place) - this.box.scrollLeft;
      parts.push(shape("text", { class: "name " + column.role, x, y: 16, "text-anchor": "middle" }, column.name));
    });
    parts.push(shape("text", { class: "time", x: 4, y: 16 }, "time"));
    return parts;
  }

  drawArrows() {
    const lines = {}, heads = {};
    for (const n of this.drawn) {
      const of = this.classOf(this.places[n]), [x1, y1, x2, y2] = this.line(n).map((v) => Math.round(v * 10) / 10);
      lines[of] = (lines[of] || "") + `M${x1} ${y1}L${x2} ${y2}`;
      if (of === "lost") heads[of] = (heads[of] || "") + `M${x2 - 5} ${y2 - 5}l10 10m0 -10l-10 10`;
      else heads[of] = (heads[of] || "") + head(x1, y1, x2, y2);
    }
    const parts = [];
    for (const of of Object.keys(lines)) {
      parts.push(shape("path", { class: "arrow " + of, d: lines[of] }), shape("path", { class: "tip " + of, d: heads[of] }));
    }
    return parts;
  }

  /** A label on each arrow that has room for one, the chosen one's first: none lies on another, the name of a fault or the head. */
  drawLabels() {
    const parts = [], taken = new Set(this.named), chosen = this.drawn.filter((n) => this.places[n] === this.chosen);
    for (const n of [...chosen, ...this.drawn]) {
      const i = this.places[n], [x1, y1, x2, y2] = this.line(n), length = Math.hypot(x2 - x1, y2 - y1);
      const room = Math.floor(length / 6.6) - 2;
      if (room < 5) continue;
      const whole = `${this.kinds[this.kind[i]]} ${this.body[i]}`, text = whole.length > room ? whole.slice(0, room) + "…" : whole;
      const turn = x2 < x1 ? Math.PI : 0, angle = Math.atan2(y2 - y1, x2 - x1) + turn, half = text.length * 3.3 + 4, free = Math.max(0, length / 2 - half);
      // In the middle, or as near to it as it takes.
      const spot = [0, -0.5, 0.5, -1, 1].map((part) => (part * free + length / 2) / length).map((part) => {
        const x = x1 + part * (x2 - x1), y = y1 + part * (y2 - y1), cells = labelCells(x, y - 4, angle, half);
        return { x, y, cells };
      }).find(({ y, cells }) => y - 10 > this.top - 6 && cells.every((cell) => !taken.has(cell)));
      if (!spot) continue;
      for (const cell of spot.cells) taken.add(cell);
      parts.push(shape("text", { class: "label " + this.classOf(i), x: spot.x, y: spot.y - 4, "text-anchor": "middle",
        transform: `rotate(${((angle * 180) / Math.PI).toFixed(1)} ${spot.x} ${spot.y})` }, text));
    }
    return parts;
  }

  drawChosen() {
    const n = this.chosen === undefined ? -1 : this.places.indexOf(this.chosen);
    if (n < 0) return [];
    const [x1, y1, x2, y2] = this.line(n);
    return [shape("path", { class: "chosen", d: `M${x1} ${y1}L${x2} ${y2}` }), shape("path", { class: "chosen-tip", d: head(x1, y1, x2, y2) })];
  }

  drawMarks(width, height) {
    const parts = [], { scrollTop } = this.box;
    const across = (y, kind, text) => {
      if (y < this.top || y > height) return;
      parts.push(shape("path", { class: kind, d: `M${LEFT} ${y}H${width}` }), shape("text", { class: kind + "-name", x: width - 8, y: y < this.top + 14 ? y + 12 : y - 4, "text-anchor": "end" }, text));
    };
    if (this.mark !== undefined) across(this.yAt(this.mark) - scrollTop, "mark", "here: " + seconds(this.mark));
    for (const gap of this.gaps) {
      const n = firstPlace(this.places.length, (m) => this.places[m] >= gap);
      if (n < this.places.length) across(this.sentY(n) - scrollTop - this.unit / 2, "gap", "messages before this are left out");
    }
    return parts;
  }

  drawOverview() {
    const bins = 240, height = 40, sums = new Float64Array(bins), lost = new Float64Array(bins);
    const bin = (time) => Math.min(bins - 1, Math.floor((time / this.end) * bins));
    for (const i of this.places) {
      sums[bin(this.sentAt[i])]++;
      if (this.took[i] < 0) lost[bin(this.sentAt[i])]++;
    }
    // Above the columns there is room for the strips of the faults.
    const highest = Math.max(1, ...sums), room = height - 4 - 4 * new Set(this.faults.map((fault) => fault.name)).size;
    const bars = (counts) => counts.reduce((d, count, n) => count ? d + `M${n + 0.5} ${height}V${(height - Math.max(1, (count / highest) * room)).toFixed(1)}` : d, "");
    this.overview.setAttribute("viewBox", `0 0 ${bins} ${height}`);
    const x = (time) => (time / this.end) * bins;
    this.pane = shape("rect", { class: "window", y: 0, height });
    const mark = this.mark === undefined ? [] : [shape("path", { class: "mark", d: `M${x(this.mark)} 0V${height}` })];
    this.overview.replaceChildren(
      ...this.faults.flatMap((f) => {
        const band = { x: x(f.start / 1000), y: 0, width: Math.max(0.4, x((f.end - f.start) / 1000)) }, of = this.faultClass(f);
        return [shape("rect", { ...band, class: of, height }), shape("rect", { ...band, class: of + " strip", y: 4 * this.faultKinds.indexOf(f.name), height: 3 })];
      }),
      shape("path", { class: "all", d: bars(sums) }), shape("path", { class: "lost", d: bars(lost) }), ...mark, this.pane);
    this.moveWindow();
  }

  moveWindow() {
    if (!this.pane || !this.unit) return;
    const x = (y) => (this.timeAt(y) / this.end) * 240;
    const from = x(this.box.scrollTop + this.top), to = x(this.box.scrollTop + this.box.clientHeight);
    this.pane.setAttribute("x", Math.min(from, 239));
    this.pane.setAttribute("width", Math.max(0.8, Math.min(240, to) - from));
  }

  jump(event) {
    const frame = this.overview.getBoundingClientRect();
    this.scrollTo(Math.max(0, Math.min(1, (event.clientX - frame.left) / frame.width)) * this.end);
  }
}

/** Room for times at the left of the diagram, in pixels. */
const LEFT = 84;

/** The squares of a grid that a text covers that stands across a point at an angle, so long to either side. */
function labelCells(x, y, angle, half) {
  const size = 5, cells = new Set();
  for (let along = -half; along <= half; along += size) {
    for (const across of [-4, 0, 4]) {
      const at = [x + along * Math.cos(angle) - across * Math.sin(angle), y + along * Math.sin(angle) + across * Math.cos(angle)];
      cells.add(at.map((v) => Math.floor(v / size)).join());
    }
  }
  return [...cells];
}

/** The head of an arrow as a path. */
function head(x1, y1, x2, y2) {
  const length = Math.hypot(x2 - x1, y2 - y1) || 1, ux = (x2 - x1) / length, uy = (y2 - y1) / length;
  const at = (along, across) => `${(x2 - along * ux + across * uy).toFixed(1)} ${(y2 - along * uy - across * ux).toFixed(1)}`;
  return `M${at(0, 0)}L${at(8, 3)}L${at(8, -3)}Z`;
}
