// A second topic for the broker within order-producer. It makes only its own, knows no CreateTopics, and, like a broker with
// auto.create.topics.enable, makes a topic that is asked about. So this asks: a Metadata request, version 1 of Kafka's protocol.

import { connect } from "node:net";

const METADATA = 3;
const VERSION = 1;

export function createTopic(broker, name) {
  const [host, port] = broker.split(":");
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), host, () => socket.write(metadataRequest(name)));
    socket.setTimeout(5000, () => socket.destroy(new Error(`the broker at ${broker} does not answer`)));
    socket.once("error", reject);
    socket.once("data", () => {
      socket.end();
      resolve();
    });
  });
}

function metadataRequest(topic) {
  const text = (value) => {
    const bytes = Buffer.from(value);
    const length = Buffer.alloc(2);
    length.writeInt16BE(bytes.length);
    return Buffer.concat([length, bytes]);
  };
  const head = Buffer.alloc(8);
  head.writeInt16BE(METADATA, 0);
  head.writeInt16BE(VERSION, 2);
  head.writeInt32BE(1, 4);
  const count = Buffer.alloc(4);
  count.writeInt32BE(1);
  const body = Buffer.concat([head, text("browser-tests"), count, text(topic)]);
  const size = Buffer.alloc(4);
  size.writeInt32BE(body.length);
  return Buffer.concat([size, body]);
}
