// Asks "what would happen?" with what stands in the form, without leaving the page.

async function ask(button) {
  const answer = document.getElementById("r-answer");
  const data = new FormData(button.form);
  answer.setAttribute("aria-busy", "true");
  button.disabled = true;
  try {
    const response = await fetch(button.formAction, {
      method: "POST", body: data, headers: { "X-Requested-With": "fetch" }, credentials: "same-origin",
    });
    if (!response.ok || response.redirected) throw new Error(String(response.status));
    answer.innerHTML = await response.text(); // our own page, escaped by its template
  } catch (error) {
    answer.textContent = answer.dataset.failed;
  } finally {
    button.disabled = false;
    answer.removeAttribute("aria-busy");
    answer.scrollIntoView({ block: "nearest" });
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-preview]");
  if (!button) return;
  event.preventDefault();
  ask(button);
});
