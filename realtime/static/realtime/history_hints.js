// Tells the feed of the history that the log has moved, over the hub's own WebSocket. A hint carries
// nothing: the page fetches what its user may see. See docs/protocol.md, "Watching the history".

const SUBPROTOCOL = "hub.v1";
const ANSWER_TIME = 10_000; // milliseconds until there is a `welcome`, or the next attempt
const SILENCE = 2.5; // heartbeats without a word after which the connection counts as dead
const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 60_000;
const STAY_AWAY = 4500; // from this close code on a client does not come back

class Hints {
  #root;
  #address;
  #socket = null;
  #failures = 0;
  #goodbye = null;
  #silence = 0; // milliseconds; none before there is a `welcome`
  #timers = { watchdog: 0, heartbeat: 0, comeback: 0 };

  constructor(root) {
    this.#root = root;
    this.#address = addressOf(root.dataset.hubSocket);
  }

  open() {
    this.#goodbye = null;
    let socket;
    try {
      socket = new WebSocket(this.#address, SUBPROTOCOL);
    } catch {
      this.#later(); // a policy forbids it, and may cease to
      return;
    }
    this.#socket = socket;
    this.#watch(ANSWER_TIME);
    socket.addEventListener("open", () => socket.send(JSON.stringify({ type: "hello", platform: "admin" })));
    socket.addEventListener("message", (event) => this.#take(JSON.parse(event.data)));
    socket.addEventListener("close", (event) => socket === this.#socket && this.#lost(event.code));
  }

  close() {
    const socket = this.#socket;
    this.#forget();
    socket?.close();
  }

  #take(message) {
    if (message.type === "welcome") {
      this.#welcome(message.heartbeat * 1000);
    } else if (message.type === "goodbye") {
      this.#goodbye = message;
    } else if (message.type === "event" || message.type === "sync_response") {
      this.#tell("hint"); // a page instead of an event: hints were left out meanwhile
    }
    if (this.#silence) {
      this.#watch(this.#silence);
    }
  }

  #welcome(heartbeat) {
    this.#failures = 0;
    this.#silence = heartbeat * SILENCE;
    clearInterval(this.#timers.heartbeat);
    this.#timers.heartbeat = setInterval(() => this.#socket?.send('{"type":"ping"}'), heartbeat);
    this.#tell("state", "live");
  }

  #watch(time) {
    clearTimeout(this.#timers.watchdog);
    this.#timers.watchdog = setTimeout(() => {
      this.close();
      this.#later();
    }, time);
  }

  #lost(code) {
    this.#forget();
    const staysAway = this.#goodbye ? !this.#goodbye.reconnect : code >= STAY_AWAY;
    if (!staysAway) {
      this.#later();
    }
  }

  #forget() {
    this.#socket = null;
    this.#silence = 0;
    clearTimeout(this.#timers.watchdog);
    clearInterval(this.#timers.heartbeat);
    clearTimeout(this.#timers.comeback);
    this.#tell("state", "offline");
  }

  // What many pages do at once must not be done again at once: half of the pause is random.
  #later() {
    const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** this.#failures);
    this.#failures += 1;
    const asked = this.#goodbye?.retryAfterMs ?? 0;
    this.#timers.comeback = setTimeout(() => this.open(), asked + pause * (0.5 + Math.random() / 2));
  }

  #tell(name, detail) {
    this.#root.dispatchEvent(new CustomEvent(`hub:${name}`, { detail }));
  }
}

function addressOf(given) {
  const address = new URL(given, location.href);
  address.protocol = { "http:": "ws:", "https:": "wss:" }[address.protocol] ?? address.protocol;
  return address;
}

const root = document.querySelector("[data-hub-feed][data-hub-socket]");
if (root) {
  const hints = new Hints(root);
  hints.open();
  // A page that is put aside with an open socket cannot be shown again as it was.
  addEventListener("pagehide", () => hints.close());
  addEventListener("pageshow", (event) => event.persisted && hints.open());
}
