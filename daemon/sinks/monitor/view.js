// The picture alone, for a browser source or a second screen. ?fit=cover or fill; ?film=0 for JPEGs only.
"use strict";
const asked = new URLSearchParams(location.search), at = (id) => document.getElementById(id);
const key = asked.get("token"), query = (more) => (key ? "token=" + encodeURIComponent(key) + "&" : "") + more;
const film = at("film"), stills = at("stills"), veil = at("veil");
document.body.className = ["cover", "fill"].includes(asked.get("fit")) ? asked.get("fit") : "";
let again = 0;

function lost(words) {
  veil.classList.remove("off");
  veil.textContent = words || "latentd does not answer; trying again…";
  clearTimeout(again);
  again = setTimeout(begin, 1000);
}

// read here, not shown by <img>: that keeps its last picture for ever and tells nobody that the stream has ended
async function jpegs() {
  film.hidden = true;
  stills.hidden = false;
  let words = "";
  try {
    const answer = await fetch("stream.mjpg?" + query(""), { cache: "no-store" });
    if (answer.ok) await show(answer.body.getReader()); else words = await answer.text();
  } catch (why) { console.info("no stream: " + why); }
  lost(words);
}

async function show(reader) {
  const pen = stills.getContext("2d");
  let held = new Uint8Array(0);
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const more = new Uint8Array(held.length + value.length);
    more.set(held);
    more.set(value, held.length);
    held = more;
    for (let part; (part = /Content-Length: (\d+)\r\n\r\n/.exec(String.fromCharCode(...held.subarray(0, 200))));) {
      const from = part.index + part[0].length, to = from + Number(part[1]);
      if (held.length < to) break;
      const picture = await createImageBitmap(new Blob([held.subarray(from, to)], { type: "image/jpeg" }));
      if (stills.width !== picture.width) stills.width = picture.width;
      if (stills.height !== picture.height) stills.height = picture.height;
      pen.drawImage(picture, 0, 0);
      picture.close();
      veil.classList.add("off");
      held = held.subarray(to);
    }
  }
}

async function films() {
  film.hidden = false;
  stills.hidden = true;
  const peer = new RTCPeerConnection({ iceServers: [] });
  peer.addTransceiver("video", { direction: "recvonly" });
  peer.ontrack = ({ track }) => { film.srcObject = new MediaStream([track]); };
  await peer.setLocalDescription(await peer.createOffer());
  await new Promise((done) => { // the addresses are in the offer: it goes once
    setTimeout(done, 2000);
    peer.onicegatheringstatechange = () => peer.iceGatheringState === "complete" && done();
    if (peer.iceGatheringState === "complete") done();
  });
  const wire = new WebSocket(new URL("view/film?" + query(""), location.href).href.replace(/^http/, "ws"));
  let shown = false, over = false;
  const end = (other) => {
    if (over) return;
    over = true;
    peer.close();
    wire.close();
    if (other) jpegs(); else lost();
  };
  film.onplaying = () => { shown = true; veil.classList.add("off"); };
  wire.onopen = () => wire.send(JSON.stringify({ sdp: peer.localDescription.sdp }));
  wire.onmessage = ({ data }) => peer.setRemoteDescription({ type: "answer", sdp: JSON.parse(data).sdp }).catch(() => end(true));
  wire.onclose = ({ reason }) => { if (reason) console.info(reason); end(!shown); };
  peer.onconnectionstatechange = () => { if (peer.connectionState === "failed") end(!shown); };
  setTimeout(() => { if (!shown) end(true); }, 8000); // no way between the two: pictures come over HTTP
}

function begin() {
  if (asked.get("film") === "0" || !window.RTCPeerConnection) jpegs(); else films().catch(jpegs);
}
begin();
