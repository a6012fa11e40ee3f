
// The picture alone, for a browser source or a second screen. ?fit=cover or fill; ?film=0 for JPEGs only.
"use strict";
const asked = new URLSearchParams(location.search), at = (id) => document.getElementById(id);
const key = asked.get("token"), query = (more) => (key ? "token=" + encodeURIComponent(key) + "&" : "") + more;
const film = at("film"), stills = at("stills"), veil = at("veil");
document.body.className = ["cover", "fill"].includes(asked.get("fit")) ? asked.get("fit") : "";
let way = "", again = 0;

function jpegs() {
  way = "jpeg";
  film.hidden = true;
  stills.hidden = false;
  stills.src = "stream.mjpg?" + query("n=" + Date.now());
}
stills.onload = () => veil.classList.add("off");
stills.onerror = () => { lost(); };

function lost() {
  veil.classList.remove("off");
  veil.textContent = "latentd does not answer; trying again…";
  clearTimeout(again);
  again = setTimeout(begin, 1000);
}

async function films() {
  way = "film";
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
  const wire = new WebSocket(location.href.replace(/^http/, "ws").replace(/view.*$/, "view/film?") + query(""));
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
