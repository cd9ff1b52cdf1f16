const EVERY_MS = 30000

export default function () {
  const look = async () => {
    const answer = await fetch("./signed-in", { cache: "no-store" }).catch(() => null)
    if (answer && (answer.status === 401 || answer.status === 403)) location.reload()
  }
  const seen = () => document.visibilityState === "visible" && look()
  const timer = setInterval(look, EVERY_MS)
  document.addEventListener("visibilitychange", seen)
  window.addEventListener("focus", look)
  return () => {
    clearInterval(timer)
    document.removeEventListener("visibilitychange", seen)
    window.removeEventListener("focus", look)
  }
}
