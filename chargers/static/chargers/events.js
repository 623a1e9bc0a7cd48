// How chargers are, as it changes: over a socket, or asked every few seconds where that fails.

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 30000;
const POLL_MS = 5000;
const MOST = 200;
const FOR_GOOD = [4400, 4401, 4404];

// Calls `told(charger)` with each of these chargers (primary keys), first as it is and then as it changes.
export function follow(keys, told) {
  const ids = [...new Set(keys)].slice(0, MOST).join(",");
  if (!ids) {
    return;
  }
  const query = `?ids=${ids}&lang=${encodeURIComponent(document.documentElement.lang || "")}`;
  const socketUrl = new URL(`/ws/v1/chargers/events${query}`, location.href.replace(/^http/, "ws"));
  let retryMs = FIRST_RETRY_MS;
  let pollTimer = null;
  let socket = null;

  const take = (said) => said.chargers.forEach(told);

  async function ask() {
    try {
      const answer = await fetch(`/admin/chargers/charger/events/${query}`, { redirect: "error" });
      if (answer.ok) {
        take(await answer.json());
      }
    } catch {
      // The proxy does not answer: it is asked again.
    }
  }

  function stopPolling() {
    clearInterval(pollTimer);
    pollTimer = null;
  }

  function connect() {
    socket = new WebSocket(socketUrl);
    socket.onmessage = (event) => {
      retryMs = FIRST_RETRY_MS;
      stopPolling();
      take(JSON.parse(event.data));
    };
    socket.onclose = (event) => {
      socket = null;
      if (FOR_GOOD.includes(event.code)) {
        stopPolling();
        return;
      }
      if (document.hidden) {
        return; // opened again when somebody looks
      }
      if (pollTimer === null) {
        pollTimer = setInterval(ask, POLL_MS);
      }
      setTimeout(() => socket ?? connect(), retryMs * (0.75 + Math.random() / 2));
      retryMs = Math.min(2 * retryMs, LONGEST_RETRY_MS);
    };
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      stopPolling();
      socket?.close();
    } else if (socket === null) {
      connect();
    }
  });
  connect();
}
