// Live badges of the list of chargers: cells are marked with their charger and their name.

import { follow } from "./events.js";

const cells = [...document.querySelectorAll("[data-charger][data-cell]")];

follow(
  cells.map((cell) => cell.dataset.charger),
  (charger) => {
    for (const cell of cells) {
      const html = cell.dataset.charger === String(charger.id) ? charger.cells[cell.dataset.cell] : undefined;
      if (html !== undefined && cell.innerHTML !== html) {
        cell.innerHTML = html; // made and escaped by the server, as the page itself
      }
    }
  },
);
