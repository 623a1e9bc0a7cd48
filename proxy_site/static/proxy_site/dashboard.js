// Keeps the dashboard's figures fresh while somebody looks: parts that have changed are put in place, and
// nothing that a person is about to use is taken from under their hand.

const EVERY_MS = 10000;
const page = document.getElementById("dashboard");

const inUse = (part) =>
  part.contains(document.activeElement) || part.matches(":hover") || touches(part);

function touches(part) {
  const selection = document.getSelection();
  return Boolean(selection && !selection.isCollapsed && part.contains(selection.anchorNode));
}

function take(html) {
  const fresh = new DOMParser().parseFromString(html, "text/html");
  const parts = [...page.querySelectorAll("[data-part]")];
  const names = (list) => list.map((part) => part.dataset.part).join();
  const others = [...fresh.querySelectorAll("[data-part]")];
  if (names(parts) !== names(others)) {
    if (!parts.some(inUse)) page.replaceChildren(...fresh.body.childNodes);
    return;
  }
  parts.forEach((part, place) => {
    if (part.innerHTML !== others[place].innerHTML && !inUse(part)) part.replaceWith(others[place]);
  });
}

async function refresh() {
  if (document.hidden) return;
  try {
    const answer = await fetch(page.dataset.piece, { headers: { Accept: "text/html" }, redirect: "manual" });
    if (answer.ok) take(await answer.text());
  } catch {
    // The next try comes by itself; figures say when they were taken.
  }
}

if (page) {
  setInterval(refresh, EVERY_MS);
  document.addEventListener("visibilitychange", refresh);
}
