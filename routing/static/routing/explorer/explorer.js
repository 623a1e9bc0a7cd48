// The message explorer: frames are fetched when an exchange is opened, and copied as JSON on request.
// Without this file the page works with links.
"use strict";

(() => {
  const root = document.getElementById("explorer");
  if (!root) {
    return;
  }

  async function open(exchange) {
    const place = exchange.querySelector(".x-part");
    if (!exchange.open || exchange.dataset.fetched || !place) {
      return;
    }
    exchange.dataset.fetched = "yes";
    try {
      const response = await fetch(exchange.dataset.part, { credentials: "same-origin", redirect: "error" });
      if (!response.ok) {
        throw new Error(String(response.status));
      }
      place.innerHTML = await response.text(); // made by our own template, which escapes what it shows
    } catch {
      delete exchange.dataset.fetched; // the links are there still; opening it again tries again
    }
  }

  async function copy(link) {
    const words = link.textContent;
    try {
      const response = await fetch(link.dataset.copy, { credentials: "same-origin", redirect: "error" });
      if (!response.ok) {
        throw new Error(String(response.status));
      }
      await navigator.clipboard.writeText(await response.text());
      link.textContent = link.dataset.copied;
      setTimeout(() => { link.textContent = words; }, 2000);
    } catch {
      window.location.assign(link.href); // no clipboard without TLS: the JSON itself is shown
    }
  }

  root.addEventListener("toggle", (event) => {
    if (event.target.matches("details.x-exchange")) {
      open(event.target);
    }
  }, true);

  root.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-copy]");
    if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      copy(link);
    }
  });
})();
