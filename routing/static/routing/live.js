// The page of a live view: keeps the last 500 rows, shows those that the filters let through.
// One block per exchange, the newest at the top; within it the first CALL, then its copies as their answers came.
// Text only, never HTML.

import { Feed } from "./live_feed.js";

const MOST_ROWS = 500;
const MOST_KNOWN = 2000;
const page = document.getElementById("live");
const at = (name) => document.getElementById(`live-${name}`);
const list = at("rows");
const rows = []; // oldest first
const known = new Set(); // their keys, and those of rows before them: a poll says some again
const blocks = new Map(); // exchange to its block, of those that are shown
const elements = new Map(); // key to the element of a row that is shown
let paused = false;
let waiting = 0; // rows that came while the view is paused
let leftOut = 0;
let feedState = ["connecting", ""];
const words = JSON.parse(page.dataset.words);

const numbered = (text, number) => text.replace("{number}", number);

const blockKey = (row) => `${row.charger}/${row.exchange}`;
const ofBackoffice = page.dataset.kind === "backoffice";
const place = (row) => (ofBackoffice ? row.charger : (row.route ?? words.charger)); // what the second filter is about

function make(tag, name, text) {
  const element = document.createElement(tag);
  element.className = name;
  element.textContent = text;
  return element;
}

function isShown(row) {
  const action = at("action").value;
  const route = at("route").value;
  return (
    (!action || row.action === action) &&
    (!route || place(row) === route) &&
    (!at("errors").checked || !row.well) &&
    (!at("heartbeats").checked || row.action !== "Heartbeat")
  );
}

function whatHappened(row) {
  const code = row.error_code ? ` ${row.error_code}` : "";
  return `${words[row.outcome] ?? row.outcome}${code}${howLong(row.latency_ms)}`;
}

function howLong(latency) {
  if (latency === null) {
    return "";
  }
  return latency < 0.05 ? `, ${words.atOnce}` : `, ${latency.toFixed(1)} ms`;
}

// What fits on a line: the payload alone, or what was answered where that is the news.
function inBrief(row) {
  if (!row.well && row.answer) {
    return row.answer;
  }
  const call = /^\s*\[\s*2\s*,\s*"[^"]*"\s*,\s*"[^"]*"\s*,\s*(.*?)\]?\s*$/s.exec(row.frame);
  return (call ? call[1] : row.frame) || words.samePayload;
}

function whereTo(row) {
  if (row.route === null) {
    return row.direction === "up" ? `${words.charger} →` : `→ ${words.charger}`;
  }
  return row.direction === "up" ? `→ ${row.route}` : `${row.route} →`;
}

function draw(row) {
  const element = make("details", row.well ? "live-row" : "live-row live-bad", "");
  element.dataset.key = row.key;
  const line = make("summary", "", "");
  const time = make("time", "", row.at.slice(11, 23));
  time.dateTime = row.at;
  time.title = `${row.at.slice(0, 10)} UTC`;
  line.append(
    time,
    make("span", "live-where", whereTo(row)),
    make("span", "live-action", row.action || words.frame),
    make("span", "live-outcome", whatHappened(row)),
  );
  if (row.rule) {
    line.append(make("span", "live-rule", row.rule));
  }
  line.append(make("code", "live-payload", inBrief(row)));
  element.append(line);
  element.addEventListener("toggle", () => drawFrames(element, row), { once: true });
  return element;
}

function drawFrames(element, row) {
  const frames = make("div", "live-frames", "");
  frames.append(
    make("h3", "", words.sent),
    make("pre", "", row.frame || words.sameFrame),
    make("h3", "", words.answer),
    make("pre", "", row.answer || words.noAnswer),
  );
  element.append(frames);
}

function show(row) {
  let block = blocks.get(blockKey(row));
  if (!block) {
    block = make("li", "live-exchange", "");
    if (ofBackoffice) {
      block.append(make("strong", "live-charger", row.charger));
    }
    blocks.set(blockKey(row), block);
    list.prepend(block);
  }
  const element = draw(row);
  elements.set(row.key, element);
  const began = (row.route === null) === (row.direction === "up");
  block.insertBefore(element, began ? block.querySelector(".live-row") : null);
}

function hide(row) {
  const element = elements.get(row.key);
  if (!element) {
    return;
  }
  elements.delete(row.key);
  const block = element.parentElement;
  element.remove();
  if (!block.querySelector(".live-row")) {
    block.remove();
    blocks.delete(blockKey(row));
  }
}

function redraw() {
  list.replaceChildren();
  blocks.clear();
  elements.clear();
  rows.filter(isShown).forEach(show);
  waiting = 0;
  say();
}

function offer(select, value) {
  if (value && ![...select.options].some((option) => option.value === value)) {
    const option = new Option(value, value);
    const after = [...select.options].slice(1).find((other) => other.value > value);
    select.insertBefore(option, after ?? null);
  }
}

function take(fresh, missing) {
  leftOut += missing;
  for (const row of fresh) {
    if (known.has(row.key)) {
      continue;
    }
    known.add(row.key);
    rows.push(row);
    offer(at("action"), row.action);
    offer(at("route"), place(row));
    if (paused) {
      waiting += 1;
    } else if (isShown(row)) {
      show(row);
    }
    if (rows.length > MOST_ROWS) {
      const oldest = rows.shift();
      if (known.size > MOST_KNOWN) {
        known.delete(known.values().next().value);
      }
      if (!paused) {
        hide(oldest);
      }
    }
  }
  say();
}

function say() {
  const [state, told] = feedState;
  const shown = paused && state !== "ended" ? "paused" : state;
  at("state").textContent = words[shown] ?? shown;
  at("state").dataset.state = shown;
  at("note").textContent = [
    paused && state === "polling" ? words.polling : "",
    waiting ? numbered(words.more, waiting) : "",
    told,
    leftOut ? numbered(words.leftOut, leftOut) : "",
  ].filter(Boolean).join(" · ");
  at("empty").hidden = rows.length > 0;
}

async function copy() {
  await navigator.clipboard.writeText(asText(rows.filter(isShown)));
  const usual = at("copy").textContent;
  at("copy").textContent = words.copied;
  setTimeout(() => (at("copy").textContent = usual), 1500);
}

const asText = (some) => JSON.stringify(some, null, 2);

function download() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([asText(rows)], { type: "application/json" }));
  link.download = `messages of ${page.dataset.name}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

at("pause").addEventListener("click", () => {
  paused = !paused;
  at("pause").textContent = paused ? words.resume : words.pause;
  if (paused) {
    say();
  } else {
    redraw();
  }
});
for (const name of ["action", "route", "errors", "heartbeats"]) {
  at(name).addEventListener("change", redraw);
}
at("copy").addEventListener("click", copy);
at("download").addEventListener("click", download);

new Feed(page.dataset.socket, page.dataset.rows, words, {
  rows: take,
  state: (...told) => {
    feedState = told;
    say();
  },
}).connect();
