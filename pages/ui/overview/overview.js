// Events over time, and counts by value. Dragging over the bars, or the keyboard, chooses a range of them.

const narrow = matchMedia("(max-width: 640px)")

class Overview {
  constructor(wrapper, root) {
    this.wrapper = wrapper
    this.root = root
    this.plot = wrapper.querySelector(".plot")
    this.status = wrapper.querySelector("[role=status]")
    this.fold = wrapper.querySelector(".fold")
    this.fold.append(glyph("down"))
    this.fold.addEventListener("click", () => this.turn())
    this.more = wrapper.querySelector(".more")
    this.more.addEventListener("click", () => this.component.setTriggerValue("expand", true))
    this.plot.addEventListener("pointerdown", (event) => this.pressed(event))
    this.plot.addEventListener("pointermove", (event) => this.moved(event))
    this.plot.addEventListener("pointerup", () => this.released())
    this.plot.addEventListener("pointercancel", () => this.choose(null))
    this.plot.addEventListener("keydown", (event) => this.typed(event))
    this.plot.addEventListener("blur", () => this.choose(null))
  }

  update(component) {
    this.component = component
    const drawn = JSON.stringify(component.data)
    if (drawn === this.drawn) return
    this.drawn = drawn
    const { folded, activity, facets } = component.data
    this.wrapper.classList.toggle("folded", folded)
    this.showFold()
    this.drawActivity(activity)
    if (facets) this.drawFacets(facets)
  }

  /** On a narrow screen it begins folded, and is folded and opened without asking the server. */
  turn() {
    if (narrow.matches && !this.component.data.folded) this.wrapper.classList.toggle("opened")
    else this.component.setTriggerValue("fold", true)
    this.showFold()
  }

  showFold() {
    const folded = this.component.data.folded || (narrow.matches && !this.wrapper.classList.contains("opened"))
    this.fold.setAttribute("aria-expanded", String(!folded))
  }

  drawActivity({ total, said, legend, bars, ticks, notes, buttons }) {
    this.bars = bars
    this.wrapper.querySelector(".said").replaceChildren(make("b", {}, total), said ? ` · ${said}` : "")
    this.wrapper.querySelector(".legend").replaceChildren(...legend.map(([kind, label]) => make("span", { class: kind }, label)))
    const most = Math.max(1, ...bars.flatMap((bar) => [bar.n, bar.before ?? 0]))
    this.cells = bars.map((bar) => {
      const cell = make("div", { class: "bar", title: bar.title })
      const rest = bar.n - bar.red
      if (bar.red) cell.append(this.piece("red", bar.red / most))
      if (rest) cell.append(this.piece("", rest / most))
      if (bar.before) {
        const outline = make("u", {})
        outline.style.height = `${Math.max(2, (bar.before / most) * 100)}%`
        cell.append(outline)
      }
      return cell
    })
    this.plot.parentElement.style.setProperty("--bars", bars.length)
    this.plot.replaceChildren(...this.cells)
    this.plot.setAttribute("aria-label", `${total} in ${bars.length} bars. Arrow keys look at a bar, with Shift several, Enter shows only these.`)
    this.wrapper.querySelector(".axis").replaceChildren(
      ...ticks.map(([at, label]) => {
        const tick = make("span", {}, label)
        tick.style.insetInlineStart = `${at * 100}%`
        return tick
      }),
    )
    const footer = this.wrapper.querySelector("footer")
    footer.replaceChildren(...notes.map((note) => make("span", {}, note)))
    for (const [name, label] of buttons) {
      const offer = make("button", { type: "button" }, label)
      offer.addEventListener("click", () => this.component.setTriggerValue(name, true))
      footer.append(offer)
    }
    this.choose(null)
  }

  piece(kind, share) {
    const piece = make("i", { class: kind })
    piece.style.height = `max(2px, ${share * 100}%)`
    return piece
  }

  drawFacets({ choices, chosen, rows, more, expanded }) {
    this.wrapper.querySelector(".choices").replaceChildren(
      ...choices.map(([key, label]) => {
        const choice = make("button", { type: "button", role: "radio", "aria-checked": String(key === chosen) }, label)
        choice.addEventListener("click", () => this.component.setTriggerValue("by", key))
        return choice
      }),
    )
    this.more.textContent = more
    this.more.hidden = !more
    const list = this.wrapper.querySelector(".values")
    list.classList.toggle("all", expanded)
    list.replaceChildren(...rows.map((row) => this.value(row)))
    if (!rows.length) list.append(make("li", {}, "Nothing to count"))
  }

  value({ value, label, title, n, count, state }) {
    const line = make("li", { class: state })
    const words = state === "on" ? "Remove this filter" : state === "off" ? "Stop leaving these out" : "Show only these"
    const known = value !== null
    const show = make("button", { type: "button", class: "value", title: known ? `${title}: ${words.toLowerCase()}` : title })
    show.append(make("span", {}, label), make("em", {}, n))
    show.style.setProperty("--share", `${count * 100}%`)
    show.disabled = !known
    if (state) show.setAttribute("aria-pressed", "true")
    show.addEventListener("click", () => this.component.setTriggerValue("facet", { value, do: state ? "drop" : "show" }))
    line.append(show)
    if (known && !state) {
      const hide = iconButton("exclude", `Leave out ${label}`, "exclude", {})
      hide.addEventListener("click", () => this.component.setTriggerValue("facet", { value, do: "hide" }))
      line.append(hide)
    }
    return line
  }

  at(event) {
    const box = this.plot.getBoundingClientRect()
    const share = (event.clientX - box.left) / Math.max(1, box.width)
    return Math.min(this.bars.length - 1, Math.max(0, Math.floor(share * this.bars.length)))
  }

  pressed(event) {
    if (event.button || !this.bars?.length) return
    this.plot.setPointerCapture(event.pointerId)
    this.from = this.at(event)
    this.choose([this.from, this.from])
  }

  moved(event) {
    if (this.from === null || this.from === undefined) return
    const to = this.at(event)
    this.choose([Math.min(this.from, to), Math.max(this.from, to)])
  }

  released() {
    if (this.from === null || this.from === undefined) return
    this.send()
  }

  typed(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key]
    if (step && this.bars?.length) {
      event.preventDefault()
      const now = this.cursor ?? (step > 0 ? -1 : this.bars.length)
      this.cursor = Math.min(this.bars.length - 1, Math.max(0, now + step))
      if (!event.shiftKey || this.anchor === null || this.anchor === undefined) this.anchor = this.cursor
      this.choose([Math.min(this.anchor, this.cursor), Math.max(this.anchor, this.cursor)], true)
      this.status.textContent = this.bars[this.cursor].title
    } else if (event.key === "Enter" && this.chosen) {
      event.preventDefault()
      this.send()
    } else if (event.key === "Escape" && this.chosen) {
      event.stopPropagation()
      this.choose(null)
    }
  }

  choose(range, keep) {
    this.chosen = range
    if (!keep) this.cursor = this.anchor = null
    if (!range) this.from = null
    for (const [index, cell] of (this.cells ?? []).entries())
      cell.classList.toggle("chosen", Boolean(range) && index >= range[0] && index <= range[1])
  }

  send() {
    const [first, last] = this.chosen
    this.from = null
    this.component.setTriggerValue("range", { first, last, edges: this.component.data.activity.edges })
  }
}

export default function (component) {
  const root = component.parentElement
  const wrapper = root.querySelector(".overview")
  wrapper.drawing ??= new Overview(wrapper, root)
  wrapper.drawing.update(component)
}
