// An OSCQuery client of others' making: npm's oscquery reads HTTP, ws is the WebSocket, node-osc the OSC in its frames.
//   node querier.mjs PORT    commands as lines of JSON on stdin, what is read and heard as lines of JSON on stdout
import { createInterface } from 'node:readline';
import { decode, encode, Message } from 'node-osc';
import oscquery from 'oscquery';
import WebSocket from 'ws';

const port = Number(process.argv[2]);
const told = (...message) => console.log(JSON.stringify(message));
const service = new oscquery.DiscoveredService('127.0.0.1', port);
let socket;

async function read() {
  await service.update();
  const { hostInfo } = service;
  told('host', hostInfo);
  told('methods', Object.fromEntries(service.flat().map((method) => [method.full_path, method])));
  return hostInfo;
}

function connect({ wsIp, wsPort }) {
  socket = new WebSocket(`ws://${wsIp}:${wsPort}/`);
  socket.on('open', () => told('open'));
  socket.on('message', (data, binary) => {
    if (!binary) return told('news', JSON.parse(data));
    const { address, args } = decode(data);
    return told(address, ...args.map((arg) => arg?.value ?? arg));
  });
}

read().then(connect).catch((error) => { told('error', String(error.stack)); process.exit(1); });

const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
  const { command, message, again } = JSON.parse(line);
  if (command) socket.send(JSON.stringify(command));
  else if (message) socket.send(encode(new Message(...message)));
  else if (again) read().catch((error) => told('error', String(error)));
});
lines.on('close', () => process.exit(0));
