// What became of commands: asked for anew every two seconds while one of them has not ended. And copying.

const EVERY_MS = 2000;
const FOR_MS = 1500;

for (const list of document.querySelectorAll("[data-commands]")) {
  let shown = "";

  async function look() {
    if (document.hidden || !list.querySelector("[data-unfinished]")) return;
    try {
      const answer = await fetch(list.dataset.commands, { redirect: "error" });
      const html = answer.ok ? await answer.text() : shown;
      if (!answer.ok || html === shown) return;
      shown = html;
      const open = [...list.querySelectorAll("details[open]")].map((one) => one.id);
      list.innerHTML = html; // made and escaped by the server, as the page itself
      for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    } catch {
      // The proxy does not answer: it is asked again.
    }
  }

  setInterval(look, EVERY_MS);
}

// Lists are replaced while the page is open, so that it is the page that listens.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const source = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.textContent);
    button.dataset.said = "done";
    setTimeout(() => delete button.dataset.said, FOR_MS);
  } catch {
    // Without TLS a browser has no clipboard: what can be selected, the keyboard copies.
    source.hidden = false;
    getSelection().selectAllChildren(source);
    button.dataset.said = "selected";
  }
});
