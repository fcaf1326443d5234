// The start page: shows what the hub tells, as it tells it.

import { HubConnection } from "./connection.js";
import { RecordStore } from "./store.js";
import { addNotice, draw, highlight, recordKey, showCursor, showState } from "./view.js";

const CLIENT_ID_KEY = "hub.clientId";

const store = new RecordStore();
const connection = new HubConnection(socketUrl(), clientId(), store);
const changed = new Set();
let frameAsked = false;

connection.addEventListener("state", ({ detail }) => {
  showState(detail.state, detail.detail);
  showCursor(store.cursor);
});
connection.addEventListener("notice", ({ detail }) => addNotice(detail));
connection.addEventListener("changes", ({ detail: { changes, snapshot } }) => {
  if (!snapshot) for (const change of changes) changed.add(recordKey(change));
  // Thousands of changes may arrive between two frames of the screen; one drawing shows them all.
  if (!frameAsked) requestAnimationFrame(show);
  frameAsked = true;
});
connection.connect();

function show() {
  frameAsked = false;
  showCursor(store.cursor);
  // Before the first snapshot is complete the page shows what the server put in.
  if (!store.ready) return;
  draw(store);
  highlight(changed);
  changed.clear();
}

function socketUrl() {
  const url = new URL("/ws/", location.href);
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}

// One per tab, and the same after a reload.
function clientId() {
  const kept = sessionStorage.getItem(CLIENT_ID_KEY);
  if (kept) return kept;
  // Not crypto.randomUUID(), which plain HTTP to a LAN address does not have.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const made = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  sessionStorage.setItem(CLIENT_ID_KEY, made);
  return made;
}
