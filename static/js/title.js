// The browser's title says how far the job at work is, and that one is done until it is seen.

const socket = document.querySelector("[ws-connect]");
const plain = document.title;
const site = plain.slice(plain.lastIndexOf(" · "));
const ACTIVE = new Set(["waiting", "queued", "running", "offered"]);
const jobs = new Map(); // id → what is known of a job that has not ended
const LONGEST = 40; // characters of a job's name
let done = "";

function nameOf(card) {
  const name = [...card.querySelector(".card__title").textContent.trim()];
  return name.length > LONGEST ? `${name.slice(0, LONGEST - 1).join("").trimEnd()}…` : name.join("");
}

function note(card) {
  const { status, percent, created } = card.dataset;
  const known = jobs.has(card.id);
  if (ACTIVE.has(status)) jobs.set(card.id, { status, percent, created: Number(created), name: nameOf(card) });
  else jobs.delete(card.id);
  if (known && status === "succeeded" && document.hidden) done = nameOf(card);
}

function show() {
  const running = [...jobs.values()].filter(({ status }) => status === "running").sort((a, b) => a.created - b.created)[0];
  let title = plain;
  if (done) title = `(${socket.dataset.done}) ${done}${site}`;
  else if (running) title = `(${running.percent} %) ${running.name}${site}`;
  if (document.title !== title) document.title = title;
}

if (socket) {
  for (const card of document.querySelectorAll(".card")) note(card);
  show();
  document.addEventListener("studio:job", ({ detail: { job } }) => {
    if (job.matches(".card")) note(job);
    else jobs.delete(job.id);
    show();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    done = "";
    show();
  });
}
