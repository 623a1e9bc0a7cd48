// The button "Test" in the form of a backoffice: posts what the form holds now, shows each step as it comes.

const button = document.getElementById("trial-button");
const list = document.getElementById("trial-steps");
const busy = document.getElementById("trial-busy");

function line(name, text, className) {
  const found = document.createElement(name);
  found.textContent = text;
  if (className) found.className = className;
  return found;
}

function showNotice(text) {
  const item = document.createElement("li");
  item.append(line("p", text, "p-note is-warn"));
  list.append(item);
}

function showStep(step) {
  const item = document.createElement("li");
  const head = document.createElement("p");
  head.append(
    line("span", step.outcome_words, `p-badge ${step.look}`), " ",
    line("strong", step.title), " ", line("span", step.took, "p-quiet"),
  );
  item.append(head, line("p", step.found));
  if (step.remedy) item.append(line("p", step.remedy, "p-quiet"));
  list.append(item);
  item.scrollIntoView({ block: "nearest" });
}

function show(text) {
  if (!text.trim()) return;
  const told = JSON.parse(text);
  if (told.kind === "notice") showNotice(told.text);
  else showStep(told);
}

async function readLines(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    lines.forEach(show);
  }
  show(rest);
}

async function test(event) {
  event.preventDefault();
  button.disabled = true;
  busy.hidden = false;
  list.replaceChildren();
  try {
    const answer = await fetch(button.formAction, {
      method: "POST",
      body: new FormData(button.form),
      headers: { Accept: "application/x-ndjson" },
      redirect: "error",
    });
    const isOurs = (answer.headers.get("Content-Type") || "").startsWith("application/x-ndjson");
    if (answer.ok && isOurs) await readLines(answer.body);
    else showNotice(`${list.dataset.broken} ${answer.status} ${answer.statusText}`);
  } catch {
    showNotice(list.dataset.lost);
  } finally {
    button.disabled = false;
    busy.hidden = true;
  }
}

if (button && list) button.addEventListener("click", test);
