// The records a client holds, and the position in the log they stand for.

export class RecordStore {
  // Table -> record id -> the newest change of the record.
  #tables = new Map();
  #staging = null;
  #told = [];

  cursor = null;
  // The audiences the records were filled for, without those whose records are still on their way.
  held = [];
  // False until a whole snapshot has arrived: before, a missing record says nothing.
  ready = false;

  records(table) {
    const changes = this.#tables.get(table) ?? new Map();
    return new Map([...changes].map(([id, change]) => [id, change.data]));
  }

  // What was lost is forgotten, also where it is heard again: it then comes anew.
  hear(audiences, lost = []) {
    this.#told = audiences;
    const kept = new Set(audiences);
    for (const audience of lost) kept.delete(audience);
    this.held = this.held.filter((audience) => kept.has(audience));
    forget(this.#tables, kept);
    if (this.#staging !== null) forget(this.#staging, kept);
  }

  // Fills a second store beside the shown one, which a half-filled one must not replace.
  startOver() {
    this.#staging = new Map();
  }

  // What was staged on a connection that is gone cannot be continued on the next one.
  abandonStaging() {
    this.#staging = null;
  }

  applyPage(page) {
    if (page.reset) this.startOver();
    for (const change of page.changes) put(this.#staging ?? this.#tables, change);
    if (!page.hasMore) this.#finish();
    // The cursor of a page that is only staged would skip that page if the socket died now.
    if (this.#staging === null) this.cursor = page.cursor ?? this.cursor;
  }

  // A page of what an audience held before this client came to hear it: says nothing of the others,
  // so its cursor is not that of the store.
  applyGained(page) {
    for (const change of page.changes) this.#putEverywhere(change);
    if (!page.hasMore) this.held = [...new Set([...this.held, ...page.audiences])];
  }

  applyEvent(change, cursor) {
    this.#putEverywhere(change);
    if (this.#staging === null && cursor) this.cursor = cursor;
  }

  #putEverywhere(change) {
    put(this.#tables, change);
    if (this.#staging !== null) put(this.#staging, change);
  }

  #finish() {
    if (this.#staging !== null) {
      this.#tables = this.#staging;
      this.held = this.#told;
    }
    this.#staging = null;
    this.ready = true;
  }
}

function put(tables, change) {
  if (!tables.has(change.table)) tables.set(change.table, new Map());
  const records = tables.get(change.table);
  if (change.action === "delete") records.delete(change.recordId);
  else records.set(change.recordId, change);
}

function forget(tables, kept) {
  for (const records of tables.values()) {
    for (const [id, { audience }] of records) if (!kept.has(audience)) records.delete(id);
  }
}
