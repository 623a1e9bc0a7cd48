// Where the rows of a live view come from: the socket, or the log, asked every few seconds where that fails.

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 30000;
const POLL_MS = 5000;
const FOR_GOOD = new Map([
  [4401, "loggedOut"],
  [4404, "gone"],
]);

// `told` hears: rows(rows, leftOut), state("connecting" | "live" | "polling" | "ended", words).
export class Feed {
  constructor(socketPath, rowsPath, words, told) {
    this.socketUrl = new URL(socketPath, location.href.replace(/^http/, "ws"));
    this.rowsPath = rowsPath;
    this.words = words;
    this.told = told;
    this.newest = null; // the newest exchange that has come
    this.retryMs = FIRST_RETRY_MS;
    this.pollTimer = null;
  }

  connect() {
    this.next = 1;
    const socket = new WebSocket(this.socketUrl);
    socket.onmessage = (event) => this.heard(JSON.parse(event.data), socket);
    socket.onclose = (event) => this.closed(event.code);
  }

  heard(said, socket) {
    if (said.rows) {
      if (said.first !== this.next) {
        this.told.rows([], Math.max(1, said.first - this.next));
      }
      this.next = said.first + said.rows.length;
      this.take(said.rows, said.left_out);
    } else if (said.state === "live") {
      this.retryMs = FIRST_RETRY_MS;
      this.stopPolling();
      this.told.state("live", "");
    } else if (said.state === "away") {
      this.poll(this.words.apart);
    }
  }

  closed(code) {
    if (FOR_GOOD.has(code)) {
      this.stopPolling();
      this.told.state("ended", this.words[FOR_GOOD.get(code)]);
      return;
    }
    this.poll(this.words.interrupted);
    setTimeout(() => this.connect(), this.retryMs * (0.75 + Math.random() / 2));
    this.retryMs = Math.min(2 * this.retryMs, LONGEST_RETRY_MS);
  }

  take(rows, leftOut) {
    for (const row of rows) {
      this.newest = Math.max(this.newest ?? 0, row.exchange);
    }
    this.told.rows(rows, leftOut);
  }

  poll(why) {
    this.told.state("polling", why);
    if (this.pollTimer === null) {
      this.pollTimer = setInterval(() => this.ask(), POLL_MS);
      this.ask();
    }
  }

  stopPolling() {
    clearInterval(this.pollTimer);
    this.pollTimer = null;
  }

  async ask() {
    const after = this.newest === null ? "" : `?after=${this.newest}`;
    try {
      const answer = await fetch(this.rowsPath + after, { redirect: "error" });
      if (!answer.ok) {
        throw new Error(`status ${answer.status}`);
      }
      const said = await answer.json();
      this.take(said.rows, said.more ? 1 : 0);
    } catch {
      if (this.pollTimer !== null) {
        this.told.state("polling", this.words.silent);
      }
    }
  }
}
