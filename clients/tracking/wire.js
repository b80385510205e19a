// Speaks GraphQL: documents from documents.graphql, one POST each, and one subscription over graphql-transport-ws.

const ENDPOINT = "/graphql";
const REQUEST_LIMIT_MILLISECONDS = 15_000;
const ACKNOWLEDGE_LIMIT_MILLISECONDS = 10_000;
const LONGEST_WAIT_MILLISECONDS = 30_000;

let documents;

// Each operation begins at the start of a line with its keyword, and ends with a brace at the start of a line.
async function readDocuments() {
  const answer = await fetch("/static/tracking/documents.graphql");
  if (!answer.ok) {
    throw new Error(`The documents were answered with ${answer.status}.`);
  }
  const found = (await answer.text()).matchAll(/^(?:query|mutation|subscription) (\w+)[^]*?^\}/gm);
  return new Map(Array.from(found, ([text, name]) => [name, text]));
}

async function payloadOf(operationName, variables) {
  documents ??= readDocuments().catch((error) => {
    documents = undefined;
    throw error;
  });
  return { query: (await documents).get(operationName), operationName, variables };
}

/** The data that an operation answers. Throws what could not be asked or was answered with errors alone. */
export async function ask(operationName, variables) {
  const answer = await fetch(ENDPOINT, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/graphql-response+json, application/json" },
    body: JSON.stringify(await payloadOf(operationName, variables)),
    signal: AbortSignal.timeout(REQUEST_LIMIT_MILLISECONDS),
  });
  const { data, errors } = await answer.json();
  if (!data) {
    throw new Error(errors?.[0]?.message ?? `The endpoint answered ${answer.status}.`);
  }
  return data;
}

/**
 * Follows a subscription for as long as the page lives, and connects again after each break, waiting longer each time.
 * `onData` gets each answer, `onLive` whether answers are coming now. Returns a function that ends it.
 */
export function follow(operationName, variables, { onData, onLive }) {
  let socket;
  let timer;
  let breaks = 0;
  let ended = false;

  const again = () => {
    onLive(false);
    if (ended) {
      return;
    }
    const wait = Math.min(LONGEST_WAIT_MILLISECONDS, 1000 * 2 ** breaks) * (0.5 + Math.random() / 2);
    breaks += 1;
    timer = setTimeout(connect, wait);
  };

  const handlers = {
    connection_ack: async () => {
      clearTimeout(timer);
      const payload = await payloadOf(operationName, variables);
      socket.send(JSON.stringify({ id: "1", type: "subscribe", payload }));
      breaks = 0;
      onLive(true);
    },
    ping: () => socket.send(JSON.stringify({ type: "pong" })),
    next: ({ payload }) => payload.data && onData(payload.data),
    error: ({ payload }) => {
      console.warn("The subscription was refused.", payload);
      breaks = 5;
      socket.close(1000);
    },
    complete: () => socket.close(1000),
  };

  function connect() {
    const address = new URL(ENDPOINT, location.href);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    socket = new WebSocket(address, "graphql-transport-ws");
    const own = socket;
    timer = setTimeout(() => own.close(), ACKNOWLEDGE_LIMIT_MILLISECONDS);
    own.onopen = () => own.send(JSON.stringify({ type: "connection_init" }));
    own.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      handlers[message.type]?.(message);
    };
    own.onclose = () => {
      clearTimeout(timer);
      again();
    };
  }

  connect();
  return () => {
    ended = true;
    clearTimeout(timer);
    socket.close(1000);
  };
}
