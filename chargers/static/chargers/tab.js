// A page of one charger: its changing part is fetched anew when something has changed, charts tell their values.

import { follow } from "./events.js";

const EVERY_MS = 15000;
const TOKEN = /name="csrfmiddlewaretoken" value="[^"]*"/g; // another one in each answer

for (const part of document.querySelectorAll("[data-follow]")) {
  let shown = "";
  let asking = false;

  async function refresh() {
    if (asking || document.hidden || part.contains(document.activeElement)) {
      return;
    }
    asking = true;
    try {
      const answer = await fetch(part.dataset.piece, { redirect: "error" });
      const html = answer.ok ? await answer.text() : shown;
      const plain = html.replace(TOKEN, "");
      if (answer.ok && plain !== shown && !part.contains(document.activeElement)) {
        shown = plain;
        part.innerHTML = html; // made and escaped by the server, as the page itself
      }
    } catch {
      // The proxy does not answer: it is asked again.
    } finally {
      asking = false;
    }
  }

  follow([part.dataset.follow], refresh);
  setInterval(refresh, EVERY_MS);
}

for (const chart of document.querySelectorAll("svg[data-points]")) {
  const points = JSON.parse(chart.dataset.points);
  const said = chart.closest("figure").querySelector("[data-value]");
  const usual = said.textContent;
  const cursor = chart.querySelector(".c-cursor");
  let chosen = points.length - 1;

  const show = (index) => {
    chosen = Math.min(Math.max(index, 0), points.length - 1);
    const [x, , time, value] = points[chosen];
    cursor.setAttribute("x1", x);
    cursor.setAttribute("x2", x);
    said.textContent = `${time}: ${value}`;
  };
  const hide = () => {
    cursor.setAttribute("x1", -9);
    cursor.setAttribute("x2", -9);
    said.textContent = usual;
  };

  chart.addEventListener("pointermove", (event) => {
    const box = chart.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * 1000;
    const far = points.map((point) => Math.abs(point[0] - x));
    show(far.indexOf(Math.min(...far)));
  });
  chart.addEventListener("pointerleave", hide);
  chart.addEventListener("blur", hide);
  chart.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step) {
      event.preventDefault();
      show(chosen + step);
    }
  });
}
