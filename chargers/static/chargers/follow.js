// Follows the steps of a charger's way: asks every two seconds while the page is seen, until all is done.

const EVERY_MS = 2000;
const STATES = ["good", "warn", "bad", "waiting"];

function put(place, text) {
  if (place.textContent !== text) place.textContent = text;
  place.hidden = !text;
}

function draw(root, steps) {
  const list = root.querySelector("ol");
  const news = [];
  for (const step of steps) {
    const item = list.querySelector(`[data-key="${step.key}"]`);
    if (!item) continue;
    if (!item.classList.contains(`is-${step.state}`)) {
      news.push(`${step.title}: ${list.dataset[step.state]}`);
      item.classList.remove(...STATES.map((state) => `is-${state}`));
      item.classList.add(`is-${step.state}`);
    }
    item.querySelector("[data-state]").textContent = list.dataset[step.state];
    put(item.querySelector("[data-words]"), step.words);
    put(item.querySelector("[data-remedy]"), step.remedy);
  }
  if (news.length) root.querySelector("[data-said]").textContent = news.join(". ");
}

function follow(root) {
  const pulse = root.querySelector("[data-pulse]");
  let timer = null;
  let asking = false;

  function say(what, like) {
    pulse.textContent = pulse.dataset[what];
    pulse.className = `p-badge ${like}`;
  }

  async function look() {
    timer = null;
    if (document.hidden) return say("still", "");
    asking = true;
    try {
      const answer = await fetch(root.dataset.follow, { headers: { Accept: "application/json" } });
      if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
      const found = await answer.json();
      draw(root, found.steps);
      if (found.done) return say("over", "is-good");
      say("live", "is-good");
    } catch {
      say("away", "is-warn");
    } finally {
      asking = false;
    }
    timer = setTimeout(look, EVERY_MS);
  }

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && timer === null && !asking) look();
  });
  look();
}

for (const root of document.querySelectorAll("[data-follow]")) follow(root);
