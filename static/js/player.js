// The controls of films and sounds. Without this script the browser's own stay; with it, a box that holds a film gets a
// bar made from the page's template. The bar belongs to the box: when another film takes the place of the one that it
// drives, what was chosen on it stays.

const controls = document.getElementById("player-controls");
const players = new WeakMap(); // box → its player
const IDLE_MS = 2500;
const BUSY_MS = 300;
const TAP_MS = 280;
const STRIP_FRAMES = 10;
const SEEK = 5; // seconds
const CAPTION_LINE = -4; // of the picture, from below
const RATES = [0.25, 0.5, 0.75, 1, 1.25, 1.5, 2];
const STORE = "cinevivid.sound";
let last; // the player that was used last; keys go there when nothing else has the focus

const clamp = (value, low, high) => Math.min(Math.max(value, low), Math.max(low, high));

/** A time as "1:02.5"; digits keep their places. */
function clock(seconds) {
  const tenths = Math.floor((Number.isFinite(seconds) ? Math.max(0, seconds) : 0) * 10 + 1e-6);
  const [hours, minutes, rest] = [Math.floor(tenths / 36000), Math.floor(tenths / 600) % 60, (tenths % 600) / 10];
  const tail = `${minutes}:${rest.toFixed(1).padStart(4, "0")}`;
  return hours ? `${hours}:${tail.padStart(7, "0")}` : tail;
}

/** Put a text into a node, where it is another one: a browser lays out anew whatever is put in. */
function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function remembered() {
  try {
    return JSON.parse(localStorage.getItem(STORE)) ?? {};
  } catch {
    return {};
  }
}

function remember(media) {
  try {
    localStorage.setItem(STORE, JSON.stringify({ volume: media.volume, muted: media.muted }));
  } catch {
    // a browser that keeps nothing forgets it
  }
}

class Player {
  constructor(box) {
    this.box = box;
    const content = document.importNode(controls.content, true);
    this.parts = [...content.children];
    for (const part of this.parts) part.dataset.playerPart = "";
    this.bar = content.querySelector("[data-bar]");
    this.lost = content.querySelector(".player__lost");
    this.scrub = content.querySelector("[data-scrub]");
    this.marks = content.querySelector(".player__marks");
    this.preview = content.querySelector(".player__preview");
    [this.now, this.whole] = [content.querySelector("[data-now]"), content.querySelector("span[data-length]")];
    this.buttons = {};
    for (const item of content.querySelectorAll("[data-do]")) {
      this.buttons[item.dataset.do] = item;
      item.dataset.label = item.getAttribute("aria-label") ?? "";
    }
    box.classList.add("player");
    this.bar.dataset.variant = box.closest("main.asset") ? "full" : "compact";
    box.append(content);
    this.listen();
  }

  get live() {
    return "film" in this.media.dataset;
  }

  /** How far there is something to see: of a film that is being made, its newest picture. */
  get end() {
    const { media } = this;
    if (this.live) return media.seekable.length ? media.seekable.end(media.seekable.length - 1) : 0;
    return Number.isFinite(media.duration) ? media.duration : Number(media.dataset.length) || 0;
  }

  /** The length of the bar: of a film that is being made, how long it will be. */
  get length() {
    return this.live ? Math.max(this.end, Number(this.media.dataset.length) || 0) : this.end;
  }

  /** The captions that it has; what is described to those who do not see is for their readers. */
  get texts() {
    return [...(this.media.textTracks ?? [])].filter(({ kind }) => kind === "captions" || kind === "subtitles");
  }

  get fps() {
    return Number(this.media.dataset.fps) || 25;
  }

  get usable() {
    return this.bar.isConnected && this.bar.getClientRects().length > 0;
  }

  /** Drive this film or sound from now on, with what was chosen for the one before. */
  use(media) {
    if (this.media === media) return;
    const before = this.media;
    this.ended?.abort();
    this.ended = new AbortController();
    this.media = media;
    media.controls = false;
    media.tabIndex = -1;
    this.box.dataset.kind = media.tagName.toLowerCase();
    if (before) {
      if (this.rate) media.defaultPlaybackRate = media.playbackRate = this.rate;
      if (this.looped !== undefined) media.loop = this.looped;
    } else {
      const { volume = 1, muted } = remembered();
      media.volume = volume;
      if (muted) media.muted = true;
    }
    const on = (names, what) => {
      for (const name of names.split(" ")) media.addEventListener(name, what, { signal: this.ended.signal });
    };
    on("play", () => this.run());
    on("play playing pause ended seeked seeking timeupdate durationchange progress loadedmetadata ratechange emptied", () => this.paint());
    on("volumechange ratechange play pause enterpictureinpicture leavepictureinpicture", () => this.tell());
    on("waiting seeking loadstart", () => this.busy());
    on("playing canplay seeked pause emptied", () => this.free());
    on("play pause", () => this.wake());
    on("error", () => this.fail(media));
    on("loadeddata", () => (this.lost.hidden = true));
    media.textTracks?.addEventListener?.("addtrack", () => this.tell(), { signal: this.ended.signal });
    if (media.error) this.fail(media);
    this.mark();
    this.tell();
    this.paint();
    if (!media.paused) this.run();
  }

  listen() {
    const { box, bar, scrub, buttons } = this;
    bar.addEventListener("click", ({ target }) => {
      const name = target.closest("button[data-do]")?.dataset.do;
      if (name) this[name]();
    });
    buttons.reload.addEventListener("click", () => this.reload());
    buttons.speed.addEventListener("change", () => this.speed(Number(buttons.speed.value)));
    buttons.volume.addEventListener("input", () => this.volume(buttons.volume.value / 100));
    buttons.float.hidden = !document.pictureInPictureEnabled;

    scrub.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      scrub.setPointerCapture(event.pointerId);
      this.dragging = { goOn: !this.media.paused && !this.media.ended };
      this.media.pause();
      this.seek(this.placeOf(event));
    });
    scrub.addEventListener("pointermove", (event) => {
      this.load();
      this.peek(event);
      if (this.dragging) this.seek(this.placeOf(event));
    });
    for (const name of ["pointerup", "pointercancel"]) {
      scrub.addEventListener(name, () => {
        if (this.dragging?.goOn) this.media.play().catch(() => {});
        this.dragging = null;
        if (!scrub.matches(":hover")) this.preview.hidden = true;
      });
    }
    scrub.addEventListener("pointerleave", () => (this.preview.hidden = !this.dragging));
    scrub.addEventListener("keydown", (event) => this.slide(event));

    box.addEventListener("pointerdown", ({ pointerType }) => {
      this.pointer = pointerType;
      last = this;
    });
    box.addEventListener("pointermove", ({ pointerType }) => pointerType !== "touch" && this.wake());
    box.addEventListener("focusin", () => {
      last = this;
      this.wake();
    });
    box.addEventListener("click", (event) => {
      if (event.target !== this.media || event.defaultPrevented || !this.usable) return;
      if (this.pointer === "touch") this.tap(event);
      else this.play();
    });
    box.addEventListener("dblclick", ({ target }) => {
      if (target === this.media && this.pointer !== "touch" && this.usable && this.media.tagName === "VIDEO") this.fullscreen();
    });
  }

  // --- what can be done, by the names of the buttons

  play() {
    const { media } = this;
    if (!media.paused) {
      media.pause();
      return;
    }
    // What plays by itself is silent; what somebody plays is heard, if the one before was, or if somebody speaks in it.
    const { muted } = remembered();
    if (!this.asked && (muted === false || (muted === undefined && this.texts.length))) media.muted = false;
    this.asked = true;
    media.play().catch(() => {});
  }

  newest() {
    this.seek(Math.max(0, this.end - 0.1));
    this.media.play().catch(() => {});
  }

  step(by = 1) {
    const { media, fps } = this;
    const most = (Number(media.dataset.frames) || Math.floor(this.end * fps + 0.01)) - 1;
    media.pause();
    // To the middle of a frame, so that no rounding shows its neighbour.
    this.seek((clamp(this.frame() + by, 0, most) + 0.5) / fps);
  }

  back() {
    this.step(-1);
  }

  loop() {
    this.looped = this.media.loop = !this.media.loop;
    this.tell();
  }

  speed(rate) {
    // What is loaded anew begins with its default.
    this.media.defaultPlaybackRate = this.media.playbackRate = this.rate = rate;
  }

  mute() {
    const { media } = this;
    media.muted = !media.muted;
    this.asked = true;
    if (!media.muted && !media.volume) media.volume = 0.5;
    remember(media);
  }

  volume(value) {
    Object.assign(this.media, { volume: value, muted: !value });
    remember(this.media);
  }

  captions() {
    const tracks = this.texts;
    const shown = tracks.find((track) => track.mode === "showing");
    for (const track of tracks) track.mode = "disabled";
    if (!shown && tracks[0]) {
      tracks[0].mode = "showing";
      this.raise(tracks[0]);
    }
    this.tell();
  }

  /** Put captions above the bar, which would lie over them. */
  raise(track) {
    const lines = () => {
      for (const cue of track.cues ?? []) cue.line = CAPTION_LINE;
    };
    lines();
    for (const element of this.media.querySelectorAll("track")) if (element.track === track) element.addEventListener("load", lines, { once: true });
  }

  float() {
    if (document.pictureInPictureElement === this.media) document.exitPictureInPicture();
    else this.media.requestPictureInPicture?.().catch(() => {});
  }

  fullscreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else if (this.box.requestFullscreen) this.box.requestFullscreen().catch(() => {});
    else this.media.webkitEnterFullscreen?.(); // a phone that has only its own
  }

  help() {
    const dialog = document.importNode(document.getElementById("player-keys").content, true).firstElementChild;
    (document.fullscreenElement ?? document.body).append(dialog);
    dialog.addEventListener("close", () => dialog.remove());
    dialog.addEventListener("keydown", (event) => event.stopPropagation()); // Escape closes it, and not the page
    dialog.addEventListener("click", ({ target }) => target === dialog && dialog.close());
    dialog.showModal();
  }

  reload() {
    this.lost.hidden = true;
    this.media.load();
    this.media.play().catch(() => {});
  }

  // --- places

  frame() {
    return Math.floor(this.media.currentTime * this.fps + 0.01);
  }

  /** Have the film read: a poster alone cannot be sought in. */
  load() {
    if (this.media.preload !== "auto") this.media.preload = "auto";
  }

  seek(seconds) {
    this.load();
    this.media.currentTime = clamp(seconds, 0, this.end);
    this.paint();
  }

  placeOf({ clientX }) {
    const { left, width } = this.scrub.getBoundingClientRect();
    return clamp((clientX - left) / width, 0, 1) * this.length;
  }

  peek(event) {
    const place = this.placeOf(event);
    const share = this.length ? place / this.length : 0;
    const [frame, words] = this.preview.children;
    const strip = !this.live && this.box.querySelector("[data-strip]")?.dataset.strip;
    if (strip && frame.dataset.of !== strip) {
      frame.dataset.of = strip;
      const picture = new Image();
      picture.src = strip;
      picture.decode().then(
        () => {
          frame.style.backgroundImage = `url("${picture.src}")`;
          frame.style.aspectRatio = `${picture.naturalWidth / STRIP_FRAMES} / ${picture.naturalHeight}`;
          frame.dataset.ready = "";
        },
        () => {},
      );
    }
    frame.style.backgroundPositionX = `${(Math.min(STRIP_FRAMES - 1, Math.floor(share * STRIP_FRAMES)) * 100) / (STRIP_FRAMES - 1)}%`;
    words.textContent = clock(place);
    this.preview.hidden = false;
    const half = this.preview.offsetWidth / 2;
    const { width } = this.scrub.getBoundingClientRect();
    this.preview.style.left = `${clamp(share * width, half, width - half)}px`;
  }

  slide(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { length } = this;
    const small = Math.min(1, length / 20);
    const by = { ArrowRight: small, ArrowUp: small, ArrowLeft: -small, ArrowDown: -small, PageUp: length / 10, PageDown: -length / 10 }[event.key];
    const to = { Home: 0, End: this.end }[event.key] ?? (by && this.media.currentTime + by);
    if (to === undefined) return;
    event.preventDefault();
    this.seek(to);
  }

  /** A tap shows the controls, or plays; two at a side go back or on. */
  tap({ clientX, timeStamp }) {
    const hidden = "idle" in this.box.dataset;
    clearTimeout(this.single);
    this.wake();
    if (timeStamp - (this.tapped ?? -Infinity) < TAP_MS) {
      this.tapped = undefined;
      const { left, width } = this.box.getBoundingClientRect();
      const side = Math.floor((3 * (clientX - left)) / width) - 1;
      if (side) this.seek(this.media.currentTime + side * SEEK);
      else this.play();
      return;
    }
    this.tapped = timeStamp;
    if (!hidden) this.single = setTimeout(() => this.play(), TAP_MS);
  }

  // --- what is shown

  mark() {
    const marks = (this.media.dataset.marks ?? "").split(" ").filter(Boolean).map(Number);
    this.starts = marks;
    this.marks.replaceChildren(...marks.map(() => document.createElement("i")));
    this.placed = 0;
  }

  paint() {
    const { media, scrub, length, end } = this;
    const now = length ? Math.min(media.currentTime, length) : media.currentTime;
    const share = (seconds) => `${length ? (100 * clamp(seconds, 0, length)) / length : 0}%`;
    let ahead = now;
    for (let i = 0; i < media.buffered.length; i++) {
      if (media.buffered.start(i) <= now + 0.1) ahead = Math.max(ahead, media.buffered.end(i));
    }
    for (const [name, seconds] of [["done", now], ["ahead", ahead], ["made", end]]) this.bar.style.setProperty(`--${name}`, share(seconds));
    this.box.style.setProperty("--heard-share", length ? clamp(now / length, 0, 1) : 0);
    if (this.placed !== length) {
      this.placed = length;
      [...this.marks.children].forEach((mark, i) => {
        mark.style.left = share(this.starts[i]);
        mark.toggleAttribute("data-inside", this.starts[i] > 0);
      });
    }
    write(this.now, clock(now));
    write(this.whole, clock(length));
    const near = this.live && end - now < Math.max(1, 2 / this.fps);
    this.bar.toggleAttribute("data-on-air", this.live);
    this.bar.toggleAttribute("data-edge", near);
    const { words, wordsFrame, wordsLive } = scrub.dataset;
    const text = this.live ? wordsLive : Number(media.dataset.frames) ? wordsFrame : words;
    const about = { now: clock(now), length: clock(length), made: clock(end), frame: Math.min(this.frame() + 1, Number(media.dataset.frames) || Infinity) };
    const said = { max: length.toFixed(2), now: now.toFixed(2), text: text.replace(/\{(\w+)\}/g, (_, name) => about[name]) };
    for (const [name, value] of Object.entries(said)) {
      if (scrub.getAttribute(`aria-value${name}`) !== value) scrub.setAttribute(`aria-value${name}`, value);
    }
  }

  /** Paint with every picture of a film while it plays: the events of the browser come four times a second. */
  run() {
    const { media } = this;
    const run = (this.running = {});
    const next = () => {
      if (this.running !== run || media.paused || !this.bar.isConnected) return;
      if (this.usable) this.paint();
      later();
    };
    const later = () => (media.requestVideoFrameCallback ? media.requestVideoFrameCallback(next) : requestAnimationFrame(next));
    later();
  }

  tell() {
    const { media, buttons, box } = this;
    const full = document.fullscreenElement === box;
    const quiet = media.muted || !media.volume;
    const say = (name, on) => {
      buttons[name].toggleAttribute("data-on", on);
      buttons[name].setAttribute("aria-label", on ? buttons[name].dataset.other : buttons[name].dataset.label);
    };
    say("play", !media.paused);
    say("mute", quiet);
    say("fullscreen", full);
    buttons.loop.setAttribute("aria-pressed", media.loop);
    buttons.volume.value = quiet ? 0 : Math.round(media.volume * 100);
    if (RATES.includes(media.playbackRate)) buttons.speed.value = String(media.playbackRate);
    const tracks = this.texts;
    buttons.captions.hidden = !tracks.length;
    buttons.captions.setAttribute("aria-pressed", tracks.some((track) => track.mode === "showing"));
  }

  busy() {
    clearTimeout(this.waits);
    this.waits = setTimeout(() => {
      const { media } = this;
      const edge = this.live && this.end - media.currentTime < 1; // more is being made, which the card tells
      const waits = (!media.paused || media.seeking) && media.readyState < HTMLMediaElement.HAVE_FUTURE_DATA && !media.ended;
      this.box.toggleAttribute("data-wait", waits && !edge && !media.error);
    }, BUSY_MS);
  }

  free() {
    clearTimeout(this.waits);
    this.box.removeAttribute("data-wait");
  }

  fail(media) {
    this.free();
    if (!this.live && media.error) this.lost.hidden = false;
  }

  /** Show the controls; while a film plays and nobody moves, they go again. */
  wake() {
    delete this.box.dataset.idle;
    clearTimeout(this.rest);
    this.rest = setTimeout(() => {
      const { media, bar } = this;
      const used = this.dragging || bar.matches(":has(:focus-visible)") || (bar.matches(":hover") && this.pointer !== "touch");
      if (!media.paused && media.tagName === "VIDEO" && !used) this.box.dataset.idle = "";
    }, IDLE_MS);
  }
}

/** Give a film or sound its controls; in a box that has some already, they drive it from now on. */
export function attach(media) {
  if (!controls) return;
  const box = (media.closest(".card__film") ?? media).parentElement;
  if (!players.get(box)?.bar.isConnected) players.set(box, new Player(box));
  players.get(box).use(media);
}

const KEYS = {
  k: "play",
  " ": "play",
  ",": "back",
  ".": "step",
  o: "loop",
  m: "mute",
  f: "fullscreen",
  p: "float",
  c: "captions",
  "?": "help",
};
const HELD = new Set([",", "."]); // those that go on while they are held down
const WRITES = "input:not([type=range]), textarea, select, [contenteditable]";
const PRESSED = "a, button, summary, select, input, [role=slider]"; // what the space bar presses itself

/** The player that a key is for: the one that has the focus, the one of this page, or the one that was used last. */
function meant(target) {
  const own = players.get(target.closest(".player"));
  const page = players.get(document.querySelector("main.asset .player"));
  return [own, page, last].find((player) => player?.usable);
}

document.addEventListener("fullscreenchange", () => {
  for (const box of document.querySelectorAll(".player")) players.get(box)?.tell();
});

document.addEventListener("keydown", (event) => {
  const { target, key, code, repeat } = event;
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || target.closest(WRITES)) return;
  if (document.querySelector("dialog[open], details[data-menu][open]")) return;
  if (key === " " && target.closest(PRESSED)) return;
  const player = meant(target);
  if (!player) return;
  // Letters are those of the keyboard's places where its script is not Latin.
  const sign = /^[a-z]$/i.test(key) ? key.toLowerCase() : /^Key/.test(code) ? code.slice(3).toLowerCase() : key;
  const rate = RATES.indexOf(player.media.playbackRate);
  const seeks = { j: player.media.currentTime - SEEK, l: player.media.currentTime + SEEK };
  if (/^[0-9]$/.test(sign)) seeks[sign] = (player.length * sign) / 10;
  const film = player.media.tagName === "VIDEO";
  if (sign in seeks) player.seek(seeks[sign]);
  else if (sign === "<" || sign === ">") player.speed(RATES[clamp(rate + (sign === ">" ? 1 : -1), 0, RATES.length - 1)]);
  else if (!KEYS[sign] || (repeat && !HELD.has(sign)) || (!film && /[,.fp]/.test(sign))) return;
  else player[KEYS[sign]]();
  event.preventDefault();
  player.wake();
});
