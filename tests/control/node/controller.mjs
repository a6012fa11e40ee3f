// A controller made with node-osc: it subscribes, says what its arguments ask for, and writes down what it hears.
//   node controller.mjs PORT    commands as lines of JSON on stdin, messages heard as lines of JSON on stdout
import { createInterface } from 'node:readline';
import { Bundle, Client, Server } from 'node-osc';

const port = Number(process.argv[2]);
const client = new Client('127.0.0.1', port);
const server = new Server(0, '127.0.0.1', () => {
  console.log(JSON.stringify(['listening', server._sock.address().port]));
});
const told = (message) => console.log(JSON.stringify(message));
server.on('message', told);
server.on('bundle', (bundle) => bundle.elements.forEach(told));

const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
  const { bundle, message } = JSON.parse(line);
  if (bundle) client.send(new Bundle(...bundle));
  else client.send(...message);
});
lines.on('close', () => process.exit(0));
