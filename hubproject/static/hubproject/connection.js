// Keeps one WebSocket to the hub alive and its store equal to the database.
//
// Dispatches: "state" {state, detail}, "changes" {changes, snapshot}, "notice" {event, ...}.

const PING_EVERY_MS = 20_000;
// Longer than the hub waits for a login, so that its reason for closing is heard.
const ANSWER_WITHIN_MS = 15_000;
const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 30_000;
const DO_NOT_COME_BACK = 4500;

export class HubConnection extends EventTarget {
  #url;
  #clientId;
  #store;
  #socket = null;
  #goodbye = null;
  #failures = 0;
  #requests = 0;
  #pageRequest = null;
  #timers = new Map();
  #stopped = false;

  constructor(url, clientId, store) {
    super();
    this.#url = url;
    this.#clientId = clientId;
    this.#store = store;
    // Waiting out a long delay after the network is back would look broken.
    addEventListener("online", () => this.#timers.has("reconnect") && this.connect());
  }

  connect() {
    if (this.#stopped) return;
    this.#clearTimers();
    this.#goodbye = null;
    this.#pageRequest = null;
    this.#store.abandonStaging();
    this.#report("connecting", "connecting");
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    socket.onopen = () => this.#sayHello();
    socket.onmessage = ({ data }) => this.#receive(JSON.parse(data));
    socket.onclose = ({ code }) => this.#closed(code);
    this.#expectAnswer();
  }

  #sayHello() {
    const { cursor, held } = this.#store;
    const position = cursor && { cursor, heldAudiences: held };
    this.#send({ type: "hello", clientId: this.#clientId, ...position });
  }

  #receive(message) {
    this.#clearTimer("answer");
    if (message.type === "welcome") this.#welcomed(message);
    else if (message.type === "audiences") this.#hear(message);
    else if (message.type === "sync_response" && message.audiences) this.#gained(message);
    else if (message.type === "sync_response") this.#page(message);
    else if (message.type === "event") this.#event(message);
    else if (message.type === "error") this.#error(message);
    else if (message.type === "goodbye") this.#goodbye = message;
  }

  #welcomed(welcome) {
    this.#report("syncing", "catching up");
    this.#hear(welcome);
    this.#clearTimer("ping");
    this.#timers.set("ping", setInterval(() => this.#ping(), PING_EVERY_MS));
    if (this.#store.cursor === null) this.#startSnapshot();
  }

  #hear({ audiences, lost }) {
    this.#store.hear(audiences, lost);
    this.#emit("changes", { changes: [], snapshot: false });
  }

  #gained(page) {
    this.#store.applyGained(page);
    this.#emit("changes", { changes: page.changes, snapshot: false });
  }

  #startSnapshot() {
    this.#store.startOver();
    this.#requestPage({});
  }

  #requestPage(position) {
    this.#pageRequest = `page-${++this.#requests}`;
    this.#send({ type: "sync_request", id: this.#pageRequest, ...position });
    this.#expectAnswer();
  }

  #page(page) {
    const snapshot = !this.#store.ready || page.reset === true;
    this.#store.applyPage(page);
    this.#emit("changes", { changes: page.changes, snapshot });
    if (!page.hasMore) {
      this.#failures = 0;
      this.#report("live", "live");
    } else if (page.id !== undefined && page.id === this.#pageRequest) {
      this.#requestPage({ cursor: page.cursor });
    }
  }

  #event({ event, data, cursor, timestamp }) {
    const isChange = data?.table !== undefined && data?.recordId !== undefined;
    if (isChange) {
      this.#store.applyEvent(data, cursor);
      this.#emit("changes", { changes: [data], snapshot: false });
    }
    this.#emit("notice", { event, timestamp, change: isChange ? data : null });
  }

  #error({ id, code, message, retryable }) {
    if (code === "invalid_cursor") {
      this.#store.cursor = null;
      this.#startSnapshot();
    } else if (code === "unauthenticated") {
      this.#stop("you are logged out, reload the page to log in");
    } else if (retryable && id !== undefined && id === this.#pageRequest) {
      // Coming back starts over with a growing delay, which is what a busy server needs.
      this.#lost(`${code}: ${message}`);
    } else {
      console.warn(`The hub answered ${code}: ${message}`);
    }
  }

  #ping() {
    const { cursor } = this.#store;
    this.#send({ type: "ping", ...(cursor && { cursor }) });
    this.#expectAnswer();
  }

  #send(message) {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  // A network that is gone closes nothing: only silence tells.
  #expectAnswer() {
    if (this.#timers.has("answer")) return;
    this.#timers.set("answer", setTimeout(() => this.#lost("no answer"), ANSWER_WITHIN_MS));
  }

  #closed(code) {
    const reason = this.#goodbye?.reason ?? "";
    if (code >= DO_NOT_COME_BACK && code < 5000) this.#stop(reason || `closed with ${code}`);
    else this.#lost(reason || `closed with ${code}`);
  }

  #stop(why) {
    this.#stopped = true;
    this.#abandonSocket();
    this.#report("stopped", `stopped: ${why}`);
  }

  #lost(why) {
    this.#abandonSocket();
    const delay = this.#nextDelay();
    const reason = why.replace(/\.$/, "");
    this.#report("waiting", `${reason}, again in ${Math.ceil(delay / 1000)} s`);
    this.#timers.set("reconnect", setTimeout(() => this.connect(), delay));
  }

  // Random, so that the clients of a server that restarts do not all return at once.
  #nextDelay() {
    const ceiling = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** this.#failures++);
    return (this.#goodbye?.retryAfterMs ?? 0) + ceiling * (0.5 + Math.random() / 2);
  }

  #abandonSocket() {
    this.#clearTimers();
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close();
  }

  #clearTimer(name) {
    // clearTimeout() and clearInterval() share one list of timers.
    clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
  }

  #clearTimers() {
    for (const name of [...this.#timers.keys()]) this.#clearTimer(name);
  }

  #report(state, detail) {
    this.#emit("state", { state, detail });
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
