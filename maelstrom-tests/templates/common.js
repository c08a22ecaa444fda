// What all parts of the page's script share. Text from the run reaches the document by textContent
// and attributes only, never as markup.

const data = JSON.parse(document.getElementById("data").textContent);

const SVG = "http://www.w3.org/2000/svg";

/** Makes an element; attributes beginning with "on" are listeners. */
function element(name, attributes, ...children) {
  return furnish(document.createElement(name), attributes, children);
}

/** Makes an element of a drawing. */
function shape(name, attributes, ...children) {
  return furnish(document.createElementNS(SVG, name), attributes, children);
}

function furnish(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== false && value !== null) node.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children) node.append(child);
  return node;
}

/** Microseconds since the start as people read them. */
function seconds(microseconds) {
  return (microseconds / 1e6).toFixed(microseconds % 1000 ? 6 : 3) + " s";
}

/** A length of time in microseconds. */
function milliseconds(microseconds) {
  return (microseconds / 1000).toLocaleString("en", { maximumSignificantDigits: 4 }) + " ms";
}

/** The first place in 0..count for which the test holds; it holds for all after it too. */
function firstPlace(count, test) {
  let low = 0, high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (test(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Calls a function at most once a frame. */
function onceAFrame(draw) {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; draw(); });
  };
}

function option(value, text) {
  return element("option", { value }, text);
}

function labelled(text, control) {
  return element("label", {}, element("span", {}, text), control);
}
