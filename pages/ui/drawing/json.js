// JSON as it was written: tokens cut from the text, lines and a tree drawn from them; nothing is parsed into values and back.

const SHAPES = {
  string: /"[^"\\]*(?:\\[^][^"\\]*)*"/,
  number: /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.+-])/,
  word: /(?:true|false|null)(?!\w)/,
  mark: /[{}[\],:]/,
  space: /[ \t\r\n]+/,
  other: /[^\s"{}[\],:]+|[^]/,
}
const KINDS = Object.keys(SHAPES)
const LEXEME = new RegExp(KINDS.map((kind) => `(${SHAPES[kind].source})`).join("|"), "y")
const COLON = /[ \t\r\n]*:/y

const PICTURE =
  "\\u00a9\\u00ae\\u203c\\u2049\\u2122\\u2139\\u2190-\\u21ff\\u2300-\\u23ff\\u2460-\\u24ff\\u25a0-\\u27bf\\u2900-\\u297f" +
  "\\u2b00-\\u2bff\\u3030\\u303d\\u3297\\u3299\\u{1f000}-\\u{1faff}"
const MARK = "[\\u0300-\\u036f\\u0483-\\u0489\\u1ab0-\\u1aff\\u1dc0-\\u1dff\\u20d0-\\u20ff\\ufe20-\\ufe2f]"
const UNSEEN = new RegExp(
  "[\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f" +
    "\\u200b\\u200c\\u200e\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u2800\\u3164\\ud800-\\udfff\\ufe00-\\ufe0d\\ufeff\\uffa0\\ufff0-\\uffff" +
    "\\u{13430}-\\u{1343f}\\u{1bca0}-\\u{1bca3}\\u{1d173}-\\u{1d17a}\\u{e0000}-\\u{e0fff}]" +
    `|\\u200d(?<![${PICTURE}\\ufe0f]\\u200d)|\\u200d(?![${PICTURE}])` +
    `|[\\ufe0e\\ufe0f](?<![${PICTURE}0-9#*][\\ufe0e\\ufe0f])` +
    `|${MARK}(?<=${MARK.repeat(4)})`,
  "gu",
)

const DEEPEST = 64
const AT_ONCE = 200
const MOST_KEYS = 200

function* tokens(text) {
  for (let at = 0, end = 0; at < text.length; at = end) {
    LEXEME.lastIndex = at
    const match = LEXEME.exec(text)
    end = LEXEME.lastIndex
    let kind = KINDS[match.findIndex((part, index) => index > 0 && part !== undefined) - 1]
    if (kind === "string") {
      COLON.lastIndex = end
      if (COLON.test(text)) kind = "key"
    }
    yield { kind, text: match[0], at }
  }
}

/** The parts of a text: [text, ""], and [character, escape] for one that cannot be seen. */
function seen(text) {
  const parts = []
  let from = 0
  for (const { 0: character, index } of text.matchAll(UNSEEN)) {
    if (index > from) parts.push([text.slice(from, index), ""])
    const code = character.codePointAt(0).toString(16)
    parts.push([character, code.length > 4 ? `\\U${code.padStart(8, "0")}` : `\\u${code.padStart(4, "0")}`])
    from = index + character.length
  }
  if (from < text.length) parts.push([text.slice(from), ""])
  return parts
}

function appendSeen(node, text) {
  const title = "A character that cannot be seen"
  for (const [plain, escape] of seen(text)) node.append(escape ? make("span", { class: "unseen", title }, escape) : plain)
}

/** One element per line, keys set apart; line numbers come from CSS and are not part of a selection. */
function codeLines(text) {
  const lines = [make("div", { class: "line" })]
  let plain = ""
  let keys = 0
  const flush = () => {
    if (plain) appendSeen(lines[lines.length - 1], plain)
    plain = ""
  }
  for (const token of tokens(text)) {
    const [first, ...more] = token.text.split(/\r\n|\r|\n/)
    if (token.kind === "key" && !more.length && (keys += 1) < MOST_KEYS) {
      flush()
      const key = make("span", { class: "key" })
      appendSeen(key, first)
      lines[lines.length - 1].append(key)
    } else plain += first
    for (const piece of more) {
      flush()
      lines.push(make("div", { class: "line" }))
      plain = piece
      keys = 0
    }
  }
  flush()
  return lines
}

/**
 * The nodes of a JSON text, or null where it is not JSON: {key, text} for a value, {key, open, items, start, end} for an
 * object or array; key and text are exactly what was written. Needs no call stack, so depth does not matter.
 */
function treeOf(text) {
  const top = { open: "", items: [] }
  const stack = [top]
  let awaits = "value"
  let key = null
  for (const { kind, text: piece, at } of tokens(text)) {
    if (kind === "space") continue
    const here = stack[stack.length - 1]
    const settle = () => (awaits = stack.length === 1 ? "nothing" : "comma or end")
    if (awaits.startsWith("key") && kind === "key") {
      key = piece
      awaits = "colon"
    } else if (awaits === "colon" && piece === ":") awaits = "value"
    else if (awaits.startsWith("value") && (piece === "{" || piece === "[")) {
      const node = { key, open: piece, items: [], start: at, end: at }
      here.items.push(node)
      stack.push(node)
      key = null
      awaits = piece === "{" ? "key or end" : "value or end"
    } else if (awaits.startsWith("value") && ["string", "number", "word"].includes(kind)) {
      here.items.push({ key, text: piece })
      key = null
      settle()
    } else if (awaits.endsWith("end") && piece === { "{": "}", "[": "]" }[here.open]) {
      here.end = at + 1
      stack.pop()
      settle()
    } else if (awaits === "comma or end" && piece === ",") awaits = here.open === "{" ? "key" : "value"
    else return null
  }
  return awaits === "nothing" ? top.items[0] : null
}

/** A collapsible tree (WAI-ARIA tree pattern); branches are drawn when they are first opened. Null where the text is not JSON. */
function drawTree(text) {
  const root = treeOf(text)
  if (!root) return null
  const tree = make("ul", { role: "tree", class: "tree", "aria-label": "Metadata as a tree" })
  if (root.items) growBranch(tree, root, text, 1, 0)
  else tree.append(leaf(root, 1, 1, 1))
  if (!tree.firstElementChild) tree.append(leaf({ key: null, text: root.open === "{" ? "{ }" : "[ ]" }, 1, 1, 1))
  tree.firstElementChild.setAttribute("tabindex", "0")
  tree.onclick = (event) => {
    const item = event.target.closest("[role=treeitem]")
    if (!item || event.target.closest("ul") !== item.parentElement) return
    moveTo(tree, item)
    if (String(getSelection())) return
    act(item)
  }
  tree.onkeydown = (event) => treeKey(tree, event)
  return tree
}

function growBranch(list, node, text, level, from) {
  const until = Math.min(node.items.length, from + AT_ONCE)
  for (let index = from; index < until; index += 1) {
    const child = node.items[index]
    const named = child.key === null ? { ...child, key: String(index) } : child
    list.append(child.items ? branch(named, node, text, level, index) : leaf(named, level, index + 1, node.items.length))
  }
  if (until === node.items.length) return
  const rest = treeItem("item more", level, until + 1, node.items.length)
  rest.append(`${node.items.length - until} more`)
  rest.act = () => {
    growBranch(list, node, text, level, until)
    const next = rest.nextElementSibling
    moveTo(list.closest("[role=tree]"), next)
    rest.remove()
  }
  list.append(rest)
}

function itemLabel(node) {
  const label = make("span", { class: "key" })
  appendSeen(label, node.key.length > 2 && node.key.startsWith('"') ? node.key.slice(1, -1) : node.key)
  return label
}

function treeItem(look, level, place, size) {
  const where = { "aria-level": level, "aria-posinset": place, "aria-setsize": size }
  return make("li", { role: "treeitem", class: look, tabindex: "-1", ...where })
}

function leaf(node, level, place, size) {
  const item = treeItem("item", level, place, size)
  const value = make("span", { class: "value" })
  appendSeen(value, node.text)
  if (node.key !== null) item.append(itemLabel(node), ": ")
  item.append(value)
  return item
}

function branch(node, parent, text, level, index) {
  const count = node.items.length
  const [one, left, right] = node.open === "{" ? ["key", "{", "}"] : ["item", "[", "]"]
  const words = count ? `${left} ${count} ${one}${count === 1 ? "" : "s"} ${right}` : `${left} ${right}`
  const item = treeItem("item branch", level, index + 1, parent.items.length)
  item.append(glyph("right"), itemLabel(node), " ", make("span", { class: "count" }, words))
  if (!count) return item
  item.setAttribute("aria-expanded", "false")
  item.act = () => {
    const open = item.getAttribute("aria-expanded") === "false"
    item.setAttribute("aria-expanded", String(open))
    if (!open || item.querySelector("ul")) return
    const list = make("ul", { role: "group" })
    if (level < DEEPEST) growBranch(list, node, text, level + 1, 0)
    else list.append(leaf({ key: null, text: cut(text.slice(node.start, node.end)) }, level + 1, 1, 1))
    item.append(list)
  }
  if (level <= 2 && count <= 24) item.act()
  return item
}

function cut(text) {
  return text.length > 2000 ? `${text.slice(0, 2000)}…` : text
}

function act(item) {
  item.act?.()
}

function moveTo(tree, item) {
  if (!item) return
  for (const other of tree.querySelectorAll('[tabindex="0"]')) other.setAttribute("tabindex", "-1")
  item.setAttribute("tabindex", "0")
  item.focus()
}

function treeKey(tree, event) {
  if (event.altKey || event.ctrlKey || event.metaKey) return
  const item = event.target.closest("[role=treeitem]")
  const shown = [...tree.querySelectorAll("[role=treeitem]")].filter((other) => !other.parentElement.closest('[aria-expanded="false"]'))
  const at = shown.indexOf(item)
  const open = item.getAttribute("aria-expanded")
  const moves = {
    ArrowDown: () => moveTo(tree, shown[at + 1]),
    ArrowUp: () => moveTo(tree, shown[at - 1]),
    Home: () => moveTo(tree, shown[0]),
    End: () => moveTo(tree, shown[shown.length - 1]),
    ArrowRight: () => (open === "false" ? act(item) : open === "true" && moveTo(tree, shown[at + 1])),
    ArrowLeft: () => (open === "true" ? act(item) : moveTo(tree, item.parentElement.closest("[role=treeitem]"))),
    Enter: () => act(item),
    " ": () => act(item),
  }
  if (!(event.key in moves)) return
  moves[event.key]()
  event.preventDefault()
  event.stopPropagation()
}
