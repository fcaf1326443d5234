// Draws a store into the page. Everything that came from the hub is put in as text.

const LONGEST_EVENT_LIST = 30;

const element = (id) => document.getElementById(id);

export function draw(store) {
  const projects = [...store.records("projects")];
  const tasks = Map.groupBy(store.records("tasks"), ([, task]) => String(task.project_id));
  drawRows(element("projects"), projects, "project", (section, [id, project]) => {
    setText(section, "name", project.name);
    drawRows(section.querySelector("[data-rows=tasks]"), tasks.get(id) ?? [], "task", fillTask);
  });
  drawPlanner(store);
}

// `keys` holds the recordKey() of what changed.
export function highlight(keys) {
  const rows = [...document.querySelectorAll("main [data-record-id]")];
  const changed = rows.filter(({ dataset }) => keys.has(recordKey(dataset)));
  for (const row of changed) row.classList.remove("changed");
  // Reading a width makes the browser notice the removal, so that the animations start anew.
  void document.body.offsetWidth;
  for (const row of changed) row.classList.add("changed");
}

export function recordKey({ table, recordId }) {
  return `${table} ${recordId}`;
}

export function showState(state, detail) {
  element("connection").dataset.state = state;
  replaceText(element("connection"), detail);
}

export function showCursor(cursor) {
  replaceText(element("cursor"), cursor ?? "none");
}

export function addNotice({ event, timestamp, change }) {
  const item = clone("event");
  setText(item, "time", new Date(timestamp ?? Date.now()).toLocaleTimeString());
  setText(item, "event", event);
  setText(item, "record", change ? `${change.table} ${change.recordId} ${change.action}` : "");
  setText(item, "detail", change?.changed?.join(", "));
  const list = element("events");
  list.prepend(item);
  while (list.children.length > LONGEST_EVENT_LIST) list.lastElementChild.remove();
}

function drawPlanner(store) {
  // The host's days are UTC days.
  const today = new Date().toISOString().slice(0, 10);
  const tasks = store.records("tasks");
  const entries = [...store.records("planner_entries")].filter(([, e]) => e.date === today);
  element("today").dateTime = today;
  replaceText(element("today"), today);
  drawRows(element("planner"), entries, "entry", (item, [, entry]) => {
    setText(item, "title", entry.title);
    setText(item, "task", tasks.get(String(entry.task_id))?.title);
  });
}

function fillTask(row, [id, task]) {
  setText(row, "id", id);
  setText(row, "title", task.title);
  setText(row, "status", task.status);
  row.querySelector("[data-field=status]").dataset.value = task.status;
  setText(row, "due", task.due);
}

// Keeps the rows that stay, so that focus, selection and highlights survive a redraw.
function drawRows(container, records, template, fill) {
  const sorted = records.toSorted(([a], [b]) => a - b);
  const wanted = new Set(sorted.map(([id]) => id));
  const rows = new Map();
  for (const row of [...container.querySelectorAll(":scope > [data-record-id]")]) {
    if (wanted.has(row.dataset.recordId)) rows.set(row.dataset.recordId, row);
    else row.remove();
  }
  let place = container.firstElementChild;
  for (const record of sorted) {
    const row = rows.get(record[0]) ?? clone(template, record[0]);
    fill(row, record);
    if (row === place) place = place.nextElementSibling;
    else container.insertBefore(row, place);
  }
}

function clone(template, recordId) {
  const row = element(`${template}-template`).content.firstElementChild.cloneNode(true);
  if (recordId !== undefined) row.dataset.recordId = recordId;
  return row;
}

function setText(row, field, text) {
  replaceText(row.querySelector(`[data-field="${field}"]`), String(text ?? ""));
}

function replaceText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}
