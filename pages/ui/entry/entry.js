// The side panel's body. Its state lives on the wrapper element, because this module's function runs again at every rerun.

const STEPS = { ArrowUp: -1, k: -1, ArrowDown: 1, j: 1 }
const PATIENCE = 3000
const OUTCOMES = { failure: ["red", "bang"], denied: ["amber", "ban"] }
const STATUSES = { verified: ["green", "shield", "Verified"], conflict: ["amber", "bang", "Conflict"] }

/** What outlives one mount: the panel is mounted anew when a step crosses a page of the list. */
const kept = { view: "text", step: "", at: 0 }

class Entry {
  constructor(wrapper, root) {
    this.wrapper = wrapper
    this.root = root
    this.content = wrapper.querySelector(".content")
    this.status = wrapper.querySelector("[role=status]")
    this.share = button("copy-link", "Copy link", "link", { title: "Copies the address of this page with this entry open" })
    this.position = make("span", { class: "quiet position" })
    this.previous = button("step-back", "", "up", { "aria-label": "Previous entry", title: "Previous entry (↑ or k)" })
    this.next = button("step-on", "", "down", { "aria-label": "Next entry", title: "Next entry (↓ or j)" })
    wrapper.querySelector(".share").append(this.share, iconButton("copy-sealed", SEALED, "shield", {}))
    wrapper.querySelector(".steps").append(this.position, this.previous, this.next)
    wrapper.addEventListener("click", (event) => this.clicked(event))
    this.typed = (event) => this.key(event)
    this.tabbed = (event) => (this.direction = event.key !== "Tab" ? 0 : event.shiftKey ? -1 : 1)
    document.addEventListener("keydown", this.typed)
    document.addEventListener("keydown", this.tabbed, true)
    root.host.tabIndex = 0
    root.host.style.outline = "none"
    root.host.addEventListener("keydown", (event) => this.tab(event))
    root.host.addEventListener("focus", () => this.entered())
    this.scroller = scrollerOf(root.host)
    this.fitted = new ResizeObserver(() => this.fit())
    this.fitted.observe(this.scroller)
  }

  /** Lets the footer stand on the panel's lower edge, whatever padding the panel has. */
  fit() {
    const { paddingTop, paddingBottom, paddingLeft } = getComputedStyle(this.scroller)
    this.wrapper.style.setProperty("--edge", paddingBottom)
    this.wrapper.style.setProperty("--gutter", paddingLeft)
    this.wrapper.style.setProperty("--room", `calc(${this.scroller.clientHeight}px - ${paddingTop})`)
  }

  update(component) {
    this.component = component
    const event = component.data
    const drawn = JSON.stringify(event)
    if (drawn === this.drawn) return
    if (!this.drawn) this.resume()
    const other = this.event && this.event.id !== event.id
    this.event = event
    this.drawn = drawn
    const inside = this.content.contains(this.root.activeElement)
    const held = inside && !other && this.root.activeElement.dataset.do === "reveal"
    this.draw(event)
    this.footer(event)
    if (inside) ((held && this.content.querySelector('[data-do="reveal"]')) || this.share).focus({ preventScroll: true })
    if (other) this.scroller.scrollTop = 0
    if (other) this.status.textContent = [event.position, event.action.label, event.actor].filter(Boolean).join(", ")
  }

  draw(event) {
    this.content.replaceChildren(
      this.head(event),
      event.summary ? make("p", { class: "summary" }, event.summary) : "",
      this.list([...event.facts, ...this.ownFacts(event)]),
      ...this.changes(event),
      ...this.related(event),
      ...this.metadata(event.metadata),
    )
  }

  head(event) {
    const called = event.actor || "Unknown"
    const name = event.actor_pivot ? this.pivot(called, event.actor_pivot, false) : make("b", { class: "name" }, called)
    const when = make("p", { class: "times" })
    const day = event.when.slice(0, 11)
    const utc = event.utc.startsWith(day) ? event.utc.slice(day.length) : event.utc
    const exact = make("span", { class: "utc", title: event.utc }, utc)
    if (event.known) when.append(make("span", {}, event.when), ` ${event.zone} · `, exact)
    else when.append(make("i", {}, "unknown time"), " · the source gave no usable time")
    const person = make("p", { class: "who" }, name, nameTag(event), event.role ? make("span", { class: "role" }, ` ${event.role}`) : "")
    const more = [event.email === event.actor ? "" : event.email, event.recorded].filter(Boolean).join(" · ")
    const names = make("div", { class: "names" }, person, when, make("p", { class: "quiet" }, more))
    return make("header", {}, avatar(event), names, badge(event.action))
  }

  ownFacts(event) {
    const facts = []
    const sign = OUTCOMES[event.outcome.toLowerCase()]
    if (sign) facts.push({ label: "Outcome", value: "", badge: [...sign, event.outcome] })
    else if (event.outcome) facts.push({ label: "Outcome", value: event.outcome })
    const own = event.action_raw && ![event.action.label, event.action.key].includes(event.action_raw)
    if (own) facts.push({ label: "Recorded as", value: event.action_raw, mono: true })
    return facts
  }

  list(facts) {
    return make("dl", {}, ...facts.map((fact) => this.fact(fact)))
  }

  fact(fact) {
    const value = make("dd", {})
    if (fact.lead) value.append(make("span", { class: "lead" }, fact.lead), fact.value ? make("span", { class: "dot" }, " · ") : "")
    if (fact.pivot) value.append(this.pivot(fact.value, fact.pivot, fact.mono, fact.leads))
    else if (fact.value) value.append(make("span", { class: fact.mono ? "mono" : null, title: fact.copy }, fact.value))
    if (fact.badge) value.append(mark(...fact.badge))
    if (STATUSES[fact.status]) value.append(" ", mark(...STATUSES[fact.status]))
    if (fact.note) value.append(make("span", { class: "quiet" }, fact.note))
    const icons = []
    if (fact.pivot && !fact.leads) icons.push(iconButton("exclude", `Exclude ${fact.value} from the list`, "exclude", this.filter(fact.pivot)))
    if (fact.copy) icons.push(iconButton("copy", `Copy ${fact.label}`, "copy", { "data-copy": fact.copy }))
    return make("div", { class: "fact" }, make("dt", {}, fact.label), value, icons.length ? make("dd", { class: "icons" }, ...icons) : "")
  }

  pivot(words, pivot, mono, leads = "") {
    const title = leads || "Filters the list by this; with Shift, excludes it"
    return make("button", { type: "button", class: mono ? "pivot mono" : "pivot", "data-do": "pivot", title, ...this.filter(pivot) }, words)
  }

  filter([parameter, value]) {
    return { "data-parameter": parameter, "data-value": value }
  }

  section(title, note, ...more) {
    return make("div", { class: "title" }, make("h3", {}, title), note ? make("span", { class: "quiet" }, note) : "", ...more)
  }

  changes({ changes, changes_note }) {
    if (!changes.length) return changes_note ? [this.section("What changed", changes_note)] : []
    const head = ["Field", "Before", "After"].map((words) => make("th", { scope: "col", role: "columnheader" }, words))
    const rows = changes.map((change) =>
      make(
        "tr",
        { role: "row" },
        make("th", { scope: "row", role: "rowheader", title: change.raw_field }, change.field),
        make("td", { role: "cell" }, this.side(change.before, "del", "− ")),
        make("td", { role: "cell" }, this.side(change.after, "ins", "+ ")),
      ),
    )
    const table = make(
      "table",
      { class: "diff", role: "table" },
      make("caption", { class: "hidden" }, "What changed, before and after"),
      make("thead", { role: "rowgroup" }, make("tr", { role: "row" }, ...head)),
      make("tbody", { role: "rowgroup" }, ...rows),
    )
    return [this.section("What changed", changes_note), make("div", { class: "frame" }, table)]
  }

  side(parts, tag, sign) {
    if (!parts) return make("span", { class: "quiet" }, "not recorded")
    const changed = parts.some((part) => part.mark)
    if (!parts.some((part) => part.text)) return changed ? make(tag, {}, sign, "empty") : make("span", { class: "quiet" }, "empty")
    const side = document.createDocumentFragment()
    for (const part of parts) side.append(part.mark && part.text.trim() ? this.marked(part.text, tag, sign) : part.text)
    return side
  }

  /** A tinted part; blanks around it stay outside the tint. */
  marked(text, tag, sign) {
    const [, before, inner, after] = /^(\s*)([^]*?)(\s*)$/.exec(text)
    const part = document.createDocumentFragment()
    part.append(before, make(tag, {}, sign, inner), after)
    return part
  }

  related({ related, related_note }) {
    return related.length || related_note ? [this.section("Related", related_note || "select to filter the list"), this.list(related)] : []
  }

  metadata(details) {
    this.details = details
    const tree = details.tree ? make("span", { class: "switch", role: "group", "aria-label": "Show metadata as" }) : ""
    const choice = (view, words) => make("button", { type: "button", "data-do": "view", "data-view": view }, words)
    if (tree) tree.append(choice("text", "Text"), choice("tree", "Tree"))
    this.views = tree
    this.shown = make("div", { class: "frame metadata" })
    this.show(details.tree ? kept.view : "text")
    return [
      make("div", { class: "title wide" }, make("h3", {}, "Metadata"), tree, metadataButtons(details, "Download")),
      details.sparse ? make("p", { class: "sparse" }, glyph("info"), make("span", {}, details.sparse)) : "",
      make("p", { class: "quiet size" }, make("span", {}, [sizeWords(details), details.note].filter(Boolean).join(" · ")), revealButton(details)),
      details.text ? this.shown : "",
    ]
  }

  show(view) {
    const tree = view === "tree" ? drawTree(this.details.text) : null
    this.shown.replaceChildren(tree ?? metadataText(this.details, false))
    if (view === "tree" && !tree) this.shown.prepend(make("p", { class: "note quiet" }, "This text is not JSON, so it has no tree."))
    for (const control of this.views.children ?? []) control.setAttribute("aria-pressed", String(control.dataset.view === view))
  }

  footer(event) {
    this.position.textContent = event.position
    const steps = this.previous.parentElement
    steps.hidden = !(event.position || event.has_previous || event.has_next)
    this.previous.setAttribute("aria-disabled", String(!event.has_previous))
    this.next.setAttribute("aria-disabled", String(!event.has_next))
  }

  step(by, control = "") {
    if (!(by < 0 ? this.event.has_previous : this.event.has_next)) return
    Object.assign(kept, { step: control, at: Date.now() })
    this.component.setTriggerValue("step", by)
  }

  /** After a mount of its own, a step gives the focus back to the button that made it. */
  resume(tries = 10) {
    if (!kept.step || Date.now() - kept.at > PATIENCE || tries === 0) return
    const control = this.wrapper.querySelector(`[data-do="${kept.step}"]`)
    if (!this.root.activeElement) control.focus({ preventScroll: true })
    setTimeout(() => this.resume(tries - 1), 50)
  }

  clicked(event) {
    const control = event.target.closest("button")
    if (!control) return
    const { parameter, value, copy, view } = control.dataset
    const choose = (exclude) => this.component.setTriggerValue("pivot", { parameter, value, exclude })
    const copied = (text) => copyText(text, this.root).then((done) => showCopied(control, done, this.status))
    const metadata = () => metadataAction(control, { ...this, id: this.event.id })
    const acts = {
      pivot: () => choose(event.shiftKey),
      exclude: () => choose(true),
      copy: () => copied(copy),
      "copy-link": () => copied(location.href),
      "copy-sealed": () => copied(sealedLink(this.event.seal)),
      "copy-metadata": metadata,
      "download-metadata": metadata,
      reveal: metadata,
      "step-back": () => this.step(-1, "step-back"),
      "step-on": () => this.step(1, "step-on"),
      view: () => {
        kept.view = view
        this.show(view)
      },
    }
    acts[control.dataset.do]?.()
  }

  key(event) {
    const plain = !(event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || event.defaultPrevented)
    if (!(event.key in STEPS) || !plain || isTyping(event)) return
    if (event.composedPath().some((node) => node instanceof Element && node.matches(".code, .tree"))) return
    event.preventDefault()
    this.step(STEPS[event.key])
  }

  /** The panel's focus trap cannot see into a shadow root: inside it Tab is the browser's, at its two ends the trap's. */
  tab(event) {
    if (event.key !== "Tab") return
    const stops = this.stops()
    const end = event.shiftKey ? stops[0] : stops[stops.length - 1]
    const outside = event.shiftKey && !this.root.activeElement
    if (this.root.activeElement !== end && !outside) event.stopPropagation()
  }

  entered() {
    const stops = this.stops()
    if (this.direction) (this.direction > 0 ? stops[0] : stops[stops.length - 1]).focus()
  }

  stops() {
    return [...this.wrapper.querySelectorAll('button, [tabindex="0"]')].filter((stop) => stop.getClientRects().length)
  }

  leave(component) {
    if (component !== this.component) return
    document.removeEventListener("keydown", this.typed)
    document.removeEventListener("keydown", this.tabbed, true)
    this.fitted.disconnect()
  }
}

function scrollerOf(node) {
  while (node.parentElement && !/auto|scroll/.test(getComputedStyle(node).overflowY)) node = node.parentElement
  return node
}

export default function (component) {
  const wrapper = component.parentElement.querySelector(".entry")
  wrapper.panel ??= new Entry(wrapper, wrapper.getRootNode())
  wrapper.panel.update(component)
  return () => wrapper.panel.leave(component)
}
