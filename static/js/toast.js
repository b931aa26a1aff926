// Toasts go away by themselves, later when there is something to press or to read carefully.

const region = document.getElementById("toasts");
const timers = new WeakMap();

function arm(toast) {
  const wait = toast.matches(".toast--problem") || toast.querySelector("form") ? 12000 : 5000;
  clearTimeout(timers.get(toast));
  timers.set(toast, setTimeout(() => toast.remove(), wait));
}

function say(text) {
  const toast = document.createElement("div");
  toast.className = "toast toast--problem";
  toast.setAttribute("role", "alert");
  const line = document.createElement("p");
  line.className = "toast__text";
  line.textContent = text;
  toast.append(line);
  region.append(toast);
}

/** Signed out meanwhile: to the sign-in page, and back to this one with the prompt that was typed. */
function signIn(path) {
  const back = new URL(location.href);
  const prompt = document.querySelector("[data-panel] [name=prompt]")?.value;
  if (prompt) back.searchParams.set("prompt", prompt);
  location.assign(`${path}?next=${encodeURIComponent(back.pathname + back.search)}`);
}

if (region) {
  new MutationObserver((changes) => {
    for (const change of changes) {
      for (const node of change.addedNodes) if (node.matches?.(".toast")) arm(node);
    }
    // What had the focus may be gone, as after a deletion: then it goes to what takes that back.
    if (document.activeElement === document.body) region.querySelector("form button")?.focus();
  }).observe(region, { childList: true });
  region.querySelectorAll(".toast").forEach(arm);

  for (const kind of ["pointerenter", "focusin"]) {
    region.addEventListener(kind, () => region.querySelectorAll(".toast").forEach((toast) => clearTimeout(timers.get(toast))), true);
  }
  for (const kind of ["pointerleave", "focusout"]) {
    region.addEventListener(kind, () => region.querySelectorAll(".toast").forEach(arm), true);
  }
  region.addEventListener("click", (event) => {
    if (event.target.closest("[data-toast-close]")) event.target.closest(".toast").remove();
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.xhr.status < 400) event.detail.elt.closest?.("[data-toast-done]")?.closest(".toast").remove();
  });

  document.addEventListener("htmx:sendError", () => say("The studio does not answer. Check your connection; nothing was lost."));
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr } = event.detail;
    if (new URL(xhr.responseURL || location.href).pathname.startsWith("/accounts/login")) {
      event.detail.shouldSwap = false;
      signIn(new URL(xhr.responseURL).pathname);
      return;
    }
    const ours = xhr.status < 400 || xhr.status === 422 || xhr.getResponseHeader("HX-Retarget");
    if (!ours) {
      event.detail.shouldSwap = false;
      say("The studio could not answer that. Try again in a moment.");
    }
  });
}
