export default function (component) {
  const root = component.parentElement
  const place = root.querySelector(".place")
  if (place.firstChild) return
  const status = root.querySelector("[role=status]")
  const share = button("copy-link", "Copy link", "link", { title: "Copies the address of this view" })
  place.append(share)
  share.addEventListener("click", async () => showCopied(share, await copyText(location.href, root), status))
}
