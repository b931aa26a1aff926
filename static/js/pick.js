// A file or something from the library: one of the two, with a look at it.

/** What shows a file of this type before it is sent. */
function look(type) {
  if (type.startsWith("audio/")) return Object.assign(document.createElement("audio"), { controls: true });
  if (type.startsWith("video/")) return Object.assign(document.createElement("video"), { muted: true });
  return Object.assign(document.createElement("img"), { alt: "" });
}

/** Whether an input takes files of this type; one that the browser does not know is the studio's to judge. */
const takes = ({ accept }, type) => !type || accept.split(",").some((each) => type.startsWith(each.trim().replace("*", "")));

export function pick(box) {
  const file = box.querySelector("input[type=file]");
  const drop = box.querySelector(".pick__drop");
  const preview = box.querySelector("[data-pick-preview]");
  const name = box.querySelector("[data-pick-name]");
  const none = box.querySelector("[data-pick-none]");
  const note = () => box.querySelector(".pick__note"); // a quote puts another one in its place
  let address = "";

  const show = (element, text) => {
    if (address) URL.revokeObjectURL(address);
    address = "";
    preview.replaceChildren(...(element ? [element] : []));
    name.textContent = text;
    if (!text) {
      box.classList.remove("pick--wrong");
      note().textContent = "";
    }
  };
  const changed = () => file.dispatchEvent(new Event("change", { bubbles: true }));

  file.addEventListener("change", () => {
    const [chosen] = file.files;
    if (!chosen) return;
    if (none) none.checked = true;
    const told = `${chosen.name} · ${chosen.size < 1e6 ? `${Math.ceil(chosen.size / 1e3)} kB` : `${(chosen.size / 1e6).toFixed(1)} MB`}`;
    const fits = takes(file, chosen.type);
    box.classList.toggle("pick--wrong", !fits);
    note().classList.toggle("quote__problem", !fits);
    note().textContent = fits ? "" : box.dataset.wrong;
    if (!fits) return show(null, told);
    const element = look(chosen.type);
    show(element, told);
    address = URL.createObjectURL(chosen);
    // What the browser cannot show may still be good: the studio looks at it.
    element.addEventListener("error", () => preview.firstChild === element && preview.replaceChildren());
    element.src = address;
  });
  box.addEventListener("change", (event) => {
    if (event.target.type !== "radio") return;
    file.value = "";
    box.classList.remove("pick--wrong");
    const thumb = "pickAbout" in event.target.dataset && event.target.parentElement.querySelector("img, .thumb");
    show(thumb ? Object.assign(thumb.cloneNode(true), { alt: "" }) : null, event.target.dataset.pickAbout || "");
  });
  box.querySelector("[data-pick-remove]").addEventListener("click", () => {
    file.value = "";
    if (none) none.checked = true;
    show(null, "");
    changed();
    file.focus();
  });
  for (const type of ["dragenter", "dragover"]) drop.addEventListener(type, () => drop.classList.add("is-over"));
  for (const type of ["dragleave", "drop"]) drop.addEventListener(type, () => drop.classList.remove("is-over"));
}
