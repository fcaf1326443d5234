// Keeps an open feed up to date. The server sends rows as HTML, for the page's own filters and the
// rights of its user; here they are only put in their place. What tells of news sooner than asking
// does is described in sync/admin/live.py.

const SPACING = 250; // between two looks, however many hints come
const FLOOD = 20; // rows a second; what comes faster is counted and not shown row by row
const KEPT = 300; // rows in the table
const QUIET = 5000; // between two announcements
const AGEING = 15000; // between two updates of the ages
const SLOWEST = 30000; // between two attempts while offline

export class Feed {
  constructor(root) {
    this.root = root;
    this.data = root.dataset;
    this.position = Number(this.data.position);
    this.limit = Number(this.data.limit);
    this.body = this.part("rows");
    this.pause = this.part("pause");
    this.pill = this.part("pill");
    this.held = [];
    this.count = 0;
    this.arrived = 0;
    this.hasMore = false;
    this.isFlooded = false;
    this.isPaused = false;
    this.isHinted = false;
    this.failures = 0;
    this.lookedAt = performance.now();
  }

  start() {
    this.part("state").hidden = false;
    this.pause.hidden = false;
    this.pause.addEventListener("click", () => this.toggle());
    this.pill.addEventListener("click", () => this.release());
    this.root.addEventListener("hub:hint", () => this.hint());
    this.root.addEventListener("hub:state", (event) => this.hear(event.detail === "live"));
    this.root.addEventListener("click", (event) => this.unfold(event));
    document.addEventListener("visibilitychange", () => this.plan(0));
    addEventListener("scroll", () => this.isOpen() && this.insert(), { passive: true });
    setInterval(() => this.age(), AGEING);
    this.plan(Number(this.data.milliseconds));
  }

  part(name) {
    return this.root.querySelector(`[data-hub-${name}]`);
  }

  // Shows what is so: paused by the person, cut off, told of news, or asking for them.
  show() {
    const heard = this.isHinted ? "live" : "polling";
    this.data.state = this.isPaused ? "paused" : this.failures ? "offline" : heard;
  }

  toggle() {
    this.isPaused = !this.isPaused;
    this.pause.setAttribute("aria-pressed", String(this.isPaused));
    this.plan(0);
  }

  hear(isHinted) {
    if (isHinted === this.isHinted) return;
    this.isHinted = isHinted;
    this.plan(0);
  }

  hint() {
    this.isDue = true;
    this.plan(0);
  }

  // Sets the one timer that there is, for the next look if any is due.
  plan(wait) {
    clearTimeout(this.timer);
    this.show();
    if (this.isPaused || document.hidden) return;
    if (this.isLooking) {
      this.isDue = true;
      return;
    }
    const spaced = Math.max(wait, this.lookedAt + SPACING - performance.now());
    this.timer = setTimeout(() => this.look(), spaced);
  }

  planNext() {
    if (this.isDue) return this.plan(0);
    const pace = Number(this.data.milliseconds);
    if (this.failures) return this.plan(Math.min(pace * 2 ** this.failures, SLOWEST));
    if (!this.isHinted) return this.plan(pace);
    this.show();
  }

  async look() {
    const since = this.lookedAt;
    this.isLooking = true;
    this.isDue = false;
    this.lookedAt = performance.now();
    try {
      await this.fetch((this.lookedAt - since) / 1000);
      this.failures = 0;
    } catch {
      this.failures += 1;
    } finally {
      this.isLooking = false;
      this.planNext();
    }
  }

  async fetch(seconds) {
    const response = await fetch(`${this.data.url}after=${this.position}`, {
      credentials: "same-origin",
      headers: { Accept: "text/html" },
    });
    // Without the header it is another page: that of the login, or an error.
    const position = response.headers.get("Hub-Position");
    if (!response.ok || position === null) throw new Error(`answered ${response.status}`);
    this.position = Number(position);
    const rows = parsed(await response.text());
    if (rows.length) this.take(rows, response.headers.has("Hub-More"), seconds);
  }

  take(rows, hasMore, seconds) {
    this.hasMore ||= hasMore;
    this.count += rows.length;
    this.held = [...rows, ...this.held].slice(0, this.limit);
    this.isFlooded = hasMore || rows.length > Math.max(FLOOD * seconds, FLOOD / 2);
    this.arrived += rows.length;
    this.announce();
    if (this.isOpen()) return this.insert();
    this.pill.textContent = told(this.data.textNew, this.count, this.hasMore);
    this.pill.hidden = false;
  }

  // Whether rows can slide in where somebody looks: at the top, and no faster than one can read.
  isOpen() {
    return this.held.length > 0 && this.isWhole() && !this.isFlooded && this.isAtTop();
  }

  // Whether the list has no gap when what is held is put on its top.
  isWhole() {
    return this.data.first === "yes" && !this.hasMore && this.count <= this.held.length;
  }

  // What does not fit between the rows that are there is shown by a new page.
  release() {
    if (!this.isWhole()) {
      location.assign(this.data.firstUrl);
      return;
    }
    this.insert();
    this.root.scrollIntoView({ block: "start" });
    this.body.querySelector("a")?.focus({ preventScroll: true });
  }

  insert() {
    this.part("none")?.remove();
    for (const row of this.held) row.classList.add("hub-feed-arrived");
    this.body.prepend(...this.held);
    this.held = [];
    this.count = 0;
    this.pill.hidden = true;
    this.trim();
  }

  // Takes away the oldest rows, which the link to older ones then leads to.
  trim() {
    const links = this.root.querySelectorAll("[data-hub-older]");
    const rows = this.body.querySelectorAll(":scope > tr[data-seq]");
    if (rows.length <= KEPT || !links.length) return;
    [...rows].slice(KEPT).forEach((row) => row.remove());
    for (const link of links) {
      const url = new URL(link.href);
      url.searchParams.set("before", rows[KEPT - 1].dataset.seq);
      link.href = url.href;
    }
  }

  isAtTop() {
    return this.root.getBoundingClientRect().top > -40;
  }

  // Says how many came, and not each: and not more often than one can listen to.
  announce() {
    if (this.announcing || !this.arrived) return;
    this.part("announce").textContent = told(this.data.textNew, this.arrived, this.hasMore);
    this.arrived = 0;
    this.announcing = setTimeout(() => {
      this.announcing = undefined;
      this.announce();
    }, QUIET);
  }

  age() {
    const now = Date.now();
    for (const time of this.body.querySelectorAll("time")) time.textContent = aged(time, now);
  }

  // Unfolds the other changes of a transaction below a row; without this it is a link to them.
  async unfold(event) {
    const link = event.target.closest("[data-hub-together]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    const row = link.closest("tr");
    const isOpen = link.getAttribute("aria-expanded") === "true";
    link.setAttribute("aria-expanded", String(!isOpen));
    if (isOpen) {
      for (const one of below(row)) one.remove();
      return;
    }
    try {
      const response = await fetch(link.dataset.hubTogether, { credentials: "same-origin" });
      if (!response.ok || response.redirected) throw new Error(`answered ${response.status}`);
      const others = parsed(await response.text()).filter((one) => one.dataset.seq !== row.dataset.seq);
      const rest = response.headers.has("Hub-More") ? this.data.textRest : "";
      row.after(...unfolded(others, link, rest || (others.length ? "" : this.data.textAlone)));
    } catch {
      location.assign(link.href);
    }
  }
}

// Makes rows those of an unfolded transaction, with a last one that leads to its page.
function unfolded(rows, link, text) {
  for (const row of rows) {
    row.classList.add("hub-feed-together");
    delete row.dataset.seq;
    for (const same of row.querySelectorAll("[data-hub-together]")) delete same.dataset.hubTogether;
  }
  if (!text) return rows;
  const last = document.createElement("tr");
  last.className = "hub-feed-together";
  const cell = last.insertCell();
  cell.colSpan = link.closest("tr").cells.length;
  const way = document.createElement("a");
  way.href = link.href;
  way.textContent = text;
  cell.append(way);
  return [...rows, last];
}

// The rows unfolded below a row.
function below(row) {
  const found = [];
  for (let next = row.nextElementSibling; next?.matches(".hub-feed-together"); next = next.nextElementSibling) {
    found.push(next);
  }
  return found;
}

function told(text, count, hasMore) {
  return text.replace("{count}", `${count}${hasMore ? "+" : ""}`);
}

function parsed(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return [...template.content.querySelectorAll("tr")];
}

const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60]];

function aged(time, now) {
  const seconds = (now - Date.parse(time.dateTime)) / 1000;
  const found = UNITS.find(([, size]) => seconds >= size);
  // What is just now, or as old as the server knows better to say, stays as it is.
  if (!found || seconds > 7 * 86400) return time.textContent;
  const format = new Intl.RelativeTimeFormat(document.documentElement.lang || undefined, { numeric: "always" });
  return format.format(-Math.floor(seconds / found[1]), found[0]);
}

const root = document.querySelector("[data-hub-feed]");
if (root) new Feed(root).start();
