export default function (component) {
  const root = component.parentElement
  const place = root.querySelector(".place")
  place.seal = component.data.seal
  if (place.firstChild) return
  const status = root.querySelector("[role=status]")
  const filters = button("open-filters", "Filters", "filter", { title: "Opens the filters" })
  filters.classList.add("filters")
  filters.addEventListener("click", () => document.querySelector('[data-testid="stExpandSidebarButton"]')?.click())
  const share = button("copy-link", "Copy link", "link", { title: "Copies the address of this view" })
  share.addEventListener("click", async () => showCopied(share, await copyText(location.href, root), status))
  const sealed = iconButton("copy-sealed", SEALED, "shield", {})
  sealed.addEventListener("click", async () => showCopied(sealed, await copyText(sealedLink(place.seal), root), status))
  place.append(filters, share, sealed)
}
