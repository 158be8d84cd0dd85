import { MAX_MESSAGE_BYTES } from "../../sidecar/protocol";
import { goldenCheckpoint } from "../cli/fixtures";
import { framed } from "../server/raw-client";
import type { Random } from "./random";

/** Something that no client should send, or only with other values. */
export interface HostileMessage {
  readonly bytes: Uint8Array;
  /** The request that must be answered once, whatever with; null where no answer can be asked for. */
  readonly id: string | number | null;
  /** Whether the server may take what follows for a part of it. */
  readonly losesTrack: boolean;
}

/** What a message may be about. `newId` gives ids that were not used before, `usedIds` are those that were. */
export interface Subject {
  readonly folder: string;
  readonly newId: () => string | number;
  readonly usedIds: readonly (string | number)[];
}

type Kind = (random: Random, subject: Subject) => HostileMessage;

/** A message of a random kind, some kinds more often than others. */
export function hostileMessage(random: Random, subject: Subject): HostileMessage {
  return random.pick(KINDS)(random, subject);
}

/** The methods of the protocol and of LSP, others, and names that JavaScript's objects have by themselves. */
const METHODS = [
  ...["sana/status", "sana/models", "sana/estimate", "sana/unload", "sana/inspectImage", "sana/generate"],
  ...["initialize", "sana/unheard-of", "textDocument/hover", "workspace/executeCommand", "rpc.discover"],
  ...["__proto__", "constructor", "toString", "hasOwnProperty", "", " ", "sana/status\u0000", "🦊", "x".repeat(5000)],
];
const NOTIFICATIONS = [
  ...["$/cancelRequest", "$/setTrace", "$/progress", "initialized", "textDocument/didOpen", "window/logMessage"],
  ...["sana/preview", "sana/queue", "sana/unload", "$/", "workspace/didChangeConfiguration", "constructor"],
];
/** None of them can be written to or is a picture. */
const PATHS = ["", "/", "/dev/zero", "/dev/null", "/dev/tty", "/proc/self/mem", "/nowhere/x.png", "x.png", "/\u0000"];
const KEYS = ["token", "prompt", "width", "steps", "image", "output", "model", "folders", "path", "__proto__", "🦊"];

const junkBytes: Kind = (random) => ({
  bytes: random.chance(0.5)
    ? Buffer.from(Array.from({ length: 1 + random.below(3000) }, () => random.below(256)))
    : Buffer.from(random.pick(["\r\n\r\n", "Content-Length: \r\n\r\n", "Content-Length: 5", "GET / HTTP/1.1\r\n\r\n"])),
  id: null,
  losesTrack: true,
});

/** JSON that was cut off, has something behind it or is no text. */
const brokenJson: Kind = (random, subject) => {
  const text = JSON.stringify(soundGeneration(random, subject));
  const broken = random.pick([
    Buffer.from(text.slice(0, random.below(text.length))),
    Buffer.from(`${text}}`),
    Buffer.from(text.replaceAll('"', "'")),
    Buffer.concat([Buffer.from(text.slice(0, -1)), Buffer.from([0xff, 0xfe])]),
    Buffer.from(random.pick(["NaN", "undefined", "{a:1}", "[1,]", '"\\x"', "\uFEFF1"])),
  ]);
  return whole(broken);
};

const jsonOfAnyKind: Kind = (random) => whole(Buffer.from(JSON.stringify(junk(random, 4))));

/** So deep that what descends into it may run out of stack. */
const deepJson: Kind = (random, { newId }) => {
  const depth = 1 + random.below(50_000);
  const id = newId();
  const deep = "[".repeat(depth) + "]".repeat(depth);
  const params = random.chance(0.5) ? deep : `{"folders":${deep},"token":${deep}}`;
  const method = random.pick(["sana/models", "sana/generate", "sana/status"]);
  return asked(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"method":"${method}","params":${params}}`, id);
};

const requestWithJunk: Kind = (random, { newId }) => {
  const id = newId();
  const params = junk(random, 3);
  return asked(JSON.stringify({ jsonrpc: "2.0", id, method: random.pick(METHODS), params }), id);
};

/** A sound request for a picture with up to three values that are not. */
const generationWithJunk: Kind = (random, subject) => {
  const message = soundGeneration(random, subject);
  const params = message.params as Record<string, unknown>;
  for (let change = random.below(4); change > 0; change -= 1) {
    const key = random.pick([...Object.keys(params), ...KEYS, "sede"]);
    params[key] = key === "output" && random.chance(0.7) ? { path: random.pick(PATHS) } : junk(random, 2);
  }
  return asked(JSON.stringify(message), message.id);
};

const pathsOfAnyKind: Kind = (random, { folder, newId }) => {
  const id = newId();
  const path = random.pick([...PATHS, folder, "/dev", "/proc", "/proc/self"]);
  const [method, params] = random.pick([
    ["sana/inspectImage", { path }],
    ["sana/models", { folders: [path] }],
    ["sana/estimate", { model: path }],
    ["sana/generate", { token: id, prompt: "", model: path, output: { path: `${folder}/x.png` } }],
  ] as const);
  return asked(JSON.stringify({ jsonrpc: "2.0", id, method, params }), id);
};

const notification: Kind = (random) =>
  whole(Buffer.from(JSON.stringify({ jsonrpc: "2.0", method: random.pick(NOTIFICATIONS), params: junk(random, 3) })));

const cancellation: Kind = (random, { usedIds }) => {
  const id = random.chance(0.7) && usedIds.length > 0 ? random.pick(usedIds) : junk(random, 1);
  return whole(Buffer.from(JSON.stringify({ jsonrpc: "2.0", method: "$/cancelRequest", params: { id } })));
};

/** No request may have such an id. */
const impossibleId: Kind = (random) => {
  const id = random.pick([null, true, 1.5, 1e300, [], {}, [1], { id: 1 }]);
  return whole(Buffer.from(JSON.stringify({ jsonrpc: "2.0", id, method: random.pick(METHODS) })));
};

/** An answer to a question that the server never asked. */
const answer: Kind = (random) =>
  whole(Buffer.from(JSON.stringify({ jsonrpc: "2.0", id: random.below(10), result: junk(random, 2) })));

/** A sound message of which a byte is another one, or whose length is not the one that was announced. */
const broken: Kind = (random) => {
  // Another byte must not make it the id of a request that waits for its one answer.
  const body = JSON.stringify({ jsonrpc: "2.0", id: "of a broken message", method: "sana/status", params: {} });
  if (random.chance(0.5)) {
    const announced = Math.max(0, Buffer.byteLength(body) - 50 + random.below(100));
    return { bytes: Buffer.from(`Content-Length: ${announced}\r\n\r\n${body}`), id: null, losesTrack: true };
  }
  const bytes = Buffer.from(framed(body));
  bytes[random.below(bytes.length)] = random.below(256);
  return { bytes, id: null, losesTrack: true };
};

/** More than the server reads, with all that was announced. */
const tooLong: Kind = (random) => {
  const length = MAX_MESSAGE_BYTES + 1 + random.below(1000);
  return whole(Buffer.concat([Buffer.from(`Content-Length: ${length}\r\n\r\n`), Buffer.alloc(length, 0x20)]), true);
};

const KINDS: readonly Kind[] = [
  ...Array.from({ length: 20 }, () => generationWithJunk),
  ...Array.from({ length: 20 }, () => requestWithJunk),
  ...Array.from({ length: 10 }, () => pathsOfAnyKind),
  ...Array.from({ length: 8 }, () => notification),
  ...Array.from({ length: 8 }, () => cancellation),
  ...Array.from({ length: 8 }, () => brokenJson),
  ...Array.from({ length: 8 }, () => jsonOfAnyKind),
  ...Array.from({ length: 5 }, () => impossibleId),
  ...Array.from({ length: 5 }, () => answer),
  ...Array.from({ length: 4 }, () => junkBytes),
  ...Array.from({ length: 4 }, () => broken),
  ...Array.from({ length: 2 }, () => deepJson),
  tooLong,
];

function soundGeneration(random: Random, { folder, newId }: Subject): { id: string | number; params: unknown } {
  const id = newId();
  const size = { width: 32, height: 32, resolutionBinning: false, steps: 1 + random.below(3) };
  const model = goldenCheckpoint("sana-1.0");
  const output = { path: `${folder}/${random.below(5)}.png`, ifExists: random.pick(["number", "overwrite", "error"]) };
  const params = { ...size, model, token: id, prompt: random.pick(["", "a fox", "\u0000", "🦊"]), output };
  return { ...{ jsonrpc: "2.0", id, method: "sana/generate" }, params };
}

const SCALARS = [
  ...[null, true, false, 0, -1, 1, 0.5, 33, 64, 1e308, -1e308, 2 ** 31, 2 ** 53, 2 ** 64, "", "0", "1", "x"],
  ...["512", "\u0000", "\ud800", "🦊", "../..", "__proto__", "x".repeat(10_000), "9".repeat(19), "9".repeat(20)],
];

/** Any value of JSON, at most so many levels deep. */
function junk(random: Random, depth: number): unknown {
  if (depth === 0 || random.chance(0.4)) return random.pick(SCALARS);
  const length = random.below(4);
  if (random.chance(0.3)) return Array.from({ length }, () => junk(random, depth - 1));
  const entries = Array.from({ length }, () => [random.pick(KEYS), junk(random, depth - 1)] as const);
  return Object.fromEntries(entries);
}

function whole(content: Uint8Array, isFramed = false): HostileMessage {
  const header = isFramed ? "" : `Content-Length: ${content.byteLength}\r\n\r\n`;
  return { bytes: Buffer.concat([Buffer.from(header), content]), id: null, losesTrack: false };
}

function asked(body: string, id: string | number): HostileMessage {
  return { bytes: Buffer.from(framed(body)), id, losesTrack: false };
}
