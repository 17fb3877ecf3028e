/* Keeps [data-live] parts of a page fresh. Hints are for speed, polling is for truth: a part is fetched again, with the
   reader's own rights, when a hint names it, and every ten seconds anyway. Nothing is fetched while the tab is hidden. */
(() => {
  "use strict";

  const SLOW_MS = 10_000;
  const COALESCE_MS = 400; // many hints a second become one request
  const BACKOFF_MS = [500, 1000, 2000, 5000, 10_000, 30_000];

  const parts = () => [...document.querySelectorAll("[data-live]")];
  const namesOf = (part) => part.dataset.live.split(/\s+/).filter(Boolean);
  const due = new Map(); // part id -> timer
  let socket = null;
  let failures = 0;
  let reconnectTimer = null;
  let held = false; // the reader pressed pause

  // A dialog, a ticked row or a focused field inside a part means: do not pull the rug.
  const isBusy = (part) =>
    part.querySelector("dialog[open], details.pop[open], [data-tick]:checked") !== null ||
    (part.contains(document.activeElement) && /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName)) ||
    (!getSelection().isCollapsed && part.contains(getSelection().anchorNode));

  function refresh(part) {
    due.delete(part.id);
    if (document.hidden || held || !part.isConnected || isBusy(part)) return;
    htmx.trigger(part, "refresh");
  }

  function refreshSoon(part) {
    if (!due.has(part.id)) due.set(part.id, setTimeout(() => refresh(part), COALESCE_MS));
  }

  function show(state) {
    const dot = document.querySelector("[data-live-state]");
    if (!dot) return;
    dot.dataset.state = state;
    const label = dot.dataset[`label${state[0].toUpperCase()}${state.slice(1)}`];
    dot.title = label;
    dot.querySelector("[data-live-label]").textContent = label;
  }

  function state() {
    if (held) return "paused";
    return socket && socket.readyState === WebSocket.OPEN ? "live" : "polling";
  }

  function connect() {
    clearTimeout(reconnectTimer);
    if (document.hidden || held || socket) return;
    const names = [...new Set(parts().flatMap(namesOf))];
    if (!names.length) return;
    const address = new URL("/ws/v1/hints", location.href);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    const mine = new WebSocket(address);
    socket = mine;
    mine.onopen = () => {
      failures = 0;
      mine.send(JSON.stringify({ watch: names }));
      show(state());
    };
    mine.onmessage = (event) => {
      const { changed } = JSON.parse(event.data);
      if (changed) for (const part of parts()) if (namesOf(part).includes(changed)) refreshSoon(part);
    };
    mine.onclose = (event) => {
      if (socket === mine) socket = null;
      show(state());
      if (event.code === 4401 || document.hidden || held) return; // signed out: the next fetch leads to sign-in
      const wait = BACKOFF_MS[Math.min(failures++, BACKOFF_MS.length - 1)];
      reconnectTimer = setTimeout(connect, wait * (0.7 + Math.random() * 0.6));
    };
  }

  function disconnect() {
    clearTimeout(reconnectTimer);
    if (socket) socket.close(1000);
    socket = null;
  }

  function wake() {
    failures = 0;
    connect();
    for (const part of parts()) refreshSoon(part);
    show(state());
  }

  document.addEventListener("visibilitychange", () => (document.hidden ? disconnect() : wake()));
  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest("[data-live-toggle]") : null;
    if (!button) return;
    held = !held;
    button.setAttribute("aria-pressed", String(held));
    if (held) {
      disconnect();
      show("paused");
    } else {
      wake();
    }
  });

  if (parts().length) {
    document.querySelector("[data-live-state]")?.removeAttribute("hidden");
    setInterval(() => !document.hidden && parts().forEach(refreshSoon), SLOW_MS);
    show("polling");
    connect();
  }

  // What the page shows is gone, or may no longer be seen: say so, instead of showing what was.
  document.addEventListener("htmx:responseError", (event) => {
    if ([403, 404].includes(event.detail.xhr.status)) location.reload();
  });

  // An answer that is a whole sign-in page means the session ended: go there, and come back after.
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.xhr.status === 401) location.assign(`/signin?next=${encodeURIComponent(location.pathname + location.search)}`);
  });
})();
