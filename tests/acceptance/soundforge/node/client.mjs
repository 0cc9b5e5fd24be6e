// The official client of Phoenix Channels, steered line by line: commands come in as JSON, and
// whatever happens goes out as JSON.
//
//   node client.mjs PACKAGE URL OPTIONS
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(import.meta.url);
const WebSocket = require("ws");
const [name, url, text] = process.argv.slice(2);
const { Socket } = require(name);

const tell = (kind, told = {}) => console.log(JSON.stringify({ kind, ...told }));

class Transport extends WebSocket {
  constructor(...given) {
    super(...given);
    this.on("message", (frame) => tell("frame", { frame: JSON.parse(frame) }));
    this.on("unexpected-response", (_request, answer) =>
      tell("refused", { status: answer.statusCode }),
    );
    this.on("close", (code) => tell("closed", { code }));
  }
}

const socket = new Socket(url, { transport: Transport, ...JSON.parse(text) });
socket.onOpen(() => tell("open"));
socket.onError(() => {});
const channels = new Map();

const commands = {
  connect: () => socket.connect(),
  disconnect: () => socket.disconnect(),
  channel({ as, topic }) {
    const channel = socket.channel(topic, {});
    channels.set(as, channel);
    for (const event of ["job:progress", "job:completed", "job:failed"]) {
      channel.on(event, (payload) => tell("event", { as, event, payload }));
    }
    channel.onClose(() => tell("channel closed", { as }));
    channel.onError(() => tell("channel error", { as }));
  },
  join: ({ as }) => answered("join", as, channels.get(as).join()),
  push: ({ as, event }) => answered("push", as, channels.get(as).push(event, {})),
  leave: ({ as }) => answered("leave", as, channels.get(as).leave()),
};

function answered(kind, as, push) {
  for (const status of ["ok", "error", "timeout"]) {
    push.receive(status, (response) => tell(kind, { as, status, response }));
  }
}

createInterface({ input: process.stdin })
  .on("line", (line) => {
    const { do: command, ...given } = JSON.parse(line);
    commands[command](given);
  })
  .on("close", () => process.exit(0));
