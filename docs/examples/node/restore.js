// Restore a PNG by one of DIN's models: node restore.js HOST:PORT TASK photo.png restored.png
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const grpc = require("@grpc/grpc-js");
const protoLoader = require("@grpc/proto-loader");
const { PNG } = require("pngjs");

const DEADLINE_MS = 120_000;
const LARGEST_MESSAGE = 64 << 20; // bytes; gRPC's own limit is 4 MB

/** The RGB of an RGBA picture, row by row, as the models take it. */
function withoutAlpha(picture) {
  const rgb = Buffer.alloc(picture.width * picture.height * 3);
  for (let i = 0, j = 0; j < rgb.length; i += 4, j += 3) {
    picture.data.copy(rgb, j, i, i + 3);
  }
  return rgb;
}

/** The PNG of the tensor `restored`, [1, height, width, 3]. */
function toPng(shape, rgb) {
  const [height, width] = shape.slice(1).map(Number);
  return PNG.sync.write({ width, height, data: rgb }, { inputColorType: 2, colorType: 2 });
}

function connect(address) {
  const definition = protoLoader.loadSync(path.join(__dirname, "inference.proto"), { keepCase: true });
  const { GRPCInferenceService } = grpc.loadPackageDefinition(definition).inference;
  return new GRPCInferenceService(address, grpc.credentials.createInsecure(), {
    "grpc.max_receive_message_length": LARGEST_MESSAGE,
    "grpc.max_send_message_length": LARGEST_MESSAGE,
  });
}

function restore(client, task, picture) {
  const request = {
    model_name: `din_${task}`,
    inputs: [{ name: "lq", datatype: "UINT8", shape: [1, picture.height, picture.width, 3] }],
    outputs: [{ name: "restored" }],
    raw_input_contents: [withoutAlpha(picture)],
  };
  return new Promise((resolve, reject) => {
    client.ModelInfer(request, { deadline: Date.now() + DEADLINE_MS }, (error, response) =>
      error ? reject(error) : resolve(toPng(response.outputs[0].shape, response.raw_output_contents[0])),
    );
  });
}

async function main() {
  const [address, task, photo, restored] = process.argv.slice(2);
  const client = connect(address);
  try {
    fs.writeFileSync(restored, await restore(client, task, PNG.sync.read(fs.readFileSync(photo))));
  } finally {
    client.close();
  }
}

main().catch((error) => {
  console.error(`${grpc.status[error.code] ?? "error"}: ${(error.details ?? error.message).trim().split("\n").pop()}`);
  process.exitCode = 1;
});
