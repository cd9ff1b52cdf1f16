// Metadata: the line that says what it is, Download and Copy, and the lines of its text.

const BLOCK = 100

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
    button("download-metadata", downloadLabel, "download", { title: "Saves the text exactly as recorded" }),
  )
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

/** Copies or saves; what is not whole on screen (a preview, masked values) is saved from its address. */
async function metadataAction(control, details, root, status) {
  if (control.dataset.do === "copy-metadata") showCopied(control, await copyText(details.pretty, root), status)
  else if (details.url) saveFrom(details.url, details.file_name, root)
  else saveText(details.text, details.file_name, root)
}
