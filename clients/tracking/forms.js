// The two forms: delivery preferences, and the feedback questionnaire, which is drawn from its questions.

import { byId, element, setText } from "./elements.js";
import { text } from "./texts.js";
import { ask } from "./wire.js";

const CHANNELS = ["SMS", "WHATSAPP", "EMAIL", "IN_APP"];
const DEFAULT_SCALE = 5;
const NPS_HIGHEST = 10;

/** Sends one mutation while its button rests. Answers the payload, or null after showing why it was refused. */
async function send(form, operationName, variables, showErrors) {
  const button = form.querySelector("button[type=submit]");
  const payloadName = operationName[0].toLowerCase() + operationName.slice(1);
  button.disabled = true;
  showErrors([]);
  try {
    const payload = (await ask(operationName, variables))[payloadName];
    showErrors(payload.userErrors);
    return payload.userErrors.length ? null : payload;
  } catch (error) {
    console.warn(error);
    showErrors([{ field: null, message: text("notSent") }]);
    return null;
  } finally {
    button.disabled = false;
  }
}

// ---- Preferences

const PREFERENCE_FIELDS = ["safePlace", "neighbour", "instructions", "channels", "quietHours"];

function showPreferenceErrors(errors) {
  const fieldOf = (error) => error.field?.split(".").find((part) => PREFERENCE_FIELDS.includes(part));
  for (const field of PREFERENCE_FIELDS) {
    const own = errors.filter((error) => fieldOf(error) === field);
    setText(byId(`${field}-error`), own.map((error) => error.message).join(" "));
    const control = byId(field) ?? byId(`${field}-start`);
    control.setAttribute("aria-invalid", String(own.length > 0));
  }
  const others = errors.filter((error) => !fieldOf(error));
  setText(byId("preferences-error"), others.map((error) => error.message).join(" "));
}

function preferencesInput(form) {
  const value = (name) => form.elements[name].value.trim() || null;
  const [start, end] = [value("quietStart"), value("quietEnd")];
  return {
    safePlace: value("safePlace"),
    neighbour: value("neighbour"),
    instructions: value("instructions"),
    channels: new FormData(form).getAll("channels"),
    quietHours: start && end ? { start, end } : null,
  };
}

function fillPreferences(form, preferences) {
  const { safePlace, neighbour, instructions, channels, quietHours } = preferences;
  const minutes = (value) => value?.slice(0, 5) ?? "";
  const values = { safePlace, neighbour, instructions, quietStart: minutes(quietHours?.start), quietEnd: minutes(quietHours?.end) };
  for (const [name, value] of Object.entries(values)) {
    form.elements[name].value = value ?? "";
  }
  for (const box of form.querySelectorAll("[name=channels]")) {
    box.checked = channels?.includes(box.value) ?? false;
  }
}

/** Readies the preferences form. Answers a function that fills it, but never over what the reader has begun to change. */
export function preferencesForm(token) {
  const form = byId("preferences-form");
  let isChanged = false;
  byId("channel-choices").append(
    ...CHANNELS.map((channel) =>
      element("label", { class: "choice" }, element("input", { type: "checkbox", name: "channels", value: channel }), text(channel)),
    ),
  );
  form.addEventListener("input", () => {
    isChanged = true;
    setText(byId("preferences-done"), "");
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!form.elements.quietStart.value !== !form.elements.quietEnd.value) {
      showPreferenceErrors([{ field: "quietHours", message: text("quietBoth") }]);
      return;
    }
    const variables = { token, input: preferencesInput(form) };
    if (await send(form, "UpdateDeliveryPreferences", variables, showPreferenceErrors)) {
      isChanged = false;
      setText(byId("preferences-done"), text("saved"));
    }
  });
  return (preferences) => {
    byId("preferences").hidden = !preferences;
    if (preferences && !isChanged) {
      fillPreferences(form, preferences);
    }
  };
}

// ---- Feedback

const errorId = (question) => `error-${question.id}`;

function legendOf(question) {
  const note = question.required ? null : element("small", {}, ` (${text("optional")})`);
  return [question.prompt, note];
}

function radioGroup(question, values, className) {
  const options = values.map(({ value, label }) =>
    element(
      "label",
      { class: "choice" },
      element("input", { type: "radio", name: question.id, value, required: question.required }),
      element("span", {}, label),
    ),
  );
  return element(
    "fieldset",
    { class: "field question", "aria-describedby": errorId(question) },
    element("legend", {}, ...legendOf(question)),
    element("div", { class: className }, ...options),
  );
}

function scoreGroup(question, { from, to, low, high }) {
  const values = Array.from({ length: to - from + 1 }, (_, step) => ({ value: from + step, label: String(from + step) }));
  const group = radioGroup(question, values, "scores");
  group.append(element("div", { class: "ends", "aria-hidden": "true" }, element("span", {}, text(low)), element("span", {}, text(high))));
  return group;
}

function textQuestion(question) {
  const id = `answer-${question.id}`;
  return element(
    "p",
    { class: "field question" },
    element("label", { for: id }, ...legendOf(question)),
    element("textarea", { id, name: question.id, rows: 3, maxlength: 2000, required: question.required, "aria-describedby": errorId(question) }),
  );
}

// How each kind of question is drawn, and what its answer is called.
const KINDS = {
  SCALE: {
    draw: (question) =>
      scoreGroup(question, { from: 1, to: Number(question.scale) || DEFAULT_SCALE, low: "lowest", high: "highest" }),
    answer: (value) => ({ score: Number(value) }),
  },
  NPS: {
    draw: (question) => scoreGroup(question, { from: 0, to: NPS_HIGHEST, low: "npsLowest", high: "npsHighest" }),
    answer: (value) => ({ score: Number(value) }),
  },
  CHOICE: {
    draw: (question) =>
      radioGroup(question, (question.options ?? []).map((option) => ({ value: option, label: option })), "choices"),
    answer: (value) => ({ choice: value }),
  },
  TEXT: { draw: textQuestion, answer: (value) => ({ text: value.trim() }) },
};

function showFeedbackErrors(questions, errors) {
  const questionOf = (error) => {
    const [, index] = error.field?.match(/answers\.(\d+)/) ?? [];
    return questions.find((question) => error.field?.includes(question.id)) ?? questions[Number(index)];
  };
  for (const question of questions) {
    const own = errors.filter((error) => questionOf(error) === question);
    setText(byId(errorId(question)), own.map((error) => error.message).join(" "));
  }
  const others = errors.filter((error) => !questionOf(error));
  setText(byId("feedback-error"), others.map((error) => error.message).join(" "));
}

function answersOf(form, questions) {
  const given = new FormData(form);
  return questions
    .filter((question) => (given.get(question.id) ?? "").trim() !== "")
    .map((question) => ({ questionId: question.id, ...KINDS[question.kind].answer(given.get(question.id)) }));
}

/** Readies the feedback form. Answers a function that draws a questionnaire once, and thanks when it has been answered. */
export function feedbackForm(token) {
  const form = byId("feedback-form");
  let drawnId;
  let questions = [];
  const thank = () => {
    form.hidden = true;
    setText(byId("feedback-done"), text("feedbackDone"));
  };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const answers = answersOf(form, questions);
    // A refusal names an answer by its place in what was sent: that is the place among the answered questions.
    const answered = questions.filter((question) => answers.some((answer) => answer.questionId === question.id));
    const unanswered = questions.filter((question) => !answered.includes(question));
    const show = (errors) => showFeedbackErrors([...answered, ...unanswered], errors);
    if (await send(form, "SubmitFeedback", { token, input: { answers } }, show)) {
      thank();
    }
  });
  return (questionnaire) => {
    byId("feedback").hidden = !questionnaire;
    if (questionnaire?.submittedAt) {
      thank();
    } else if (questionnaire && questionnaire.id !== drawnId) {
      drawnId = questionnaire.id;
      questions = questionnaire.questions.filter((question) => question.kind in KINDS);
      byId("feedback-questions").replaceChildren(
        ...questions.flatMap((question) => [
          KINDS[question.kind].draw(question),
          element("p", { class: "field-error", id: errorId(question), role: "alert" }),
        ]),
      );
    }
  };
}
