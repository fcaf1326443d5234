// The records a client holds, and the position in the log they stand for.

export class RecordStore {
  #tables = new Map();
  #staging = null;

  cursor = null;
  // False until a whole snapshot has arrived: before, a missing record says nothing.
  ready = false;

  records(table) {
    return this.#tables.get(table) ?? new Map();
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

  applyEvent(change, cursor) {
    put(this.#tables, change);
    if (this.#staging !== null) put(this.#staging, change);
    else if (cursor) this.cursor = cursor;
  }

  #finish() {
    if (this.#staging !== null) this.#tables = this.#staging;
    this.#staging = null;
    this.ready = true;
  }
}

function put(tables, change) {
  if (!tables.has(change.table)) tables.set(change.table, new Map());
  const records = tables.get(change.table);
  if (change.action === "delete") records.delete(change.recordId);
  else records.set(change.recordId, change.data);
}
