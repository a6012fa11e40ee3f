
"use strict";
const at = (id) => document.getElementById(id);
const key = new URLSearchParams(location.search).get("token");
const url = (path, more = "") => path + "?" + (key ? "token=" + encodeURIComponent(key) + "&" : "") + more;
const FLOOR = -60; // dBFS at the left end of the meter
const PAST = 300; // s of the plots
const HOLD = 500; // ms after a touch during which a control is not moved from outside
const INK = { warm: "#e8a15c", text: "#eae6df", dim: "#8f8a98", faint: "#3a3644", well: "#1d1b24" };
const STATES = {
  opening: ["wait", "opening"], ok: ["ok", "working"], stalled: ["wait", "not keeping up"], retrying: ["bad", "lost, trying again"],
  unavailable: ["bad", "cannot work here"], closed: ["", "closed"],
};
const AUDIO = {
  opening: "opening", ok: "listening", silent: "connected, but silent", stalled: "stopped coming", lost: "lost, trying again", none: "no sound asked for",
};
const GROUPS = { // title, column, open
  play: ["Play", 0, true], mel: ["Mel: bands push the latent", 1, true], bands: ["Bands", 1, true], clusters: ["Clusters", 1, true],
  pairs: ["Pairs", 1, false], encodec: ["Encodec", 1, false], hearing: ["Hearing", 0, false], gate: ["Gate", 0, true], layers: ["Layers", 1, true],
  transform: ["Transform", 0, true], show: ["Show", 0, true], model: ["Model", 1, false],
};
const s = {}; // the status, as told so far
const values = {}; // present values by address
const controls = new Map(); // what shows them

function put(id, text) { const it = at(id); if (it.textContent !== text) it.textContent = text; }
function make(tag, kind, ...inside) { const it = document.createElement(tag); if (kind) it.className = kind; it.append(...inside); return it; }
function number(id, value, unit) { at(id).replaceChildren(value, unit ? make("i", "", unit) : ""); }
function ms(value) { return value < 10 ? value.toFixed(1) : value.toFixed(0); }
function short(value) {
  if (typeof value !== "number") return value === undefined || value === null ? "" : String(value);
  const size = Math.abs(value);
  return String(Number(value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3)));
}

// the wire ---------------------------------------------------------------------------------------------------------
let wire = null, misses = 0;
const waiting = new Map(); // values on their way out: the last of each address
let leaving = 0;
function connect() {
  wire = new WebSocket(url(location.href.replace(/^http/, "ws").replace(/[?#].*/, "").replace(/\/$/, "") + "/live"));
  wire.onopen = () => { forget(s); forget(values); };
  wire.onmessage = (message) => {
    const news = JSON.parse(message.data);
    if (misses || !picture.src) { misses = 0; look(); }
    take(news);
    wire.send(JSON.stringify({ seen: news.n })); // and only then comes more
  };
  wire.onclose = (why) => {
    wire = null;
    if (++misses > 1) gone(why.code === 1013 ? why.reason : "latentd does not answer");
    setTimeout(connect, why.code === 1013 ? 5000 : 700);
  };
}
function gone(why) {
  at("dot").className = "bad";
  put("summary", why + "; waiting for it");
  put("veil", why);
  at("veil").classList.remove("off");
  forget(s);
}
function forget(things) { for (const key in things) delete things[key]; }
function set(address, value) {
  waiting.set(address, value);
  if (!leaving) leave();
}
function leave() { // at most 30 a second of each
  leaving = 0;
  if (!waiting.size) return;
  if (wire && wire.readyState === WebSocket.OPEN) for (const [address, value] of waiting) wire.send(JSON.stringify({ set: address, value }));
  waiting.clear();
  leaving = setTimeout(leave, 33);
}
let hush = 0;
function say(text) {
  put("said", text);
  at("said").classList.add("on");
  clearTimeout(hush);
  hush = setTimeout(() => at("said").classList.remove("on"), 7000);
}

function take(news) {
  const { n, values: some = {}, refused = [], ...said } = news;
  Object.assign(s, said);
  if (said.table || said.lists) { build(s.table); for (const address in values) show(address); }
  for (const address in some) {
    if (some[address] === null) delete values[address]; else values[address] = some[address];
    show(address);
  }
  for (const [address, sentence] of refused) {
    say(sentence);
    const it = controls.get(address);
    if (it) { it.held = 0; it.row.classList.add("no"); setTimeout(() => it.row.classList.remove("no"), 1500); show(address); }
  }
  if (said.presets) tiles();
  tell(said);
}
function show(address) {
  const it = controls.get(address);
  if (it && !it.busy && performance.now() >= it.held) it.show(values[address]);
  if (/\/route\/\d+\/(source|target)$/.test(address)) dress(address);
  if (address === "/latentd/preset") mark();
  if (address === "/latentd/mapper") unfold();
}

// the controls -----------------------------------------------------------------------------------------------------
function touch(it) { // ours for a moment
  it.held = performance.now() + HOLD;
  clearTimeout(it.later);
  it.later = setTimeout(() => show(it.address), HOLD + 20);
}
function enter(c) { // a number that can be typed
  const it = make("input", "number");
  it.inputMode = "decimal"; it.spellcheck = false; it.autocomplete = "off"; it.name = c.address; it.ariaLabel = c.label;
  it.onfocus = () => it.select();
  it.onkeydown = (e) => { if (e.key === "Enter") it.blur(); if (e.key === "Escape") { it.value = it.before; it.blur(); } };
  it.onchange = () => set(c.address, it.value.trim().replace(",", "."));
  it.write = (value) => { if (document.activeElement !== it) { it.value = it.before = short(value); it.size = Math.max(it.value.length, 2); } };
  return it;
}
function named(c) {
  const unit = { degrees: "°", "picture widths": "", "deviations/s": "σ/s" }[c.unit] ?? c.unit;
  return make("label", "", c.label, unit ? make("i", "", " " + unit) : "");
}
const dragged = new Map(); // sliders, each under a pointer of its own
for (const end of ["pointerup", "pointercancel"]) addEventListener(end, (e) => { // wherever it ends
  const made = dragged.get(e.pointerId);
  dragged.delete(e.pointerId);
  if (made) { made.busy = false; touch(made); }
});
function slider(c) {
  const it = make("input"), typed = enter(c), steep = c.low >= 0 && (c.unit === "s" || c.high / Math.max(c.low, 1) >= 50) ? 3 : 1; // room for small values
  Object.assign(it, { type: "range", min: 0, max: 1000, step: 1, name: c.address, ariaLabel: c.label });
  const paint = () => it.style.setProperty("--at", it.value / 10 + "%");
  const made = { row: make("div", "row", named(c), it, typed) };
  made.show = (value) => { it.value = 1000 * ((value - c.low) / (c.high - c.low || 1)) ** (1 / steep); typed.write(value); paint(); };
  it.oninput = () => {
    touch(made);
    const value = Number((c.low + (c.high - c.low) * (it.value / 1000) ** steep).toPrecision(4));
    set(c.address, value); typed.write(value); paint();
  };
  it.onpointerdown = (e) => { made.busy = true; dragged.set(e.pointerId, made); };
  it.ondblclick = (e) => e.preventDefault();
  if (c.low < 0 && c.high > 0) it.classList.add("both");
  return made;
}
function whole(c) {
  if (c.high - c.low <= 1000) {
    const made = slider(c), it = made.row.querySelector("[type=range]");
    Object.assign(it, { min: c.low, max: c.high });
    made.show = (value) => { it.value = value; made.row.querySelector(".number").write(value); it.style.setProperty("--at", 100 * (value - c.low) / (c.high - c.low || 1) + "%"); };
    it.oninput = () => { touch(made); set(c.address, Number(it.value)); made.show(Number(it.value)); };
    return made;
  }
  const typed = enter(c), roll = make("button", "roll", "another");
  roll.type = "button";
  roll.onclick = () => set(c.address, c.low + Math.floor(Math.random() * (c.high - c.low + 1)));
  return { row: make("div", "row", named(c), roll, typed), show: typed.write };
}
function toggle(c) {
  const it = make("button", "switch", c.label);
  Object.assign(it, { type: "button", name: c.address });
  it.setAttribute("role", "switch");
  const made = { row: make("div", "row one", it), show: (value) => it.setAttribute("aria-checked", value ? "true" : "false") };
  it.onclick = () => { const on = it.getAttribute("aria-checked") === "true" ? 0 : 1; touch(made); made.show(on); set(c.address, on); };
  return made;
}
const listed = (c) => (s.lists || {})[c.list] || [];
const few = (names) => names.length > 1 && names.length < 5 && names.join("").length < 30 && names[0];
function choose(c) {
  const it = make("select");
  if (few(listed(c))) return segments(c, listed(c));
  it.name = c.address; it.ariaLabel = c.label;
  const option = (name) => { const o = make("option", "", name || "–"); o.value = name; return o; };
  it.onchange = () => { touch(made); set(c.address, it.value); };
  const made = { row: make("div", "row", named(c), it) };
  made.show = (value = "") => { if (![...it.options].some((o) => o.value === value)) it.append(option(value)); it.value = value; };
  let known = "";
  made.fit = (names) => {
    if (names.join("\n") === known) return;
    known = names.join("\n");
    const value = it.value;
    it.replaceChildren(...names.map(option));
    if (value) made.show(value);
  };
  made.fit(listed(c));
  return made;
}
function segments(c, names) {
  const all = names.map((name) => { const it = make("button", "", name); it.type = "button"; it.name = c.address; it.value = name; it.onclick = () => { touch(made); made.show(name); set(c.address, name); }; return it; });
  const made = { row: make("div", "row", named(c), make("div", "segments", ...all)) };
  made.show = (value) => all.forEach((it) => it.setAttribute("aria-pressed", it.value === value));
  return made;
}
function button(c) {
  const it = make("button", "press", c.label);
  Object.assign(it, { type: "button", name: c.address });
  it.onclick = () => set(c.address, 1);
  return { row: make("div", "row one", it), show: () => {} };
}
function index(c) { const typed = enter(c); return { row: make("div", "row", named(c), make("span"), typed), show: typed.write }; }
const SHAPES = { number: slider, whole, index, switch: toggle, name: choose, button };
function control(c) { // the one there is, if it can stay: a finger may be on it
  const names = c.shape === "name" ? listed(c) : [], is = JSON.stringify([{ ...c, lacking: 0 }, few(names) ? names : 0]);
  let it = controls.get(c.address);
  if (!it || it.is !== is) {
    it = c.group === "routes" ? cell(c) : SHAPES[c.shape](c);
    Object.assign(it, { address: c.address, is, held: 0, busy: false });
    it.row.title = c.text + "\n" + c.address;
    it.row.append(make("small", "", c.text));
    controls.set(c.address, it);
  } else if (it.fit) it.fit(names);
  it.row.classList.toggle("lacking", c.lacking);
  return it.row;
}
function lay(place, rows) { // who stays is not touched
  for (const it of [...place.children]) if (!rows.includes(it)) it.remove();
  let next = place.firstElementChild;
  for (const row of rows) if (row === next) next = next.nextElementSibling; else place.insertBefore(row, next);
}

const groups = new Map(); // by name, also those that are not there now: they come back as they were
function grouped(name) {
  if (!groups.has(name)) {
    const [title, column, open] = GROUPS[name] || [name[0].toUpperCase() + name.slice(1), 0, false], inside = make("div");
    const it = make("details", "card group", make("summary", "", title), inside);
    it.id = "group-" + name;
    it.open = open && (innerWidth > 700 || name === "play");
    it.firstChild.onclick = () => { it.dataset.own = 1; }; // from now on nobody else opens or closes it
    groups.set(name, { it, column, inside });
  }
  return groups.get(name);
}
function build(table) {
  const known = new Set(table.map((c) => c.address)), of = (name) => table.filter((c) => c.group === name);
  for (const address of [...controls.keys()]) if (!known.has(address)) controls.delete(address);
  const names = [...new Set([...Object.keys(GROUPS), ...table.map((c) => c.group)])].filter((name) => name !== "hand" && name !== "routes" && of(name).length);
  const made = names.map((name) => { const group = grouped(name); lay(group.inside, of(name).map(control)); return group; });
  [...at("columns").children].forEach((place, column) => lay(place, made.filter((group) => group.column === column).map((group) => group.it)));
  lay(at("hand"), of("hand").map(control));
  const slots = new Map();
  for (const c of of("routes")) { const slot = c.address.split("/")[3]; slots.set(slot, [...slots.get(slot) || [], control(c)]); }
  lay(at("rows"), [...slots].map(([slot, cells]) => route(slot, cells)));
  unfold();
}
function unfold() { // what the mapper in force listens to; the others' are a touch away
  const of = { mel: ["mel", "bands"], clusters: ["clusters"], pairs: ["pairs"], encodec: ["encodec"] }, now = values["/latentd/mapper"];
  if (!now) return;
  for (const mapper in of) for (const name of of[mapper]) {
    const it = groups.has(name) && groups.get(name).it;
    if (!it || it.dataset.now === now) continue;
    it.dataset.now = now;
    it.classList.toggle("idle", mapper !== now);
    if (!it.dataset.own) it.open = mapper === now && innerWidth > 700;
  }
}
function route(slot, cells) {
  let row = at("route-" + slot);
  if (!row) {
    const drop = make("button", "drop", "×");
    Object.assign(drop, { type: "button", title: "Remove this route" });
    drop.onclick = () => { set(`/latentd/route/${slot}/source`, ""); set(`/latentd/route/${slot}/target`, ""); };
    row = make("div", "route", drop);
    row.id = "route-" + slot; row.hidden = true;
  }
  lay(row, [...cells, row.querySelector(".drop")]);
  return row;
}
function cell(c) { // of a route
  const words = { source: "sound", target: "moves", low: "from", high: "to", attack: "rise, s", release: "fall, s" };
  const name = c.address.split("/").slice(4).join("/"), it = c.shape === "name" ? choose(c) : {};
  if (c.shape !== "name") { const typed = enter(c); it.row = make("div", "", make("label", "", ""), typed); it.show = typed.write; }
  it.row.firstChild.textContent = words[name] || name;
  it.row.className = "cell " + name;
  return it;
}
function dress(address) {
  const row = at("route-" + address.split("/")[3]), whose = address.replace(/[^/]+$/, "");
  if (row) row.hidden = !(values[whose + "source"] || values[whose + "target"]);
}
at("add").onclick = () => {
  const free = [...at("rows").children].find((row) => row.hidden);
  if (free) set(`/latentd/route/${free.id.slice(6)}/source`, "rms"); else say("All routes are in use; remove one.");
};

// the presets ------------------------------------------------------------------------------------------------------
const tiled = new Map();
function tiles() {
  lay(at("tiles"), s.presets.map(([name, title, stamp]) => {
    const it = tiled.get(name) || tile(name);
    it.title = title || name;
    if (it.dataset.stamp === String(stamp)) return it;
    it.dataset.stamp = stamp;
    const image = it.querySelector("img") || make("img");
    image.alt = "";
    if (stamp) { image.src = url("thumbs/" + name + ".jpg", "n=" + stamp); it.prepend(image); } else image.remove();
    return it;
  }));
  mark();
}
function tile(name) {
  const it = make("button", "tile", make("span", "", name));
  Object.assign(it, { type: "button", value: name });
  let hue = 0;
  for (const letter of name) hue = (hue * 37 + letter.codePointAt(0) * 53) % 360;
  it.style.setProperty("--hue", hue);
  it.onclick = () => set("/latentd/preset", name);
  tiled.set(name, it);
  return it;
}
function mark() {
  const now = values["/latentd/preset"];
  for (const it of at("tiles").children) it.setAttribute("aria-pressed", it.value === now);
  const here = (s.presets || []).find(([name]) => name === now);
  put("preset", here ? here[1] || here[0] : now || "");
}
at("prev").onclick = () => set("/latentd/preset/prev", 1);
at("next").onclick = () => set("/latentd/preset/next", 1);
at("save").onsubmit = (e) => {
  e.preventDefault();
  const name = at("name").value.trim().toLowerCase().replace(/\s+/g, "-");
  if (name) set("/latentd/preset/save", name);
  at("name").value = "";
};

// the picture ------------------------------------------------------------------------------------------------------
const picture = at("picture");
let stream = true, again = 0;
function look() {
  clearTimeout(again);
  if (document.hidden) { picture.removeAttribute("src"); return; } // nothing is encoded for nobody
  picture.src = url(stream ? "stream.mjpg" : "frame.png", "n=" + Date.now());
}
picture.onload = () => {
  picture.classList.add("on");
  reshape();
  if (!stream) again = setTimeout(look, 500);
};
let shape = 1;
function reshape() {
  const now = picture.naturalWidth / picture.naturalHeight;
  if (now && now !== shape) document.documentElement.style.setProperty("--shape", shape = now);
}
at("alone").href = url("view");
picture.onerror = () => { stream = !stream; clearTimeout(again); again = setTimeout(look, 1000); };
document.onvisibilitychange = look;
at("full").onclick = () => document.fullscreenElement ? document.exitFullscreen() : at("frame").requestFullscreen();
at("frame").ondblclick = at("full").onclick;
at("frame").onclick = () => { if (at("frame").classList.contains("small")) scrollTo({ top: 0, behavior: "smooth" }); };
at("explain").onclick = () => at("explain").setAttribute("aria-pressed", document.body.classList.toggle("explained"));
new IntersectionObserver(([seen]) => at("frame").classList.toggle("small", !seen.isIntersecting && innerWidth < 992)).observe(at("stage"));

// words and numbers ------------------------------------------------------------------------------------------------
function tell(said) {
  if (!s.sinks) return;
  const a = s.audio, trouble = s.sinks.some((k) => k.state === "retrying" || k.state === "unavailable") || a.state === "lost" || a.state === "stalled";
  at("dot").className = trouble ? "bad" : "good";
  const how = [values["/latentd/blackout"] ? ", black" : "", values["/latentd/freeze"] ? ", frozen" : "", trouble ? ", with something to mend" : ""].join("");
  put("summary", s.fps > 0 ? "Running" + how : "Starting");
  if (said.standing) { at("standing").replaceChildren(...s.standing.map((words) => make("span", /^(black|frozen|lit)/.test(words) ? "warm" : "", words))); at("standing").hidden = !s.standing.length; }
  at("look").classList.toggle("shown", Boolean(s.show)); // words that stay have their place, those of a moment move no switch
  put("what", [s.model.name, s.mapper].filter(Boolean).join(" · "));
  at("veil").classList.toggle("off", s.frame_index > 0);
  reshape();
  put("veil", "Waiting for the first picture…");
  put("audio", AUDIO[a.state] || a.state);
  put("heard", [a.device || a.source.replace(/^file:.*[\\/]/, ""), a.overruns ? a.overruns + (a.overruns === 1 ? " gap" : " gaps") : ""].filter(Boolean).join(" · "));
  put("db", a.gate_open && a.rms_db !== null ? a.rms_db.toFixed(0) + " dB" : "silence");
  if (said.features) hear(said.features);
  if (said.sinks || said.sync) at("sinks").replaceChildren(...s.sinks.map(sink), ...(s.sync ? [wall(s.sync)] : []));
  if (said.errors || said.up) at("errors").replaceChildren(...(s.errors.length ? s.errors.map(fault) : [make("li", "none", "Nothing so far.")]));
  put("foot", `latentd ${s.version} · ${s.model.name}, ${s.model.resolution} × ${s.model.resolution} · ${s.model.engine}, ${s.model.precision} · ` +
    `up ${s.up} · ${s.frame_index.toLocaleString()} pictures · OSC ${s.osc.applied} applied, ${s.osc.refused} refused`);
}
function fault(e) {
  return make("li", "", make("time", "", when(e.time) + (e.count > 1 ? ` · ${e.count.toLocaleString()} times since ${when(e.since)}` : "")), e.text);
}
function when(time) { // here; a time of day alone says little after a day
  const then = new Date(time);
  return Date.now() - then < 864e5 ? then.toLocaleTimeString() : then.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}
function sink(k) {
  const [kind, words] = STATES[k.state] || ["", k.state], more = k.about ? [k.about] : [];
  if (k.receivers !== null) more.push(k.receivers === 1 ? "1 watching" : k.receivers + " watching");
  if (k.replaced) more.push(k.replaced + " left out");
  if (k.state !== "ok" && k.last_error) more.push(k.last_error);
  const li = make("li", "", make("i", kind), make("b", "", k.name), make("span", "", words + (k.state === "ok" && k.latency_ms !== null ? " · " + ms(k.latency_ms) + " ms" : "")));
  if (more.length) li.append(make("small", "", more.join(" · ")));
  return li;
}

function wall(w) { // this screen among others
  const behind = (lag) => lag > 0 ? `${lag} ${lag === 1 ? "frame" : "frames"} behind` : "";
  const n = w.screens.length, found = w.role === "leader" || w.leader;
  const words = w.role === "leader" ? `leads ${n} ${n === 1 ? "follower" : "followers"}` : found ? "follows " + w.leader : "looks for its leader";
  const li = make("li", "", make("i", found ? "ok" : "wait"), make("b", "", "sync"), make("span", "", [words, behind(w.frame_lag)].filter(Boolean).join(" · ")));
  const late = w.screens.filter((one) => one.frame_lag > 0).map((one) => one.name + " " + behind(one.frame_lag));
  if (late.length) li.append(make("small", "", late.join(" · ")));
  return li;
}

// the last minutes -------------------------------------------------------------------------------------------------
const past = { fps: [], time: [], late: [] };
setInterval(() => {
  const now = performance.now() / 1000, of = { fps: s.fps, time: s.frame_ms?.p50, late: s.latency_ms?.p50 };
  for (const name in past) {
    if (typeof of[name] === "number") past[name].push([now, of[name]]);
    while (past[name].length && past[name][0][0] < now - PAST) past[name].shift();
    plot(at(name + "-past"), past[name], now);
  }
  if (s.fps === undefined) return;
  number("fps", s.fps.toFixed(1));
  if (s.frame_ms) number("time", ms(s.frame_ms.p50), "ms");
  if (s.latency_ms) number("late", ms(s.latency_ms.p50), "ms");
  at("time").parentElement.title = s.frame_ms ? `95 of 100 take up to ${ms(s.frame_ms.p95)} ms` : "";
  at("late").parentElement.title = s.latency_ms ? `95 of 100 take up to ${ms(s.latency_ms.p95)} ms` : "";
}, 1000);
function plot(canvas, points, now) {
  const [pen, w, h] = sheet(canvas), top = 1.15 * Math.max(...points.map(([, v]) => v), 1e-3);
  const span = Math.min(Math.max(now - (points[0] || [now])[0], 30), PAST), x = (t) => w - (now - t) / span * w, y = (v) => h - 1.5 - v / top * (h - 3);
  pen.strokeStyle = INK.faint; pen.lineWidth = 1;
  pen.beginPath(); pen.moveTo(0, h - 0.5); pen.lineTo(w, h - 0.5); pen.stroke();
  pen.strokeStyle = INK.warm; pen.lineWidth = 1.5; pen.lineJoin = "round";
  pen.beginPath();
  points.forEach(([t, v], i) => i && t - points[i - 1][0] < 4 ? pen.lineTo(x(t), y(v)) : pen.moveTo(x(t), y(v))); // else nobody looked
  pen.stroke();
}
function sheet(canvas) { // a clean one, as sharp as the screen
  const ratio = devicePixelRatio || 1, w = canvas.clientWidth, h = canvas.clientHeight, pen = canvas.getContext("2d");
  if (canvas.width !== Math.round(w * ratio) || canvas.height !== Math.round(h * ratio)) { canvas.width = Math.round(w * ratio); canvas.height = Math.round(h * ratio); }
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, w, h);
  return [pen, w, h];
}

// what moves -------------------------------------------------------------------------------------------------------
let bars = [], peaks = [], marks = [], level = 0, peak = 0, before = 0, beat = { bpm: 0, phase: 0, sure: 0, at: 0 }, target = [], heard = [], over = -1;
function hear(f) {
  target = Object.keys(f).filter((n) => n.startsWith("band/")).sort((a, b) => a.slice(5) - b.slice(5)).map((n) => f[n]);
  heard = Object.keys(f).filter((n) => !/^(band|beat)\/|^(rms_db|gate)$/.test(n)).map((n) => [n, f[n]]);
  beat = { bpm: f["beat/bpm"] || 0, phase: f["beat/phase"] || 0, sure: f["beat/confidence"] || 0, at: performance.now() };
  put("valued", over >= 0 && heard[over] ? `${heard[over][0]} ${heard[over][1].toFixed(2)}` : "");
}
at("levels").onpointermove = (e) => { over = Math.floor(e.offsetX / at("levels").clientWidth * heard.length); };
at("levels").onpointerleave = () => { over = -1; };
function draw(now) {
  requestAnimationFrame(draw);
  if (now - before < 30) return; // the machine has pictures to make
  const dt = Math.min((now - before) / 1000, 0.1), near = 1 - Math.exp(-dt / 0.05), fall = Math.exp(-dt / 0.8);
  before = now;
  const open = Boolean(s.audio && s.audio.gate_open);
  if (target.length !== bars.length) { bars = target.map(() => 0); peaks = target.map(() => 0); }
  bars = bars.map((v, i) => v + ((s.audio ? target[i] : 0) - v) * near);
  peaks = peaks.map((v, i) => Math.max(v * fall, bars[i]));
  drawBands(open);
  drawBeat(now, near);
  if (marks.length !== heard.length) marks = heard.map(() => 0);
  marks = marks.map((v, i) => v + (heard[i][1] - v) * near);
  drawLevels(open);
  const db = s.audio && s.audio.rms_db !== null ? s.audio.rms_db : FLOOR, share = (v) => (100 * v).toFixed(2) + "%";
  level += (Math.min(Math.max((db - FLOOR) / -FLOOR, 0), 1) - level) * near;
  peak = Math.max(peak - dt * 0.15, level);
  at("level").style.transform = `scaleX(${level.toFixed(4)})`;
  at("peak").style.left = `calc(${share(peak)} - 2px)`;
  at("meter").classList.toggle("open", open);
  const gate = values["/latentd/gate"];
  at("gate").hidden = typeof gate !== "number" || gate < FLOOR;
  if (typeof gate === "number") at("gate").style.left = share(Math.min(Math.max((gate - FLOOR) / -FLOOR, 0), 1));
}
function drawBands(open) {
  const [pen, w, h] = sheet(at("bands")), n = bars.length, gap = n > 24 ? 2 : 6, wide = n ? (w - gap * (n - 1)) / n : 0;
  bars.forEach((v, i) => {
    const x = i * (wide + gap), tall = Math.max(3, Math.min(v, 1) * (h - 4)), hue = 10 + 30 * i / Math.max(n - 1, 1);
    pen.fillStyle = INK.well; round(pen, x, 0, wide, h);
    pen.fillStyle = `hsl(${hue} ${open ? 72 : 18}% ${open ? 52 + 14 * v : 36}%)`; round(pen, x, h - tall, wide, tall);
    if (peaks[i] > 0.02) { pen.fillStyle = INK.text + "b0"; pen.fillRect(x + 2, Math.max(h - 2 - Math.min(peaks[i], 1) * (h - 4), 0), wide - 4, 1.5); }
  });
}
function drawLevels(open) {
  const [pen, w, h] = sheet(at("levels")), n = heard.length, kinds = heard.map(([name]) => name.split("/")[0]);
  const step = w / Math.max(n, 1);
  marks.forEach((v, i) => {
    const hue = kinds[i] === "chroma" ? 200 : kinds[i] === "mfcc" ? 265 : 32;
    pen.fillStyle = INK.well; round(pen, i * step, 0, step - 2, h);
    pen.fillStyle = `hsl(${hue} ${open ? 45 : 12}% ${i === over ? 80 : open ? 62 : 40}%)`; round(pen, i * step, h - Math.max(2, v * h), step - 2, Math.max(2, v * h));
  });
}
let glow = 0;
function drawBeat(now, near) {
  const [pen, w, h] = sheet(at("beat")), r = Math.min(w, h) / 2 - 4, phase = (beat.phase + (now - beat.at) / 1000 * beat.bpm / 60) % 1;
  glow += (beat.sure - glow) * near;
  const sure = Math.min(1, glow * 1.5);
  pen.lineWidth = 3; pen.lineCap = "round";
  pen.strokeStyle = INK.well; ring(0, 1);
  pen.strokeStyle = INK.warm; pen.globalAlpha = 0.15 + 0.85 * sure; ring(0, sure > 0.05 ? phase : 0);
  pen.fillStyle = INK.warm; pen.globalAlpha = sure * 0.5 * Math.exp(-4 * phase);
  pen.beginPath(); pen.arc(w / 2, h / 2, r - 5, 0, 7); pen.fill();
  pen.globalAlpha = 0.4 + 0.6 * sure; pen.fillStyle = sure > 0.1 ? INK.text : INK.dim; pen.textAlign = "center"; pen.textBaseline = "middle";
  pen.font = `500 ${Math.round(r * 0.5)}px system-ui, sans-serif`; pen.fillText(beat.bpm > 0 && sure > 0.1 ? beat.bpm.toFixed(0) : "–", w / 2, h / 2 - r * 0.08);
  pen.font = `${Math.round(r * 0.26)}px system-ui, sans-serif`; pen.fillStyle = INK.dim; pen.fillText("bpm", w / 2, h / 2 + r * 0.38);
  pen.globalAlpha = 1;
  function ring(from, to) { if (to > from) { pen.beginPath(); pen.arc(w / 2, h / 2, r, (from - 0.25) * 2 * Math.PI, (to - 0.25) * 2 * Math.PI); pen.stroke(); } }
}
function round(pen, x, y, w, h) { pen.beginPath(); pen.roundRect(x, y, w, h, Math.max(0, Math.min(4, w / 2, h / 2))); pen.fill(); }

connect();
requestAnimationFrame(draw);
