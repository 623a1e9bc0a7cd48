// Buttons that copy, print and save. Without JavaScript they stay hidden, and the text can be selected.

const FOR_MS = 1500;

async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  // Without TLS a browser has no clipboard of that kind.
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

function save(text, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(["\ufeff", text], { type: "text/csv" }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  const shown = button.querySelector("[aria-hidden]");
  const before = shown.textContent;
  button.addEventListener("click", async () => {
    await copy(document.getElementById(button.dataset.copy).textContent);
    shown.textContent = button.dataset.done;
    setTimeout(() => { shown.textContent = before; }, FOR_MS);
  });
}

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}

for (const button of document.querySelectorAll("[data-save]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    save(document.getElementById(button.dataset.save).value, button.dataset.name);
  });
}
