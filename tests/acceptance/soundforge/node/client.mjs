// Official clients of Phoenix Channels in one process, steered line by line: commands come in as
// JSON, and whatever happens to which client goes out as JSON.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(import.meta.url);
const WebSocket = require("ws");
const EVENTS = [
  "job:progress",
  "job:completed",
  "job:failed",
  "pipeline:progress",
  "pipeline:complete",
];

class Client {
  constructor(on, { package: name, url, options, headers }) {
    this.on = on;
    this.channels = new Map();
    const { Socket } = require(name);
    this.socket = new Socket(url, { transport: transport(this, headers), ...options });
    this.socket.onOpen(() => this.tell("open"));
    this.socket.onError(() => {});
    this.socket.connect();
  }

  tell(kind, told = {}) {
    console.log(JSON.stringify({ on: this.on, kind, ...told }));
  }

  channel({ as, topic }) {
    const channel = this.socket.channel(topic, {});
    this.channels.set(as, channel);
    for (const event of EVENTS) {
      channel.on(event, (payload) => this.tell("event", { as, event, payload }));
    }
    channel.onClose(() => this.tell("channel closed", { as }));
    channel.onError(() => this.tell("channel error", { as }));
  }

  join({ as }) {
    this.answered("join", as, this.channels.get(as).join());
  }

  push({ as, event }) {
    this.answered("push", as, this.channels.get(as).push(event, {}));
  }

  leave({ as }) {
    this.answered("leave", as, this.channels.get(as).leave());
  }

  disconnect() {
    this.tell = () => {};
    this.socket.disconnect();
  }

  answered(kind, as, push) {
    for (const status of ["ok", "error", "timeout"]) {
      push.receive(status, (response) => this.tell(kind, { as, status, response }));
    }
  }
}

function transport(client, headers) {
  return class extends WebSocket {
    constructor(url, protocols) {
      super(url, protocols, { headers });
      this.on("message", (frame) => client.tell("frame", { frame: JSON.parse(frame) }));
      this.on("error", ({ message }) => {
        const refused = /^Unexpected server response: (\d+)$/.exec(message);
        if (refused) client.tell("refused", { status: Number(refused[1]) });
      });
      this.on("close", (code) => client.tell("closed", { code }));
    }
  };
}

const clients = new Map();

createInterface({ input: process.stdin })
  .on("line", (line) => {
    const { on, do: command, ...given } = JSON.parse(line);
    if (command === "connect") clients.set(on, new Client(on, given));
    else clients.get(on)[command](given);
  })
  .on("close", () => process.exit(0));
