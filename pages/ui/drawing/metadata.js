// Metadata: the line that says what it is, Download and Copy, and the lines of its text.

const BLOCK = 100
const RECENT = 10_000

function sizeWords(details) {
  if (!details.text) return details.source
  const lines = `${details.lines} ${details.lines === 1 ? "line" : "lines"}`
  const kib = details.bytes / 1024
  const size = kib < 1 ? `${details.bytes} bytes` : kib < 1024 ? `${kib.toFixed(1)} KiB` : `${(kib / 1024).toFixed(1)} MiB`
  return [details.preview ? "first part only" : lines, size, details.source].filter(Boolean).join(" · ")
}

function metadataButtons(details, downloadLabel) {
  if (!details.text && !details.url) return ""
  const title = details.preview ? "Copies the part that is shown" : "Copies the indented JSON"
  return make(
    "span",
    { class: "buttons" },
    button("copy-metadata", "Copy", "copy", { title }),
    details.url ? button("download-metadata", downloadLabel, "download", { title: "Saves the text exactly as recorded" }) : "",
  )
}

function revealButton({ secrets, revealed }) {
  if (!secrets) return ""
  const title = revealed ? "Hides these values again" : "Shows these values as recorded; the ledger records that you saw them"
  return button("reveal", revealed ? "Hide" : "Reveal", revealed ? "ban" : "eye", { class: "button small", title })
}

/** The lines in blocks the browser lays out only when they come into view; each block goes on counting. */
function metadataText(details, numbered) {
  const code = make("div", { class: numbered ? "code numbered" : "code", tabindex: "0", role: "region", "aria-label": "Metadata as text" })
  if (!details.text) return details.source
  const lines = codeLines(details.pretty)
  code.style.setProperty("--digits", String(lines.length).length)
  for (let from = 0; from < lines.length; from += BLOCK) {
    const block = make("div", { class: "block" }, ...lines.slice(from, from + BLOCK))
    block.firstElementChild.style.setProperty("counter-set", `line ${from + 1}`)
    block.style.setProperty("--lines", block.childElementCount)
    code.append(block)
  }
  return code
}

/** Copies, saves or reveals: the server is told of a copy, sends what is saved, and is asked for what is hidden. */
async function metadataAction(control, { id, details, root, status, component }) {
  if (control.dataset.do === "download-metadata") saveFrom(details.url, details.file_name, root)
  else if (control.dataset.do === "reveal") component.setTriggerValue("reveal", { id, show: !details.revealed })
  else {
    const done = await copyText(details.pretty, root)
    showCopied(control, done, status)
    if (done) tellCopied(component, id)
  }
}

let copies = []

/** Tells of every copy of the last seconds, each under a mark of its own: two clicks may reach the server as one. */
function tellCopied(component, id) {
  const at = Date.now()
  copies = [...copies.filter((copy) => at - copy.at < RECENT), { at, mark: `${at}.${Math.random()}`, id }]
  component.setTriggerValue("copied", copies.map((copy) => [copy.mark, copy.id]))
}
