// The customer's tracking page: reads the token from its own address, shows the order, and keeps what it shows fresh.

import { byId, element, setText } from "./elements.js";
import { feedbackForm, preferencesForm } from "./forms.js";
import { distanceMetres, sketch } from "./map.js";
import * as say from "./texts.js";
import { ask, follow } from "./wire.js";

const { text } = say;
const POLL_MILLISECONDS = 15_000;
const POLL_WHILE_LIVE_MILLISECONDS = 120_000;
const STEPS = ["RECEIVED", "PREPARING", "ON_ITS_WAY", "DELIVERED"];

// What a state of an order or a shipment means to its recipient: the text, how far along, and whether it ends there.
const MEANINGS = {
  RECEIVED: { label: "RECEIVED", step: 0 },
  PENDING: { label: "RECEIVED", step: 0 },
  ALLOCATED: { label: "PREPARING", step: 1 },
  TENDERED: { label: "PREPARING", step: 1 },
  ASSIGNED: { label: "PREPARING", step: 1 },
  PLANNED: { label: "PREPARING", step: 1 },
  IN_FULFILMENT: { label: "ON_ITS_WAY", step: 2 },
  PICKED_UP: { label: "ON_ITS_WAY", step: 2 },
  OUT_FOR_DELIVERY: { label: "ON_ITS_WAY", step: 2 },
  COMPLETED: { label: "DELIVERED", step: 3, isOver: true },
  DELIVERED: { label: "DELIVERED", step: 3, isOver: true },
  PARTIALLY_COMPLETED: { label: "PARTLY", step: 3, isOver: true },
  PARTIALLY_DELIVERED: { label: "PARTLY", step: 3, isOver: true },
  ATTEMPT_FAILED: { label: "MISSED", step: 2, isTrouble: true },
  FAILED: { label: "FAILED", isOver: true, isTrouble: true },
  LOST: { label: "FAILED", isOver: true, isTrouble: true },
  RETURNING: { label: "RETURNING", isTrouble: true },
  RETURNED: { label: "RETURNING", isOver: true, isTrouble: true },
  CANCELLED: { label: "CANCELLED", isOver: true, isTrouble: true },
};

const token = decodeURIComponent(location.pathname.split("/").filter(Boolean).at(-1));
const showPreferences = preferencesForm(token);
const showFeedback = feedbackForm(token);

let tracking = null;
let isLive = false;
let updatedAt = null;
let pollTimer;
let refreshTimer;
let stopFollowing = null;

const meaningOf = ({ state }) => MEANINGS[state] ?? { label: state };

function showSection(id, isShown) {
  byId(id).hidden = !isShown;
}

function showSteps({ step, isTrouble, isOver }) {
  byId("steps").hidden = step === undefined;
  byId("hero").classList.toggle("trouble", Boolean(isTrouble));
  byId("hero").classList.toggle("over", Boolean(isOver && !isTrouble));
  byId("steps").replaceChildren(
    ...STEPS.map((name, place) =>
      element(
        "li",
        { class: place < step || isOver ? "done" : "", "aria-current": place === step ? "step" : null },
        element("span", {}, text(name)),
      ),
    ),
  );
}

function arrivalOf({ eta, promisedWindow }) {
  const isToday = promisedWindow && say.isSameDay(eta.expected, promisedWindow.start);
  const span = isToday ? say.timeSpan(eta.earliest, eta.latest) : say.daySpan(eta.earliest, eta.latest);
  const isLate = promisedWindow && Date.parse(eta.earliest) > Date.parse(promisedWindow.end);
  const notes = [
    text("expectedAbout", { time: say.time(eta.expected) }),
    eta.confidence ? text("likelihood", { percent: say.percent(eta.confidence) }) : null,
    isLate ? text("later") : null,
  ];
  return [element("strong", { class: "big" }, span), element("small", {}, notes.filter(Boolean).join(" · "))];
}

function factsOf(order, { isOver }) {
  const { eta, promisedWindow, stopsBefore, driverFirstName, carrierName } = order;
  const facts = [];
  if (eta && !isOver) {
    facts.push(["arrival", ...arrivalOf(order)]);
  }
  if (promisedWindow) {
    facts.push(["promised", say.daySpan(promisedWindow.start, promisedWindow.end)]);
  }
  if (stopsBefore != null && !isOver) {
    facts.push(["before", stopsBefore === 0 ? text("next") : text("stops", { n: stopsBefore })]);
  }
  if (driverFirstName) {
    facts.push(["driver", driverFirstName]);
  }
  if (carrierName) {
    facts.push(["carrier", carrierName]);
  }
  return facts;
}

function showHero(order) {
  const meaning = meaningOf(order);
  setText(byId("reference"), text("order", { reference: order.reference }));
  setText(byId("carrier-name"), order.carrierName ?? "Doorstep");
  setText(byId("state-label"), text(meaning.label));
  setText(byId("headline"), order.headline);
  document.title = `${text(meaning.label)} · ${order.reference}`;
  showSteps(meaning);
  byId("facts").replaceChildren(
    ...factsOf(order, meaning).map(([name, ...values]) =>
      element("div", { class: `fact ${name}` }, element("dt", {}, text(name)), element("dd", {}, ...values)),
    ),
  );
}

function showLive() {
  const isOver = tracking && meaningOf(tracking).isOver;
  byId("live").hidden = !updatedAt || isOver;
  byId("live").classList.toggle("on", isLive);
  if (updatedAt) {
    const updated = text("updated", { time: say.time(updatedAt) });
    setText(byId("live"), `${text(isLive ? "live" : "polling")} · ${updated}`);
  }
}

function showMap({ destination, vehicle, ...order }) {
  const { isOver } = meaningOf(order);
  showSection("map", destination && !isOver);
  if (!destination || isOver) {
    return;
  }
  const caption = vehicle
    ? text("mapAway", { distance: say.distance(distanceMetres(destination, vehicle.location)), time: say.time(vehicle.at) })
    : text("mapHidden");
  setText(byId("map-caption"), caption);
  byId("map-sketch").replaceChildren(sketch({ destination, vehicle, label: caption, format: say.distance }));
}

function entryOf({ at, title, detail }) {
  return element(
    "li",
    {},
    element("time", { datetime: at }, say.dayAndTime(at)),
    element("strong", {}, title),
    detail ? element("p", {}, detail) : null,
  );
}

function messageOf({ at, text: words }) {
  return element("li", {}, element("p", {}, words), element("time", { datetime: at }, say.dayAndTime(at)));
}

// Another host's picture is opened by the reader, never loaded by the page: it asks no host but its own.
function proofOf({ kind, url, capturedAt }) {
  const label = text(kind);
  const caption = [element("strong", {}, label), element("time", { datetime: capturedAt }, say.dayAndTime(capturedAt))];
  if (!url) {
    return element("li", {}, ...caption);
  }
  const isOwn = new URL(url, location.href).origin === location.origin;
  const isPicture = isOwn && (kind === "PHOTO" || kind === "SIGNATURE");
  const shown = isPicture ? element("img", { src: url, alt: label, loading: "lazy" }) : text("open");
  return element("li", {}, element("a", { href: url, target: "_blank", rel: "noreferrer" }, shown), ...caption);
}

const shownProofs = { key: "" };

function showProofs(proofs) {
  showSection("proof", proofs.length > 0);
  const key = JSON.stringify(proofs.map(({ kind, capturedAt }) => [kind, capturedAt]));
  if (key !== shownProofs.key) {
    shownProofs.key = key;
    byId("proof-list").replaceChildren(...proofs.map(proofOf));
  }
}

function showList(id, entries, draw) {
  showSection(id, entries.length > 0);
  byId(`${id}-list`).replaceChildren(...entries.map(draw));
}

function showPin({ pin, ...order }) {
  showSection("pin", pin && !meaningOf(order).isOver);
  setText(byId("pin-digits"), pin ?? "");
}

function show() {
  showHero(tracking);
  showLive();
  showPin(tracking);
  showMap(tracking);
  showProofs(tracking.proof ?? []);
  const newestFirst = [...(tracking.timeline ?? [])].sort((one, other) => Date.parse(other.at) - Date.parse(one.at));
  showList("timeline", newestFirst, entryOf);
  showList("inbox", tracking.inbox ?? [], messageOf);
  showFeedback(tracking.feedbackForm);
  showPreferences(meaningOf(tracking).isOver ? null : tracking.preferences);
}

function showBanner(message) {
  setText(byId("banner"), message);
  byId("banner").hidden = !message;
}

function showUnknownLink() {
  showBanner(text("unknownLink"));
  byId("main").hidden = true;
}

async function refresh() {
  clearTimeout(pollTimer);
  try {
    tracking = (await ask("Tracking", { token })).tracking;
    if (!tracking) {
      stopFollowing?.();
      showUnknownLink();
      return;
    }
    updatedAt = new Date();
    showBanner("");
    show();
    byId("main").setAttribute("aria-busy", "false");
    stopFollowing ??= follow("TrackingChanged", { token }, { onData: takeChange, onLive: takeLive });
  } catch (error) {
    console.warn(error);
    showBanner(text("unreachable"));
  }
  pollTimer = setTimeout(refreshIfSeen, isLive ? POLL_WHILE_LIVE_MILLISECONDS : POLL_MILLISECONDS);
}

function refreshIfSeen() {
  if (document.visibilityState === "visible") {
    refresh();
  }
}

// A change says where the order is now. What it does not carry (timeline, messages, proof) is read anew.
function takeChange({ trackingChanged }) {
  if (!trackingChanged) {
    return;
  }
  const isNews = trackingChanged.state !== tracking.state || trackingChanged.headline !== tracking.headline;
  Object.assign(tracking, trackingChanged);
  updatedAt = new Date();
  show();
  if (isNews) {
    clearTimeout(refreshTimer);
    refreshTimer = setTimeout(refresh, 300);
  }
}

function takeLive(value) {
  const wasLive = isLive;
  isLive = value;
  showLive();
  if (wasLive !== value) {
    clearTimeout(refreshTimer);
    refreshTimer = setTimeout(refresh, 300);
  }
}

document.documentElement.lang = say.locale;
document.title = text("title");
for (const node of document.querySelectorAll("[data-text]")) {
  node.textContent = text(node.dataset.text);
}
document.addEventListener("visibilitychange", refreshIfSeen);
refresh();
