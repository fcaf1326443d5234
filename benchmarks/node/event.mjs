// What every server sends: a record of about 200 bytes as JSON, a new one each time.
const notes = "n".repeat(112);

export function event(number) {
  const title = `task ${String(number).padStart(6, "0")}`;
  return { id: number, project_id: 1, title, status: "todo", due: null, notes };
}

// Serves GET /burst/N: sends N events, letting the server write between two of them.
export function bursts(send) {
  return async (request, response) => {
    const count = Number(request.url.split("/").pop());
    for (let number = 0; number < count; number++) {
      send(event(number));
      await new Promise(setImmediate);
    }
    response.writeHead(204).end();
  };
}
