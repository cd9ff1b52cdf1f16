// Elements, glyphs, badges, avatars and buttons. Data reaches the page as text nodes and attributes only.

const SVG = "http://www.w3.org/2000/svg"

const strokes = {
  plus: "M6 2v8M2 6h8",
  pencil: "M2 10l.5-2.3 5.6-5.6 1.8 1.8-5.6 5.6zM7 3.2l1.8 1.8",
  cross: "M3 3l6 6M9 3L3 9",
  check: "M2.2 6.5L4.8 9l5-5.8",
  ban: "M6 1.6a4.4 4.4 0 1 0 0 8.8a4.4 4.4 0 1 0 0-8.8zM3 3l6 6",
  enter: "M1 6h6.6M5.2 3.5L7.7 6 5.2 8.5M10.4 2v8",
  exit: "M1.6 2v8M4 6h6.8M8.3 3.5L10.8 6 8.3 8.5",
  bang: "M6 1.9v5M6 9.7v.2",
  frame: "M3.2 2.2h5.6a1 1 0 0 1 1 1v5.6a1 1 0 0 1-1 1H3.2a1 1 0 0 1-1-1V3.2a1 1 0 0 1 1-1z",
  eye: "M1 6c1.3-2.2 3-3.3 5-3.3S9.7 3.8 11 6C9.7 8.2 8 9.3 6 9.3S2.3 8.2 1 6zM6 4.7a1.3 1.3 0 1 0 0 2.6a1.3 1.3 0 1 0 0-2.6z",
  export: "M6 7.4V1.6M3.6 4L6 1.6 8.4 4M2 7.4v3h8v-3",
  gear:
    "M6 3.6a2.4 2.4 0 1 0 0 4.8a2.4 2.4 0 1 0 0-4.8z" +
    "M6 1.3v2.3M6 8.4v2.3M1.3 6h2.3M8.4 6h2.3M2.7 2.7l1.6 1.6M7.7 7.7l1.6 1.6M9.3 2.7L7.7 4.3M4.3 7.7L2.7 9.3",
  down: "M2.4 4.3L6 7.9l3.6-3.6",
  up: "M2.4 7.7L6 4.1l3.6 3.6",
  right: "M4.4 2.6L7.8 6 4.4 9.4",
  copy:
    "M5.2 4.4h4.5a.8.8 0 0 1 .8.8v4.5a.8.8 0 0 1-.8.8H5.2a.8.8 0 0 1-.8-.8V5.2a.8.8 0 0 1 .8-.8z" +
    "M2.4 7.6h-.1a.8.8 0 0 1-.8-.8V2.3a.8.8 0 0 1 .8-.8h4.5a.8.8 0 0 1 .8.8v.1",
  download: "M6 1.6v5.8M3.6 5L6 7.4 8.4 5M1.8 10.4h8.4",
  link: "M5.1 6.9a2.1 2.1 0 0 0 3 .1l1.7-1.7a2.1 2.1 0 0 0-3-3l-.7.7M6.9 5.1a2.1 2.1 0 0 0-3-.1L2.2 6.7a2.1 2.1 0 0 0 3 3l.7-.7",
  shield: "M6 1.1l4 1.5V6c0 2.3-1.6 4-4 4.9C3.6 10 2 8.3 2 6V2.6zM4.2 5.9l1.4 1.4 2.3-2.6",
  info: "M6 1.4a4.6 4.6 0 1 0 0 9.2a4.6 4.6 0 1 0 0-9.2zM6 5.6v2.7M6 3.6v.1",
  filter: "M1.6 3h8.8M3.4 6h5.2M5 9h2",
  exclude: "M6 1.6a4.4 4.4 0 1 0 0 8.8a4.4 4.4 0 1 0 0-8.8zM3.9 6h4.2",
}

const solids = {
  disc: "M6 2.4a3.6 3.6 0 1 0 0 7.2a3.6 3.6 0 1 0 0-7.2z",
  stop: "M3.4 2.6h5.2a.8.8 0 0 1 .8.8v5.2a.8.8 0 0 1-.8.8H3.4a.8.8 0 0 1-.8-.8V3.4a.8.8 0 0 1 .8-.8z",
}

const drawn = new Map()

function glyph(name) {
  if (!drawn.has(name)) {
    const svg = document.createElementNS(SVG, "svg")
    svg.setAttribute("viewBox", "0 0 12 12")
    svg.setAttribute("class", name in solids ? "glyph solid" : "glyph")
    svg.setAttribute("aria-hidden", "true")
    const path = document.createElementNS(SVG, "path")
    path.setAttribute("d", solids[name] ?? strokes[name] ?? "")
    svg.append(path)
    drawn.set(name, svg)
  }
  return drawn.get(name).cloneNode(true)
}

function make(tag, attributes, ...children) {
  const node = document.createElement(tag)
  for (const name in attributes) {
    const value = attributes[name]
    if (value !== undefined && value !== null && value !== "") node.setAttribute(name, value)
  }
  for (const child of children) if (child !== undefined && child !== null && child !== "") node.append(child)
  return node
}

const rightToLeft = /([\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]+(?:\s+[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]+)*)/

// The parts of a line, right-to-left words apart, so that they do not reorder the times and numbers beside them.
function apart(line) {
  return line.split(rightToLeft).map((part, place) => (place % 2 ? make("bdi", {}, part) : part))
}

function button(name, label, glyphName, attributes) {
  const own = { type: "button", class: "button", "data-do": name }
  return make("button", { ...own, ...attributes }, glyph(glyphName), make("span", {}, label))
}

function iconButton(name, label, glyphName, attributes) {
  const own = { type: "button", class: "icon", "data-do": name, "aria-label": label, title: label }
  return make("button", { ...own, ...attributes }, glyph(glyphName))
}

function badge(action) {
  if (action.named) return mark(action.tone, action.glyph, action.label, action.help)
  return make("span", { class: "badge unnamed", title: `${action.label}: ${action.help}` }, make("span", { class: "label" }, action.label))
}

function mark(tone, glyphName, label, title) {
  return make("span", { class: `badge ${tone}`, title }, glyph(glyphName), make("span", { class: "label" }, label))
}

/** What tells a person from others of the same look. */
function nameTag({ tag }) {
  return tag ? make("span", { class: "tag", title: `${tag}: tells this person from others whose names look the same` }, tag) : ""
}

function avatar(person) {
  const face = make("span", { class: person.machine ? "avatar machine" : "avatar", "aria-hidden": "true" })
  face.append(person.machine ? glyph("gear") : person.initials || "–")
  return face
}

async function copyText(text, root) {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    const focused = root.activeElement
    const area = make("textarea", { class: "hidden", readonly: "readonly", "aria-hidden": "true" })
    area.value = text
    root.append(area)
    area.select()
    const done = document.execCommand("copy")
    area.remove()
    focused?.focus({ preventScroll: true })
    return done
  }
}

function showCopied(control, done, status) {
  const words = done ? "Copied" : "Not copied"
  const label = control.querySelector("span")
  const icon = control.querySelector("svg")
  control.restore?.()
  const [oldWords, oldTitle] = [label?.textContent, control.title]
  const sign = glyph(done ? "check" : "cross")
  control.classList.add("copied")
  icon.replaceWith(sign)
  if (label) label.textContent = words
  else control.title = words
  status.textContent = ""
  requestAnimationFrame(() => (status.textContent = done ? "Copied to the clipboard" : "The browser did not allow copying"))
  const timer = setTimeout(() => control.restore?.(), 1600)
  control.restore = () => {
    clearTimeout(timer)
    control.restore = null
    control.classList.remove("copied")
    sign.replaceWith(icon)
    if (label) label.textContent = oldWords
    else control.title = oldTitle
  }
}

const SEALED = "Copy a link that checks itself: whoever opens it sees whether these are still the same events"

/** The page's address with the head of the record and the total of now, in place of those it may carry. */
function sealedLink(seal) {
  const [page, query = ""] = location.href.split("#")[0].split("?")
  const kept = query.split("&").filter((pair) => pair && !/^(at|n)=/.test(pair))
  return `${page}?${[...kept, seal].join("&")}`
}

function saveFrom(url, fileName, root) {
  const anchor = make("a", { class: "hidden", href: url, download: fileName, tabindex: "-1" })
  root.append(anchor)
  anchor.click()
  anchor.remove()
}

function isTyping(event) {
  const target = event.composedPath()[0]
  if (!(target instanceof Element)) return false
  return target.isContentEditable || target.matches("input, textarea, select, [role=combobox], [role=slider]")
}
