
"use strict";
const at = (id) => document.getElementById(id);
const key = new URLSearchParams(location.search).get("token");
const url = (path, more = "") => path + "?" + (key ? "token=" + encodeURIComponent(key) + "&" : "") + more;
const FLOOR = -60; // dBFS at the left end of the meter
const STATES = {
  opening: ["wait", "opening"], ok: ["ok", "working"], stalled: ["wait", "not keeping up"], retrying: ["bad", "lost, trying again"],
  unavailable: ["bad", "cannot work here"], closed: ["", "closed"],
};
const AUDIO = {
  opening: "opening", ok: "listening", silent: "connected, but silent", stalled: "stopped coming", lost: "lost, trying again", none: "no sound asked for",
};
let said = null, misses = 0, shown = {}, turn = 0;

function put(id, text) { const it = at(id); if (it.textContent !== text) it.textContent = text; }
function make(tag, text, kind) { const it = document.createElement(tag); it.textContent = text; if (kind) it.className = kind; return it; }
function number(id, value, unit) {
  const it = at(id);
  it.replaceChildren(document.createTextNode(value));
  if (unit) it.append(make("i", unit));
}
function ms(value) { return value < 10 ? value.toFixed(1) : value.toFixed(0); }
function short(value) {
  if (typeof value !== "number") return value === "" ? "–" : String(value);
  return Number.isInteger(value) ? String(value) : String(Math.round(value * 1000) / 1000);
}

// the picture ------------------------------------------------------------------------------------------------------
const picture = at("picture");
let stream = true, again = 0;
function look() {
  clearTimeout(again);
  picture.src = url(stream ? "stream.mjpg" : "frame.png", "n=" + Date.now());
}
picture.onload = () => {
  picture.classList.add("on");
  if (!stream) again = setTimeout(() => { if (turn % 20 === 0) stream = true; look(); }, 500);
};
picture.onerror = () => { stream = !stream; clearTimeout(again); again = setTimeout(look, 1000); };
at("full").onclick = () => document.fullscreenElement ? document.exitFullscreen() : at("frame").requestFullscreen();
at("frame").ondblclick = at("full").onclick;

// words and numbers ------------------------------------------------------------------------------------------------
function tell(s) {
  const trouble = s.sinks.some((k) => k.state === "retrying" || k.state === "unavailable") || s.audio.state === "lost" || s.audio.state === "stalled";
  at("dot").className = trouble ? "bad" : "good";
  put("summary", s.fps > 0 ? (trouble ? "Running, with something to mend" : "Running") : "Starting");
  put("what", [s.model.name, s.mapper].filter(Boolean).join(" · "));
  number("fps", s.fps.toFixed(1));
  if (s.frame_ms) { number("time", ms(s.frame_ms.p50), "ms"); put("slow", "up to " + ms(s.frame_ms.max) + " ms"); }
  if (s.latency_ms) { number("late", ms(s.latency_ms.p50), "ms"); put("lateslow", "up to " + ms(s.latency_ms.p95) + " ms"); }
  const a = s.audio;
  put("audio", AUDIO[a.state] || a.state);
  put("heard", [a.device || a.source.replace(/^file:.*[\\/]/, ""), a.overruns ? a.overruns + " gaps" : ""].filter(Boolean).join(" · "));
  put("db", a.gate_open && a.rms_db !== null ? a.rms_db.toFixed(0) + " dB" : "silence");
  at("sinks").replaceChildren(...s.sinks.map((k) => {
    const [kind, words] = STATES[k.state] || ["", k.state], li = make("li", ""), more = [];
    if (k.receivers !== null) more.push(k.receivers === 1 ? "1 watching" : k.receivers + " watching");
    if (k.replaced) more.push(k.replaced + " left out");
    if (k.state !== "ok" && k.last_error) more.push(k.last_error);
    li.append(make("i", "", kind), make("b", k.name), make("span", words + (k.state === "ok" && k.latency_ms !== null ? " · " + ms(k.latency_ms) + " ms" : "")));
    if (more.length) li.append(make("small", more.join(" · ")));
    return li;
  }));
  put("preset", s.preset || "");
  const rows = Object.entries(s.params).filter(([name]) => !/\/preset(\/|$)/.test(name));
  const body = at("params");
  if (body.rows.length !== rows.length) {
    body.replaceChildren(...rows.map(([name]) => { const tr = make("tr", ""); tr.append(make("td", name.replace("/latentd/", "").replaceAll("/", " ")), make("td", "")); tr.title = name; return tr; }));
  }
  rows.forEach(([name, value], i) => {
    const tr = body.rows[i], text = short(value);
    if (tr.cells[1].textContent === text) return;
    tr.cells[1].textContent = text;
    if (name in shown) { tr.classList.add("new"); setTimeout(() => tr.classList.remove("new"), 900); }
    shown[name] = text;
  });
  at("errors").replaceChildren(...(s.errors.length ? s.errors.slice(0, 12).map((e) => {
    const li = make("li", ""), when = make("time", new Date(e.time).toLocaleTimeString());
    li.append(when, document.createTextNode(e.text));
    return li;
  }) : [make("li", "Nothing so far.", "none")]));
  const up = Math.floor(s.uptime_s), hours = Math.floor(up / 3600), minutes = Math.floor(up / 60) % 60;
  put("foot", `latentd ${s.version} · ${s.model.name}, ${s.model.resolution} × ${s.model.resolution} · ${s.model.engine}, ${s.model.precision} · ` +
    `up ${hours ? hours + " h " : ""}${hours || minutes ? minutes + " min" : up + " s"} · ${s.frame_index.toLocaleString()} pictures`);
}

async function ask() {
  try {
    const answer = await fetch(url("status.json"), { signal: AbortSignal.timeout(3000) });
    if (!answer.ok) throw new Error(await answer.text());
    said = await answer.json();
    if (misses > 2 || !picture.src) { stream = true; look(); }
    misses = 0;
    if (turn++ % 3 === 0) tell(said);
    at("veil").classList.toggle("off", said.frame_index > 0);
    put("veil", "Waiting for the first picture…");
  } catch {
    if (++misses > 2) {
      said = null;
      at("dot").className = "bad";
      put("summary", "latentd does not answer; waiting for it");
      put("veil", "latentd does not answer");
      at("veil").classList.remove("off");
    }
  }
  setTimeout(ask, document.hidden ? 1000 : misses ? 700 : 100);
}

// what moves -------------------------------------------------------------------------------------------------------
const canvas = at("bands"), pen = canvas.getContext("2d");
let bars = [], peaks = [], level = 0, peak = 0, before = 0;
function draw(now) {
  requestAnimationFrame(draw);
  if (now - before < 30) return; // the machine has pictures to make
  const dt = Math.min((now - before) / 1000, 0.1); before = now;
  const target = said ? Object.entries(said.features).filter(([n]) => n.startsWith("band/")).sort((a, b) => a[0].slice(5) - b[0].slice(5)).map(([, v]) => v) : bars.map(() => 0);
  if (target.length !== bars.length) { bars = target.map(() => 0); peaks = target.map(() => 0); }
  const near = 1 - Math.exp(-dt / 0.05), fall = Math.exp(-dt / 0.8);
  bars = bars.map((v, i) => v + (target[i] - v) * near);
  peaks = peaks.map((v, i) => Math.max(v * fall, bars[i]));
  const ratio = devicePixelRatio || 1, w = canvas.clientWidth, h = canvas.clientHeight;
  if (canvas.width !== Math.round(w * ratio)) { canvas.width = Math.round(w * ratio); canvas.height = Math.round(h * ratio); }
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, w, h);
  const n = bars.length, gap = n > 24 ? 2 : 6, wide = n ? (w - gap * (n - 1)) / n : 0;
  const open = said !== null && said.audio.gate_open;
  bars.forEach((v, i) => {
    const x = i * (wide + gap), tall = Math.max(3, Math.min(v, 1) * (h - 4)), hue = 10 + 30 * i / Math.max(n - 1, 1);
    pen.fillStyle = "#1d1b24"; round(x, 0, wide, h);
    pen.fillStyle = `hsl(${hue} ${open ? 72 : 18}% ${open ? 52 + 14 * v : 36}%)`; round(x, h - tall, wide, tall);
    if (peaks[i] > 0.02) { pen.fillStyle = "#eae6dfb0"; pen.fillRect(x + 2, Math.max(h - 2 - Math.min(peaks[i], 1) * (h - 4), 0), wide - 4, 1.5); }
  });
  const db = said && said.audio.rms_db !== null ? said.audio.rms_db : FLOOR;
  const want = Math.min(Math.max((db - FLOOR) / -FLOOR, 0), 1);
  level += (want - level) * near; peak = Math.max(peak - dt * 0.15, level);
  const share = (v) => (100 * v).toFixed(2) + "%";
  at("level").style.transform = `scaleX(${level.toFixed(4)})`;
  at("peak").style.left = `calc(${share(peak)} - 2px)`;
  at("meter").classList.toggle("open", open);
  const gate = said ? said.params["/latentd/gate"] : undefined;
  at("gate").hidden = typeof gate !== "number" || gate < FLOOR;
  if (typeof gate === "number") at("gate").style.left = share(Math.min(Math.max((gate - FLOOR) / -FLOOR, 0), 1));
}
function round(x, y, w, h) { pen.beginPath(); pen.roundRect(x, y, w, h, Math.min(4, w / 2, h / 2)); pen.fill(); }

ask();
requestAnimationFrame(draw);
