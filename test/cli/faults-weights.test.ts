import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describeFaults, type Fault } from "./checkpoint-faults";
import {
  editHeader,
  editTensors,
  float32Tensor,
  makePipe,
  readSafetensors,
  safetensorsBytes,
  writeSafetensors,
} from "./fixtures";

const DIFFUSERS = "diffusion_pytorch_model.safetensors";
const TRANSFORMER = join("transformer", DIFFUSERS);
const AUTOENCODER = join("vae", DIFFUSERS);
const TEXT_ENCODER = join("text_encoder", "model.safetensors");
const INDEX = join("transformer", `${DIFFUSERS}.index.json`);

/** A tensor that every transformer has. */
const TENSOR = "caption_projection.linear_1.weight";

const NAMES_FILE = /transformer\/diffusion_pytorch_model\.safetensors/;
const NAMES_INDEX = /transformer\/diffusion_pytorch_model\.safetensors\.index\.json/;

/** A fault of the whole transformer file: what is to be written in its place. */
function replaced(name: string, contents: (original: Buffer) => Buffer, names = NAMES_FILE): Fault {
  return {
    name,
    names,
    damage: (checkpoint) => {
      const path = join(checkpoint, TRANSFORMER);
      writeFileSync(path, contents(readFileSync(path)));
    },
  };
}

/** A fault of what the transformer file's header says of `TENSOR`. */
function described(name: string, change: Readonly<Record<string, unknown>>): Fault {
  return {
    name,
    names: new RegExp(`${NAMES_FILE.source}.*${TENSOR.replaceAll(".", "\\.")}`),
    damage: (checkpoint) => {
      editHeader(join(checkpoint, TRANSFORMER), (header) => Object.assign(header[TENSOR]!, change));
    },
  };
}

/** A fault of an index whose one shard is the transformer's valid file. */
function indexed(name: string, index: unknown, names = NAMES_INDEX): Fault {
  return {
    name,
    names,
    damage: (checkpoint) => {
      writeFileSync(join(checkpoint, INDEX), typeof index === "string" ? index : JSON.stringify(index));
    },
  };
}

const FILES: readonly Fault[] = [
  replaced("a zero-byte file", () => Buffer.alloc(0)),
  replaced("seven bytes", (bytes) => bytes.subarray(0, 7)),
  replaced("a length and nothing else", (bytes) => bytes.subarray(0, 8)),
  replaced("a file cut within its header", (bytes) => bytes.subarray(0, 1000)),
  replaced("a file cut within its data", (bytes) => bytes.subarray(0, bytes.length / 2)),
  replaced("a file without its last byte", (bytes) => bytes.subarray(0, -1)),
  replaced("a file with a byte too many", (bytes) => Buffer.concat([bytes, Buffer.alloc(1)])),
  replaced("a picture", () => readFileSync("test/golden/inputs/picture.png")),
  replaced("zeros", () => Buffer.alloc(4096)),
];

const HEADERS: readonly Fault[] = [
  replaced("a header of 2^64 − 1 bytes", () => safetensorsBytes("{}", undefined, 2n ** 64n - 1n)),
  replaced("a header of 2^63 bytes", () => safetensorsBytes("{}", undefined, 2n ** 63n)),
  replaced("a header longer than the file", () => safetensorsBytes("{}", undefined, 5000n)),
  replaced("a header that is not JSON", () => safetensorsBytes("{not json}")),
  replaced("a header that is not UTF-8", () =>
    Buffer.concat([safetensorsBytes("", undefined, 2n), Buffer.of(255, 254)]),
  ),
  replaced("a header that is a list", () => safetensorsBytes("[]")),
  replaced("a header that is null", () => safetensorsBytes("null")),
  replaced("a header of nothing but brackets", () => safetensorsBytes("[".repeat(1_000_000))),
  replaced("a header nested 100,000 deep", () =>
    safetensorsBytes(`{"a":${'{"a":'.repeat(100_000)}1${"}".repeat(100_001)}`),
  ),
  replaced("a header without tensors", () => safetensorsBytes("{}"), /transformer.*missing/),
  replaced("a tensor described twice", () => {
    const tensor = '"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}';
    return safetensorsBytes(`{${tensor},${tensor}}`, Buffer.alloc(4));
  }),
  replaced("metadata that is not text", () => safetensorsBytes('{"__metadata__":{"a":[1]}}')),
  described("an unknown dtype", { dtype: "F8_E4M3" }),
  described("a dtype that is a property of every object", { dtype: "constructor" }),
  described("a dtype that is a number", { dtype: 32 }),
  described("a shape that is not a list", { shape: "48x40" }),
  described("a negative size", { shape: [-48, -40] }),
  described("a fractional size", { shape: [1.5, 1280] }),
  described("a size above 2^53", { shape: [2 ** 60, 1] }),
  described("a shape whose product overflows", { shape: [2 ** 31, 2 ** 31, 2 ** 31] }),
  described("a shape that does not fit its bytes", { shape: [48, 41] }),
  described("a million axes", { shape: Array.from({ length: 1_000_000 }, () => 1) }),
  described("offsets out of range", { data_offsets: [384, 2 ** 40] }),
  described("offsets in the wrong order", { data_offsets: [8064, 384] }),
  described("negative offsets", { data_offsets: [-8, 7672] }),
  described("offsets that are missing", { data_offsets: undefined }),
  described("one offset", { data_offsets: [384] }),
  {
    name: "a tensor that is described by null",
    names: NAMES_FILE,
    damage: (checkpoint) => {
      editHeader(join(checkpoint, TRANSFORMER), (header) => Object.assign(header, { [TENSOR]: null }));
    },
  },
  {
    name: "overlapping tensors",
    names: NAMES_FILE,
    damage: (checkpoint) => {
      editHeader(join(checkpoint, TRANSFORMER), (header) => {
        const [begin, end] = header[TENSOR]!.data_offsets as [number, number];
        header[TENSOR]!.data_offsets = [begin - 4, end - 4];
      });
    },
  },
  {
    name: "a hole between tensors",
    names: NAMES_FILE,
    damage: (checkpoint) => {
      editHeader(join(checkpoint, TRANSFORMER), (header) => {
        Reflect.deleteProperty(header, TENSOR);
      });
    },
  },
];

/** Faults that every component can have. `names` matches the component's file. */
function tensorFaults(component: { name: string; file: string; tensor: string }): Fault[] {
  const { name, file, tensor } = component;
  const folder = file.split("/")[0]!;
  const names = new RegExp(`${folder}.*${tensor.replaceAll(".", "\\.")}`);
  const edit = (change: (tensors: ReturnType<typeof readSafetensors>) => void) => (checkpoint: string) => {
    editTensors(join(checkpoint, file), change);
  };
  const setNumber = (value: number) =>
    edit((tensors) => {
      tensors[tensor]!.bytes.writeFloatLE(value, 8);
    });
  return [
    {
      name: `${name} without a tensor`,
      names,
      damage: edit((tensors) => {
        Reflect.deleteProperty(tensors, tensor);
      }),
    },
    {
      name: `${name} with a tensor of another shape`,
      names,
      damage: edit((tensors) => {
        const { shape } = tensors[tensor]!;
        tensors[tensor] = float32Tensor([...shape.slice(0, -1), shape.at(-1)! + 1], () => 0);
      }),
    },
    {
      name: `${name} with a transposed tensor`,
      names,
      damage: edit((tensors) => {
        tensors[tensor]!.shape.reverse();
      }),
    },
    {
      name: `${name} with a tensor of one more axis`,
      names,
      damage: edit((tensors) => {
        tensors[tensor]!.shape.push(1);
      }),
    },
    {
      name: `${name} with integers for weights`,
      names,
      damage: edit((tensors) => {
        tensors[tensor]!.dtype = "I32";
      }),
    },
    { name: `${name} with a weight that is NaN`, names, damage: setNumber(NaN) },
    { name: `${name} with a weight that is infinite`, names, damage: setNumber(-Infinity) },
    {
      name: `${name} that ends early`,
      names: new RegExp(folder),
      damage: (checkpoint) => {
        truncateSync(join(checkpoint, file), 10_000);
      },
    },
    {
      name: `${name} with only a pickle`,
      names: new RegExp(`${folder}.*pickle`),
      damage: (checkpoint) => {
        const path = join(checkpoint, file);
        renameSync(path, path.replace("safetensors", "bin"));
      },
    },
    {
      name: `${name} without any weights`,
      names: new RegExp(folder),
      damage: (checkpoint) => {
        rmSync(join(checkpoint, file));
      },
    },
  ];
}

const TENSORS: readonly Fault[] = [
  ...tensorFaults({ name: "a transformer", file: TRANSFORMER, tensor: TENSOR }),
  ...tensorFaults({ name: "an autoencoder", file: AUTOENCODER, tensor: "decoder.conv_in.weight" }),
  ...tensorFaults({ name: "a text encoder", file: TEXT_ENCODER, tensor: "embed_tokens.weight" }),
  ...tensorFaults({
    name: "a text encoder's layer",
    file: TEXT_ENCODER,
    tensor: "layers.0.mlp.down_proj.weight",
  }).slice(0, 5),
  {
    name: "a bfloat16 weight that is NaN",
    names: NAMES_FILE,
    damage: (checkpoint) => {
      editTensors(join(checkpoint, TRANSFORMER), (tensors) => {
        const { shape, bytes } = tensors[TENSOR]!;
        const halves = Buffer.alloc(bytes.length / 2);
        halves.writeUInt16LE(0x7fc0, halves.length - 2);
        tensors[TENSOR] = { dtype: "BF16", shape, bytes: halves };
      });
    },
  },
  {
    name: "a float16 weight that is infinite",
    names: NAMES_FILE,
    damage: (checkpoint) => {
      editTensors(join(checkpoint, TRANSFORMER), (tensors) => {
        const { shape, bytes } = tensors[TENSOR]!;
        const halves = Buffer.alloc(bytes.length / 2);
        halves.writeUInt16LE(0xfc00, halves.length - 2);
        tensors[TENSOR] = { dtype: "F16", shape, bytes: halves };
      });
    },
  },
  {
    name: "weights so large that the computation overflows",
    names: /not finite/,
    damage: (checkpoint) => {
      editTensors(join(checkpoint, TRANSFORMER), (tensors) => {
        const { shape } = tensors["proj_out.weight"]!;
        tensors["proj_out.weight"] = float32Tensor(shape, (index) => (index % 2 === 0 ? 3e38 : -3e38));
      });
    },
  },
];

const SHARD = "diffusion_pytorch_model-00001-of-00002.safetensors";
const INDICES: readonly Fault[] = [
  indexed("an index that is not JSON", "{"),
  indexed("an index that is a list", []),
  indexed("an index without a weight map", { metadata: {} }),
  indexed("a weight map that is a list", { weight_map: [DIFFUSERS] }),
  indexed("an empty weight map", { weight_map: {} }),
  indexed("a missing shard", { weight_map: { [TENSOR]: SHARD } }, new RegExp(SHARD)),
  indexed("a shard that lacks its tensor", { weight_map: { "no.such.tensor": DIFFUSERS } }, /no\.such\.tensor/),
  indexed("a shard outside the folder", { weight_map: { [TENSOR]: `../vae/${DIFFUSERS}` } }),
  indexed("a shard below the folder", { weight_map: { [TENSOR]: `./sub/${DIFFUSERS}` } }),
  indexed("a shard with an absolute path", { weight_map: { [TENSOR]: "/etc/passwd" } }),
  indexed("a shard with a path of another system", { weight_map: { [TENSOR]: "..\\vae\\model.safetensors" } }),
  indexed("a shard whose name holds NUL", { weight_map: { [TENSOR]: "a\0b.safetensors" } }),
  indexed("a shard that is a number", { weight_map: { [TENSOR]: 1 } }),
  indexed("a shard that is a pickle", { weight_map: { [TENSOR]: "model.bin" } }),
  indexed("a shard that is the folder", { weight_map: { [TENSOR]: "." } }),
  indexed(
    "an index of a million tensors",
    `{"weight_map":{${Array.from({ length: 1_000_000 }, (_, i) => `"t${i}":"${i}.safetensors"`).join(",")}}}`,
    /transformer/,
  ),
  {
    name: "a tensor in two shards",
    names: /transformer.*another shard/,
    damage: (checkpoint) => {
      const path = join(checkpoint, TRANSFORMER);
      const tensors = readSafetensors(path);
      writeSafetensors(join(checkpoint, "transformer", SHARD), { [TENSOR]: tensors[TENSOR]! });
      const map = { [TENSOR]: SHARD, "proj_out.weight": DIFFUSERS };
      writeFileSync(join(checkpoint, INDEX), JSON.stringify({ weight_map: map }));
    },
  },
];

/** Things in the place of the file that are no regular files. */
function inPlaceOfFile(name: string, make: (path: string) => void): Fault {
  return {
    name,
    names: NAMES_FILE,
    damage: (checkpoint) => {
      const path = join(checkpoint, TRANSFORMER);
      rmSync(path);
      make(path);
    },
  };
}

const NO_FILES: readonly Fault[] = [
  inPlaceOfFile("a folder", (path) => {
    mkdirSync(path);
  }),
  inPlaceOfFile("a pipe that never ends", makePipe),
  inPlaceOfFile("a device that never ends", (path) => {
    symlinkSync("/dev/zero", path);
  }),
  inPlaceOfFile("a link to nowhere", (path) => {
    symlinkSync("nowhere", path);
  }),
  inPlaceOfFile("a link to itself", (path) => {
    symlinkSync(path, path);
  }),
];

describeFaults([
  ["a weight file that is", FILES],
  ["a safetensors header with", HEADERS],
  ["a checkpoint that holds", TENSORS],
  ["sharded weights with", INDICES],
  ["in place of a weight file", NO_FILES],
]);
