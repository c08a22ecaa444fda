// A long list of which only the rows in sight exist.

class LongList {
  /**
   * columns: [{ title, width }], widths in em, the last one takes the rest;
   * cells(place): texts of a row; classOf(place): its class; details(place): what is shown of the
   * chosen row; open(place): what Enter does with it, if it does anything.
   */
  constructor(parent, { label, columns, cells, classOf, details, open }) {
    Object.assign(this, { cells, classOf, details, open, places: [], chosen: -1 });
    this.rowHeight = 22;
    const widths = columns.map((c) => (c.width ? c.width + "em" : "minmax(12em, 1fr)")).join(" ");
    this.head = element("div", { class: "row head" });
    columns.forEach((c) => this.head.append(element("span", {}, c.title)));
    this.rows = element("div", { class: "rows" });
    this.box = element("div", {
      class: "list", tabindex: 0, role: "region", "aria-label": label,
      onscroll: onceAFrame(() => this.draw()), onkeydown: (event) => this.key(event),
    }, this.head, this.rows);
    this.box.style.setProperty("--columns", widths);
    this.shown = element("pre", { class: "details", "aria-live": "polite" });
    parent.append(this.box, this.shown);
    new ResizeObserver(() => this.draw()).observe(this.box);
  }

  /** Shows these places of the whole list. */
  show(places) {
    this.places = places;
    this.chosen = -1;
    this.shown.textContent = "";
    this.rows.style.height = places.length * this.rowHeight + "px";
    this.draw();
  }

  draw() {
    const first = Math.max(0, Math.floor(this.box.scrollTop / this.rowHeight) - 5);
    const last = Math.min(this.places.length, first + Math.ceil(this.box.clientHeight / this.rowHeight) + 12);
    const rows = [];
    for (let row = first; row < last; row++) {
      const place = this.places[row];
      const line = element("div", {
        class: "row " + this.classOf(place) + (row === this.chosen ? " chosen" : ""),
        onclick: () => this.choose(row),
      });
      for (const text of this.cells(place)) line.append(element("span", {}, text));
      line.style.top = row * this.rowHeight + "px";
      rows.push(line);
    }
    this.rows.replaceChildren(...rows);
  }

  choose(row) {
    if (row < 0 || row >= this.places.length) return;
    this.chosen = row;
    this.shown.textContent = this.details(this.places[row]);
    const top = row * this.rowHeight, room = this.box.clientHeight - 2 * this.rowHeight;
    if (top < this.box.scrollTop) this.box.scrollTop = top;
    else if (top > this.box.scrollTop + room) this.box.scrollTop = top - room;
    this.draw();
  }

  key(event) {
    if (event.key === "Enter" && this.open && this.chosen >= 0) this.open(this.places[this.chosen]);
    const page = Math.max(1, Math.floor(this.box.clientHeight / this.rowHeight) - 2), all = this.places.length;
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -all, End: all }[event.key];
    if (!step) return;
    event.preventDefault();
    const first = Math.ceil(this.box.scrollTop / this.rowHeight), next = this.chosen < 0 && Math.abs(step) === 1 ? first : Math.max(this.chosen, 0) + step;
    this.choose(Math.max(0, Math.min(all - 1, next)));
  }
}

/** Places of 0..count for which the test holds. */
function placesWhere(count, test) {
  const places = [];
  for (let place = 0; place < count; place++) if (test(place)) places.push(place);
  return places;
}

/** Says how many of how many are shown. */
function countOf(shown, all, what) {
  const number = (n) => n.toLocaleString("en");
  return shown === all ? `${number(all)} ${what}` : `${number(shown)} of ${number(all)} ${what}`;
}
