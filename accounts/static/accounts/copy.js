// Buttons with data-copy="ID" copy the text of that element, and say so.
for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copy);
    const text = "value" in source ? source.value : source.textContent;
    try {
      await navigator.clipboard.writeText(text);
      button.dataset.said = "done";
    } catch {
      // Not on HTTPS: select it, so that the keyboard copies.
      const range = document.createRange();
      range.selectNodeContents(source);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      button.dataset.said = "selected";
    }
  });
}
