// The record at a glance. Its state lives on the wrapper element, because this module's function runs again at every rerun.

const DAY = 86_400_000
const WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
const MARKS = {
  q: "in a quarantined snapshot, whose events are not shown",
  r: "in a snapshot that was retired by policy",
  u: "in a gap between two snapshots",
}
const MOVES = { ArrowLeft: -7, ArrowRight: 7, ArrowUp: -1, ArrowDown: 1 }
const [LEAST, MOST, GAP] = [14, 20, 3]
const EDGE = 76
const HINT = "Choose a day to see its events; arrow keys move between days."

class IntegrityRecord {
  constructor(wrapper, root) {
    this.wrapper = wrapper
    this.root = root
    this.back = 0
    this.days = wrapper.querySelector(".days")
    this.said = wrapper.querySelector(".said")
    this.earlier = iconButton("earlier", "Earlier days", "right", { class: "icon earlier" })
    this.later = iconButton("later", "Later days", "right", {})
    wrapper.querySelector(".turn").append(this.earlier, this.later)
    wrapper.addEventListener("click", (event) => this.clicked(event))
    this.days.addEventListener("keydown", (event) => this.key(event))
    this.days.addEventListener("focusin", (event) => this.tell(event.target))
    this.days.addEventListener("pointerover", (event) => this.tell(event.target))
    this.fitted = new ResizeObserver(() => this.fit())
    this.fitted.observe(this.days.parentElement)
  }

  update(component) {
    this.component = component
    const drawn = JSON.stringify(component.data)
    if (drawn === this.drawn) return
    this.drawn = drawn
    const { figures, chain, calendar, notes, rows, zone } = component.data
    this.wrapper.querySelector(".figures").replaceChildren(...figures.map((figure) => this.figure(figure)))
    this.wrapper.querySelector(".chain").replaceChildren(...chain.map((card) => this.card(card)))
    this.wrapper.querySelector(".notes").replaceChildren(...notes.flatMap((note) => [make("dt", {}, note.label), make("dd", {}, note.value)]))
    this.wrapper.querySelector("tbody").replaceChildren(...rows.map((row) => this.row(row)))
    this.zone = zone
    this.calendar = calendar
    this.start = Date.parse(`${calendar.first}T00:00:00Z`)
    this.lead = (new Date(this.start).getUTCDay() + 6) % 7
    this.legend()
    this.weeks = 0
    this.fit()
  }

  figure({ label, value, of, note, mono }) {
    const number = make("dd", { class: mono ? "value mono" : "value" }, value, of ? make("span", { class: "of" }, ` ${of}`) : "")
    return make("div", {}, make("dt", {}, label), number, make("dd", { class: "note" }, note))
  }

  card(card) {
    const bad = card.tone === "red" ? " bad" : card.folded ? " folded" : ""
    const top = make("span", { class: "top" }, make("b", {}, card.name), make("span", { class: "quiet" }, card.day))
    const digest = make("span", { class: card.folded ? "quiet" : "mono quiet" }, card.digest)
    return make("li", { class: `card${bad}`, title: card.title }, top, digest, mark(card.tone, card.glyph, card.label, ""))
  }

  row(row) {
    const cell = (name, label, ...content) => make("td", { role: "cell", class: name, "data-label": label }, ...content)
    const copy = iconButton("copy", `Copy the digest of snapshot ${row.seq}`, "copy", { "data-copy": row.digest })
    const { tone, glyph: name, label } = row.badge
    return make(
      "tr",
      { role: "row", class: row.state },
      make("th", { scope: "row", role: "rowheader" }, String(row.seq)),
      cell("", "Published", row.created),
      cell("", "Events of", row.span),
      cell("number", "Events", row.events),
      cell("digest", "Digest", make("span", { class: "mono", title: row.digest }, row.short), copy),
      cell("", "Signature", row.signature, row.key ? make("span", { class: "mono quiet", title: row.key }, ` ${row.key.slice(0, 4)}…`) : ""),
      cell("state", "State", mark(tone, name, label, ""), row.note ? make("span", { class: "why" }, row.note) : ""),
    )
  }

  legend() {
    const shade = (level) => make("i", { class: `day l${level}` })
    const most = this.calendar.most.toLocaleString("en")
    const words = (mark, label) => (this.calendar.marks.includes(mark) ? [make("i", { class: `day ${mark}` }), label] : [])
    this.wrapper
      .querySelector(".legend")
      .replaceChildren("none", ...[0, 1, 2, 3, 4].map(shade), most, ...words("u", "between snapshots"), ...words("q", "quarantined"), ...words("r", "retired"))
  }

  /** As many weeks as there is room for, ending with the newest or where Earlier has led. */
  fit() {
    if (!this.calendar) return
    const all = Math.ceil((this.calendar.counts.length + this.lead) / 7)
    const room = this.days.parentElement.clientWidth - EDGE
    const weeks = Math.max(8, Math.min(all, Math.floor(room / (LEAST + GAP))))
    this.days.style.setProperty("--cell", `${Math.max(LEAST, Math.min(MOST, Math.floor(room / weeks) - GAP))}px`)
    if (weeks === this.weeks) return
    this.weeks = weeks
    this.all = all
    this.draw()
  }

  draw() {
    this.back = Math.max(0, Math.min(this.back, this.all - this.weeks))
    const last = this.all - this.back
    const first = Math.max(0, last - this.weeks)
    const head = make("tr", { role: "presentation" }, make("td", { role: "presentation" }))
    const month = (week) => this.date(Math.max(0, week * 7 - this.lead)).getUTCMonth()
    for (let week = first; week < last; week += 1) {
      const begins = (week === first || month(week) !== month(week - 1)) && month(week) === month(week + 1)
      head.append(make("td", { role: "presentation", class: "month" }, make("span", {}, begins ? MONTHS[month(week)] : "")))
    }
    const rows = WEEKDAYS.map((name, weekday) => {
      const line = make("tr", { role: "row" }, make("th", { scope: "row", role: "rowheader" }, weekday % 2 ? make("span", { class: "hidden" }, name) : name))
      for (let week = first; week < last; week += 1) line.append(this.day(week * 7 + weekday - this.lead))
      return line
    })
    this.days.replaceChildren(make("tbody", { role: "rowgroup" }, head, ...rows))
    this.from = Math.max(0, first * 7 - this.lead)
    const until = Math.min(last * 7 - this.lead, this.calendar.counts.length) - 1
    const stop = this.days.querySelector(`[data-day="${Math.min(this.stop ?? until, until)}"]`) ?? this.days.querySelector(`[data-day="${until}"]`)
    stop?.setAttribute("tabindex", "0")
    const day = (number) => this.words(number).slice(4)
    this.wrapper.querySelector(".period").textContent = `events per day, ${day(this.from)} – ${day(until)} (${this.zone})`
    this.earlier.setAttribute("aria-disabled", String(first === 0))
    this.later.setAttribute("aria-disabled", String(this.back === 0))
    this.wrapper.querySelector(".turn").hidden = this.weeks >= this.all
    this.said.textContent = HINT
  }

  day(number) {
    const events = this.calendar.counts[number]
    if (events === undefined) return make("td", { role: "gridcell" })
    const mark = this.calendar.marks[number]
    const level = events ? 1 + this.calendar.steps.filter((step) => events >= step).length : 0
    const shown = mark === "-" || (events && mark !== "q") ? "" : mark
    const name = `day l${level} ${shown}${events && mark === "q" ? " some" : ""}`
    return make("td", { role: "gridcell", class: name, tabindex: "-1", "data-day": String(number), "aria-label": this.sentence(number) })
  }

  date(number) {
    return new Date(this.start + number * DAY)
  }

  words(number) {
    const date = this.date(number)
    return `${WEEKDAYS[(date.getUTCDay() + 6) % 7]} ${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}`
  }

  sentence(number) {
    const events = this.calendar.counts[number]
    const mark = this.calendar.marks[number]
    const count = events ? `${events.toLocaleString("en")} event${events === 1 ? "" : "s"}` : "no events"
    return `${this.words(number)}: ${count}${mark in MARKS && (mark === "q" || !events) ? `, ${MARKS[mark]}` : ""}`
  }

  tell(target) {
    const day = target.dataset?.day
    if (day !== undefined) this.said.textContent = this.sentence(Number(day))
  }

  key(event) {
    const day = event.target.dataset?.day
    if (day === undefined || event.altKey || event.ctrlKey || event.metaKey) return
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault()
      this.choose(Number(day))
    } else if (event.key in MOVES) {
      event.preventDefault()
      this.move(Number(day) + MOVES[event.key])
    }
  }

  move(number) {
    if (this.calendar.counts[number] === undefined) return
    this.stop = number
    const shown = () => this.days.querySelector(`[data-day="${number}"]`)
    if (!shown()) {
      this.back += number < this.from ? 1 : -1
      this.draw()
    }
    this.days.querySelector('[tabindex="0"]')?.setAttribute("tabindex", "-1")
    shown()?.setAttribute("tabindex", "0")
    shown()?.focus({ preventScroll: true })
  }

  choose(number) {
    this.component.setTriggerValue("day", this.date(number).toISOString().slice(0, 10))
  }

  clicked(event) {
    const control = event.target.closest("button, [data-day]")
    if (!control) return
    if (control.dataset.day !== undefined) this.choose(Number(control.dataset.day))
    const status = this.wrapper.querySelector(".copied")
    if (control.dataset.do === "copy") copyText(control.dataset.copy, this.root).then((done) => showCopied(control, done, status))
    if (control.dataset.do === "earlier" || control.dataset.do === "later") {
      if (control.getAttribute("aria-disabled") === "true") return
      this.back += (control.dataset.do === "earlier" ? 1 : -1) * Math.max(1, this.weeks - 4)
      this.draw()
    }
  }

  leave(component) {
    if (component === this.component) this.fitted.disconnect()
  }
}

export default function (component) {
  const wrapper = component.parentElement.querySelector(".record")
  wrapper.page ??= new IntegrityRecord(wrapper, wrapper.getRootNode())
  wrapper.page.update(component)
  return () => wrapper.page.leave(component)
}
