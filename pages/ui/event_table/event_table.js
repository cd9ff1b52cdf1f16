// The table of events. Its state lives on the wrapper element, because this module's function runs again at every rerun.

const PATIENCE = 4000
const SEARCH = '[data-testid="stSidebar"] input[type="search"], [data-testid="stSidebar"] [data-testid="stTextInput"] input'

class EventTable {
  constructor(wrapper, root) {
    this.wrapper = wrapper
    this.root = root
    this.body = wrapper.querySelector("tbody")
    this.zone = wrapper.querySelector(".zone")
    this.status = wrapper.querySelector("[role=status]")
    this.rows = new Map()
    this.open = new Set()
    this.current = ""
    this.sentAt = 0
    this.body.addEventListener("mousedown", (event) => (this.pressed = [event.clientX, event.clientY]))
    this.body.addEventListener("click", (event) => this.clicked(event))
    this.body.addEventListener("keydown", (event) => this.typed(event))
    this.body.addEventListener("focusin", (event) => this.enter(event.target.closest("tr.row")))
    this.toSearch = (event) => this.search(event)
    document.addEventListener("keydown", this.toSearch)
  }

  update(component) {
    this.component = component
    const { rows, details, open, current, zone } = component.data
    this.zone.textContent = zone ? ` · ${zone}` : ""
    const ids = rows.map((row) => row.id)
    const moved = ids.join("\n") !== [...this.rows.keys()].join("\n")
    if (moved) this.build(rows)
    else for (const row of rows) this.refresh(row)
    const wanted = new Set(open.filter((id) => this.rows.has(id)))
    const settled = wanted.size === this.open.size && [...wanted].every((id) => this.open.has(id))
    if (settled) this.sentAt = 0
    if (moved || Date.now() - this.sentAt > PATIENCE) this.open = wanted
    for (const entry of this.rows.values()) this.showDetails(entry, details[entry.row.id])
    this.mark(current, moved)
  }

  build(rows) {
    const lines = document.createDocumentFragment()
    this.rows = new Map()
    for (const [index, row] of rows.entries()) {
      const line = make("tr", { class: "row", role: "row", tabindex: "-1", "aria-haspopup": "dialog" })
      const entry = { row, line, drawn: JSON.stringify(row), panel: `metadata-${index}`, details: null }
      line.entry = entry
      this.fill(entry)
      this.rows.set(row.id, entry)
      lines.append(line)
    }
    this.body.replaceChildren(lines)
    this.stop = null
    this.enter(this.body.querySelector("tr.row"))
  }

  refresh(row) {
    const entry = this.rows.get(row.id)
    const drawn = JSON.stringify(row)
    if (drawn === entry.drawn) return
    entry.row = row
    entry.drawn = drawn
    const inside = entry.line.contains(this.root.activeElement) && this.root.activeElement !== entry.line
    this.fill(entry)
    if (inside) entry.line.focus({ preventScroll: true })
  }

  fill({ row, line, panel }) {
    const place = make("span", { class: "place" }, make("span", { class: "clip type" }, row.type))
    const resource = make("td", { class: "resource", role: "cell" }, place)
    if (row.resource_id) {
      place.append(make("span", { class: "dot" }, " · "), make("span", { class: "mono", title: row.resource_id }, row.short))
      resource.append(iconButton("copy-id", `Copy id ${row.resource_id}`, "copy", { tabindex: "-1" }))
    }
    const chevron = iconButton("toggle", "Metadata", "down", { tabindex: "-1", "aria-expanded": "false", "aria-controls": panel })
    const details = make("td", { class: "details", role: "cell", title: row.details })
    if (row.conflict) details.append(mark("amber", "bang", "Conflict", "The record holds two different events of this id"), " ")
    details.append(...apart(row.details))
    const person = make("span", { class: "person" }, avatar(row), make("span", { class: "clip" }, row.actor || "Unknown"), nameTag(row))
    line.replaceChildren(
      this.when(row),
      make("td", { class: "actor", role: "cell", title: [row.actor, row.tag].filter(Boolean).join(" · ") }, person),
      make("td", { class: "action", role: "cell" }, badge(row.action)),
      resource,
      details,
      make("td", { class: "toggle", role: "cell" }, chevron),
    )
    if (line === this.stop) this.stops(line, "0")
  }

  when(row) {
    const title = row.known ? [row.utc, row.age].filter(Boolean).join(" · ") : "The source gave no usable time"
    const cell = make("td", { class: "when", role: "cell", title })
    if (!row.known) cell.append(make("span", { class: "unknown" }, row.time))
    else cell.append(make("time", { datetime: row.utc }, make("span", { class: "day" }, row.day), " ", row.time))
    return cell
  }

  showDetails(entry, details) {
    const { line, row, panel } = entry
    const open = this.open.has(row.id)
    line.querySelector(".toggle button").setAttribute("aria-expanded", String(open))
    line.classList.toggle("open", open)
    if (!open) {
      entry.below?.remove()
      entry.below = entry.details = null
      return
    }
    if (!entry.below) {
      entry.card = make("div", { class: "card" }, make("p", { class: "loading quiet" }, "Loading metadata…"))
      entry.below = make("tr", { class: "below", role: "row", id: panel }, make("td", { colspan: "6", role: "cell" }, entry.card))
      entry.below.entry = entry
      line.after(entry.below)
    }
    const signature = details ? JSON.stringify(details) : null
    if (!details || signature === entry.details) return
    entry.details = signature
    entry.found = details
    const about = make("span", { class: "quiet" }, make("b", {}, "Metadata"), ` · ${sizeWords(details)}`)
    const held = entry.card.contains(this.root.activeElement) && this.root.activeElement.dataset.do
    entry.card.replaceChildren(
      make("div", { class: "bar" }, about, metadataButtons(details, "Download JSON")),
      details.note ? make("p", { class: "note" }, glyph("info"), make("span", {}, details.note), revealButton(details)) : "",
      details.text ? metadataText(details, true) : "",
    )
    if (held) entry.card.querySelector(`[data-do="${held}"]`)?.focus({ preventScroll: true })
  }

  mark(current, moved) {
    const was = this.current
    const changed = was !== current
    const line = this.rows.get(current)?.line
    this.current = current
    if (changed) this.rows.get(was)?.line.classList.remove("current")
    line?.classList.add("current")
    if (line && (changed || moved)) this.enter(line)
    if (line && changed && was) line.scrollIntoView({ block: "nearest" })
    if (was && !current) this.refocus(this.rows.get(was)?.line)
  }

  /** Gives the focus back to a row once the panel has let go of it, and not when someone is typing elsewhere. */
  refocus(line, tries = 12) {
    const holder = document.activeElement
    if (!line?.isConnected || this.current) return
    const free = !holder || holder === document.body || holder === this.root.host || holder.closest("[role=dialog]")
    if (!free) return
    if (!document.querySelector("[role=dialog]")) line.focus({ preventScroll: true })
    if (tries > 0 && this.root.activeElement !== line) setTimeout(() => this.refocus(line, tries - 1), 50)
  }

  enter(line) {
    if (!line || line === this.stop) return
    if (this.stop) this.stops(this.stop, "-1")
    this.stop = line
    this.stops(line, "0")
  }

  stops(line, tabindex) {
    line.setAttribute("tabindex", tabindex)
    for (const control of line.querySelectorAll("button")) control.setAttribute("tabindex", tabindex)
  }

  clicked(event) {
    const control = event.target.closest("button")
    const line = event.target.closest("tr")
    if (!line) return
    const entry = line.entry
    const { id, resource_id } = entry.row
    const copyId = () => copyText(resource_id, this.root).then((done) => showCopied(control, done, this.status))
    if (control?.dataset.do === "toggle") this.toggle(entry)
    else if (control?.dataset.do === "copy-id") copyId()
    else if (control) metadataAction(control, { ...this, id, details: entry.found })
    else if (line.matches(".row") && !this.selecting(event)) this.component.setTriggerValue("row", id)
  }

  selecting(event) {
    const [x, y] = this.pressed ?? [event.clientX, event.clientY]
    const selection = this.root.getSelection?.() ?? document.getSelection()
    const dragged = Math.hypot(event.clientX - x, event.clientY - y) > 4
    return event.detail > 0 && (dragged || String(selection ?? "") !== "")
  }

  toggle({ row }) {
    if (!this.open.delete(row.id)) this.open.add(row.id)
    this.sentAt = Date.now()
    this.showDetails(this.rows.get(row.id), this.component.data.details[row.id])
    this.component.setStateValue("open", [...this.open])
  }

  typed(event) {
    const line = event.target
    if (!line.matches("tr.row") || event.altKey || event.ctrlKey || event.metaKey) return
    const lines = [...this.rows.values()].map((entry) => entry.line)
    const at = lines.indexOf(line)
    const moves = {
      ArrowDown: () => lines[at + 1]?.focus(),
      ArrowUp: () => lines[at - 1]?.focus(),
      Home: () => lines[0].focus(),
      End: () => lines[lines.length - 1].focus(),
      Enter: () => this.component.setTriggerValue("row", line.entry.row.id),
      " ": () => this.toggle(line.entry),
    }
    if (!(event.key in moves)) return
    event.preventDefault()
    moves[event.key]()
  }

  search(event) {
    if (event.key !== "/" || event.altKey || event.ctrlKey || event.metaKey || isTyping(event)) return
    const field = document.querySelector(SEARCH)
    const hidden = !field || field.getBoundingClientRect().right <= 0
    if (hidden || document.querySelector("[role=dialog]")) return
    event.preventDefault()
    field.focus()
    field.select()
  }

  leave(component) {
    if (component === this.component) document.removeEventListener("keydown", this.toSearch)
  }
}

export default function (component) {
  const wrapper = component.parentElement.querySelector(".events")
  wrapper.table ??= new EventTable(wrapper, wrapper.getRootNode())
  wrapper.table.update(component)
  return () => wrapper.table.leave(component)
}
