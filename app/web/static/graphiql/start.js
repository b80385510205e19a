// Starts GraphiQL against this deployment's own endpoint, with a bearer token where one was given.
const { createElement } = window.React;
const root = window.ReactDOM.createRoot(document.getElementById("graphiql"));
const input = document.getElementById("token");
const state = document.getElementById("token-state");

const endpoint = new URL("/graphql", location.href);
const subscriptions = new URL(endpoint);
subscriptions.protocol = endpoint.protocol === "https:" ? "wss:" : "ws:";

const fetcher = window.GraphiQL.createFetcher({ url: endpoint.href, subscriptionUrl: subscriptions.href });

const greeting = `# Write a document and press Ctrl-Enter. The book symbol on the left shows the schema.
{
  __typename
}
`;

// The token lives in this page's memory alone; the key makes a new editor, so that the schema is asked for again as that caller.
function show(token) {
  const headers = token ? JSON.stringify({ Authorization: `Bearer ${token}` }, null, 2) : undefined;
  state.textContent = token ? "A token is sent with each request." : "No token: requests are anonymous.";
  const settings = { headers, defaultQuery: greeting, shouldPersistHeaders: false, isHeadersEditorEnabled: true };
  root.render(createElement(window.GraphiQL, { key: token, fetcher, defaultEditorToolsVisibility: true, ...settings }));
}

function tokenOfAddress() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token) {
    history.replaceState(null, "", location.pathname + location.search);
  }
  return token ?? "";
}

document.getElementById("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  show(input.value.trim());
});

input.value = tokenOfAddress();
show(input.value);
