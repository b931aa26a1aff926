// The shot builder: what is chosen becomes text and JSON while it is chosen. Without this module a button does it.

const WAIT = 250; // milliseconds after the last change
const PARTS = ["action", "appearance", "expression", "position"];
let form, timer, asking;
const at = (name) => form.querySelector(`[data-${name}]`);

function shot() {
  const given = new FormData(form);
  const text = (name) => (given.get(name) ?? "").trim();
  const subjects = [...form.querySelectorAll("[data-subject]")].map((_, place) => ({
    TYPES: { sub_type: text(`sub_type-${place}`) },
    ...Object.fromEntries(PARTS.map((part) => [part, text(`${part}-${place}`)])),
  }));
  const told = subjects.filter((each) => each.TYPES.sub_type || PARTS.some((part) => each[part]));
  const names = ["shot_type", "shot_angle", "shot_position", "environment", "lighting"];
  return {
    subjects: told,
    ...Object.fromEntries(names.map((name) => [name, text(name)])),
    camera_motion: text("camera_words") || text("camera_motion"),
  };
}

function show(notes) {
  at("notes").replaceChildren(
    ...notes.map((note) => Object.assign(document.createElement("li"), { textContent: note })),
  );
}

async function compose() {
  asking?.abort();
  asking = new AbortController();
  const asked = form;
  try {
    const answer = await fetch(form.dataset.compose, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRFToken": form.elements.csrfmiddlewaretoken.value },
      body: JSON.stringify({ shot: shot(), target: new FormData(form).get("target") }),
      signal: asking.signal,
    });
    const told = await answer.json();
    if (asked !== form) return;
    if (!answer.ok) {
      show(told.errors ? Object.values(told.errors).flat() : [told.detail]);
      return;
    }
    at("text").textContent = told.text;
    at("json").textContent = JSON.stringify(told.shot, null, 2);
    at("use").href = `${at("use").dataset.tool}?prompt=${encodeURIComponent(told.text)}`;
    show(told.text ? told.notes : []);
  } catch (error) {
    if (error.name !== "AbortError") at("update").hidden = false; // the button still works
  }
}

document.addEventListener("input", (event) => {
  if (!form?.contains(event.target) || event.target.name === "paste") return;
  clearTimeout(timer);
  timer = setTimeout(compose, WAIT);
});

function begin() {
  clearTimeout(timer);
  asking?.abort();
  form = document.querySelector("[data-builder]");
  if (form) at("update").hidden = true;
}

begin();
let pressed = false; // a button of the form: what it puts there gets the focus
document.addEventListener("click", ({ target }) => {
  if (target.closest?.("[data-builder] button")) pressed = true;
});
// Rows that were added or removed, what was pasted, and the builder over the page of a tool.
document.addEventListener("htmx:load", ({ detail }) => {
  if (!detail.elt.matches?.("[data-builder]")) return;
  begin();
  if (!pressed) return;
  pressed = false;
  const rows = [...form.querySelectorAll("[data-subject] input[name^=sub_type]")];
  (rows.find((row) => !row.value) ?? rows[0])?.focus({ preventScroll: true });
});
