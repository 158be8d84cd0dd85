import { SanaError } from "../errors";
import { QUANTIZATION_BLOCK, type StoredDtype, type StoredTensor, type WeightDirectory } from "../checkpoint/weights";
import { ProtoWriter } from "./proto-writer";

/** The name of a tensor inside a graph. */
export type Value = string & { readonly __brand: "Value" };

/** A size that is known when the graph is built, or the name of one that is known when it runs. */
export type Dimension = number | string;

export type ElementType = "float32" | "float16" | "bfloat16" | "int64" | "int32" | "int8" | "uint8" | "bool";

/**
 * The number format that a graph computes with. `int8` is float32 apart from matrix products whose weights are stored as
 * integers: those are sums of products of 8-bit integers, the activations rounded anew for each token.
 */
export type GraphPrecision = ActivationType | "int8";

type ActivationType = "float32" | "float16";

export type Attribute = number | string | readonly number[] | { readonly float: number };

/** A serialised ONNX model whose weights lie in `externalFiles` (absolute paths), referred to relative to `externalFolder`. */
export interface OnnxModel {
  readonly bytes: Uint8Array;
  readonly externalFiles: readonly string[];
  readonly externalFolder: string;
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /** Whether products of 8-bit integers are formed. */
  readonly integerProducts: boolean;
}

// onnx.proto, TensorProto.DataType
const ELEMENT_TYPE_CODES: Record<ElementType, number> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  bfloat16: 16,
};

const STORED_ELEMENT_TYPES: Partial<Record<StoredDtype, ElementType>> = {
  F32: "float32",
  F16: "float16",
  BF16: "bfloat16",
  I8: "int8",
  U8: "uint8",
};

// Opset 20 is the first with Gelu(approximate); IR 9 is the version that goes with it.
const OPSET_VERSION = 20;
const IR_VERSION = 9;

/**
 * Collects the nodes of one ONNX graph in execution order. Pure: weights are referred to by the place where they lie
 * on disk and are never read here. Activations, weights and constants have the graph's precision; a weight that is
 * stored in another form is converted by nodes that ONNX Runtime folds once when it loads the model. Inputs and outputs
 * of the graph are float32 in either precision. What float16 cannot hold is computed between `toFloat32` and
 * `fromFloat32`.
 */
export class GraphBuilder {
  /** The type of activations, weights and constants. */
  readonly precision: ActivationType;
  /** Whether products with weights that are stored as integers are formed from 8-bit integers. */
  readonly integerProducts: boolean;
  private readonly nodes: ProtoWriter[] = [];
  /** Nodes that turn weights into what other nodes take. */
  private readonly weightNodes: ProtoWriter[] = [];
  private readonly initializers: ProtoWriter[] = [];
  private readonly inputs: { name: string; proto: ProtoWriter }[] = [];
  private readonly outputs: { name: string; proto: ProtoWriter }[] = [];
  private readonly externalValues = new Set<Value>();
  private readonly weightValues = new Map<string, Value>();
  private readonly constantValues = new Map<string, Value>();
  private readonly sharedValues = new Map<string, Value[]>();
  private readonly usedDomains = new Set<string>();
  /** Initialisers that lie in files. Where their folder is shows when all of them are known. */
  private readonly externals: { proto: ProtoWriter; file: string }[] = [];
  private counter = 0;

  constructor(
    private readonly graphName: string,
    private readonly weights: WeightDirectory,
    precision: GraphPrecision = "float32",
  ) {
    this.precision = precision === "int8" ? "float32" : precision;
    this.integerProducts = precision === "int8";
  }

  /** Declares the float32 input `name` and gives it in the graph's precision. */
  input(name: string, dimensions: readonly Dimension[]): Value {
    return this.fromFloat32(this.float32Input(name, dimensions));
  }

  /** The same as it comes, for use between `toFloat32` and `fromFloat32`. */
  float32Input(name: string, dimensions: readonly Dimension[]): Value {
    this.inputs.push({ name, proto: valueInfo(name, "float32", dimensions) });
    return name as Value;
  }

  /** Declares `value` as the float32 output `name`. */
  output(name: string, value: Value, dimensions: readonly Dimension[]): void {
    const isFloat32 = this.precision === "float32";
    const to = isFloat32 ? undefined : ELEMENT_TYPE_CODES.float32;
    this.node(isFloat32 ? "Identity" : "Cast", [value], { to }, { outputNames: [name] });
    this.outputs.push({ name, proto: valueInfo(name, "float32", dimensions) });
  }

  /** From the graph's precision to float32; nothing where that is the graph's precision. */
  toFloat32(value: Value): Value {
    return this.precision === "float32" ? value : this.cast(value, "float32");
  }

  /** From float32 to the graph's precision. */
  fromFloat32(value: Value): Value {
    return this.precision === "float32" ? value : this.cast(value, this.precision);
  }

  /** Adds a node with one output. `domain` is empty for standard operators. Empty input names are absent inputs. */
  op(
    type: string,
    inputs: readonly (Value | "")[],
    attributes: Record<string, Attribute | undefined> = {},
    domain = "",
  ): Value {
    return this.node(type, inputs, attributes, { domain })[0]!;
  }

  /** Adds a node with several outputs. */
  ops(
    type: string,
    inputs: readonly (Value | "")[],
    attributes: Record<string, Attribute | undefined>,
    outputCount: number,
  ): Value[] {
    return this.node(type, inputs, attributes, { outputCount });
  }

  /** A float32 constant that is part of the graph itself: small tables, epsilons of float32 parts. */
  float32Constant(data: readonly number[] | Float32Array, dimensions: readonly number[]): Value {
    const values = Float32Array.from(data);
    return this.inlineInitializer("float32", new Uint8Array(values.buffer), dimensions);
  }

  /** A scalar in the graph's precision. */
  scalar(value: number): Value {
    return this.fromFloat32(this.float32Constant([value], []));
  }

  /** A constant of small integers. */
  bytes(type: "int8" | "uint8", values: readonly number[], dimensions: readonly number[]): Value {
    return this.inlineInitializer(
      type,
      Uint8Array.from(values, (value) => value & 255),
      dimensions,
    );
  }

  /** What `make` adds to the graph, once for each `key`. */
  shared<Values extends Value[]>(key: string, make: () => Values): Values {
    const known = this.sharedValues.get(key) as Values | undefined;
    if (known !== undefined) return known;
    const values = make();
    this.sharedValues.set(key, values);
    return values;
  }

  /** A 1-D int64 constant: shapes, axes, indices. */
  integers(values: readonly number[]): Value {
    return this.int64Constant(values, [values.length]);
  }

  /** An int64 scalar: an index that takes its axis away. */
  integer(value: number): Value {
    return this.int64Constant([value], []);
  }

  private int64Constant(values: readonly number[], dimensions: readonly number[]): Value {
    const data = BigInt64Array.from(values, BigInt);
    return this.inlineInitializer("int64", new Uint8Array(data.buffer), dimensions);
  }

  /**
   * A weight of the checkpoint in the graph's precision. Throws `invalid-weights` where it is missing or its shape is not
   * `shape`. `view` gives the same numbers another shape, without a copy. The value may be used by any number of nodes.
   */
  weight(name: string, shape: readonly number[], view: readonly number[] = shape): Value {
    return this.convertedWeight(name, { shape, view, precision: this.precision });
  }

  /** The same in float32, for use between `toFloat32` and `fromFloat32`. */
  float32Weight(name: string, shape: readonly number[], view: readonly number[] = shape): Value {
    return this.convertedWeight(name, { shape, view, precision: "float32" });
  }

  /**
   * A matrix [outputs, inputs] that is stored as `int4-blocks`, in the form in which MatMulNBits takes it; undefined
   * where it is stored otherwise.
   */
  int4Matrix(name: string, outputs: number, inputs: number): { packed: Value; scales: Value } | undefined {
    const tensor = this.storedTensor(name);
    if (tensor.dtype !== "U8") return undefined;
    this.requireShape(name, tensor.shape, [outputs, inputs / 2]);
    const blocks = inputs / QUANTIZATION_BLOCK;
    return {
      packed: this.external(name, tensor, [outputs, blocks, QUANTIZATION_BLOCK / 2]),
      scales: this.weight(`${name}.scale`, [outputs, blocks], [outputs * blocks]),
    };
  }

  /**
   * A matrix [outputs, inputs] that is stored as `int8-rows` (in the shape `stored`), in the form in which
   * MatMulIntegerToFloat takes it: [inputs, outputs] with a float32 scale a column; undefined where it is stored
   * otherwise. ONNX Runtime transposes it once, when it loads the graph.
   */
  int8Matrix(
    name: string,
    layer: { outputs: number; inputs: number; stored: readonly number[] },
  ): { columns: Value; scales: Value; zeroPoint: Value } | undefined {
    const tensor = this.storedTensor(name);
    if (tensor.dtype !== "I8") return undefined;
    this.requireShape(name, tensor.shape, layer.stored);
    const rows = this.external(name, tensor, [layer.outputs, layer.inputs]);
    return {
      columns: this.weightOp("Transpose", [rows], { perm: [1, 0] }),
      scales: this.float32Weight(`${name}.scale`, [layer.outputs]),
      zeroPoint: this.ownZeroPoint(`${name}:zero`),
    };
  }

  /** An int8 zero of its own for each matrix: ONNX Runtime replaces both where it prefers unsigned numbers. */
  private ownZeroPoint(name: string): Value {
    return this.shared(name, () => {
      this.initializers.push(tensorHeader("int8", [], name).bytes(9, Uint8Array.of(0)));
      return [name as Value];
    })[0]!;
  }

  /** The stored form of a weight. Throws `invalid-weights` where it is missing. */
  private storedTensor(name: string): StoredTensor {
    const tensor = this.weights.tensors.get(name);
    if (tensor === undefined) {
      throw new SanaError("invalid-weights", `${this.weights.folder}: the tensor "${name}" is missing`);
    }
    return tensor;
  }

  /** The bytes of a weight as they are stored, in the given shape. No copy and no conversion. */
  private external(name: string, tensor: StoredTensor, shape: readonly number[]): Value {
    const type = STORED_ELEMENT_TYPES[tensor.dtype];
    if (type === undefined) {
      throw new SanaError(
        "invalid-weights",
        `${tensor.file}: the tensor "${name}" is stored as ${tensor.dtype}; F32, F16, BF16 and I8 can be used, U8 for matrices`,
      );
    }
    const valueName = `${name}:${tensor.dtype}[${shape.join(",")}]` as Value;
    if (this.externalValues.has(valueName)) return valueName;
    this.externalValues.add(valueName);
    const proto = tensorHeader(type, shape, valueName)
      .message(13, externalDataEntry("offset", String(tensor.offset)))
      .message(13, externalDataEntry("length", String(tensor.byteLength)))
      .int(14, 1);
    this.externals.push({ proto, file: tensor.file });
    return valueName;
  }

  /** Throws `invalid-weights` unless the stored shape is the one that the configuration asks for. */
  private requireShape(name: string, found: readonly number[], expected: readonly number[]): void {
    if (found.length !== expected.length || found.some((size, axis) => size !== expected[axis])) {
      throw new SanaError(
        "invalid-weights",
        `${this.weights.folder}: the tensor "${name}" has the shape [${found.join(", ")}], but config.json asks for [${expected.join(", ")}]`,
      );
    }
  }

  build(): OnnxModel {
    const graph = new ProtoWriter();
    // First, so that a graph that is run without being optimised converts each weight where it is used.
    for (const node of [...this.weightNodes, ...this.nodes]) graph.message(1, node);
    graph.string(2, this.graphName);
    const externalFiles = [...new Set(this.externals.map(({ file }) => file))];
    const externalFolder = commonFolder(externalFiles);
    for (const { proto, file } of this.externals) {
      const location = file.slice(externalFolder.length).replace(/^[\\/]/, "");
      graph.message(5, proto.message(13, externalDataEntry("location", location)));
    }
    for (const initializer of this.initializers) graph.message(5, initializer);
    for (const { proto } of this.inputs) graph.message(11, proto);
    for (const { proto } of this.outputs) graph.message(12, proto);
    const model = new ProtoWriter()
      .int(1, IR_VERSION)
      .string(2, "sana")
      .message(7, graph)
      .message(8, opset("", OPSET_VERSION));
    for (const domain of this.usedDomains) model.message(8, opset(domain, 1));
    return {
      bytes: model.finish(),
      externalFiles,
      externalFolder,
      inputNames: this.inputs.map(({ name }) => name),
      outputNames: this.outputs.map(({ name }) => name),
      integerProducts: this.integerProducts,
    };
  }

  private node(
    type: string,
    inputs: readonly (Value | "")[],
    attributes: Record<string, Attribute | undefined>,
    options: { domain?: string; outputCount?: number; outputNames?: string[]; list?: ProtoWriter[] },
  ): Value[] {
    const outputs = options.outputNames ?? Array.from({ length: options.outputCount ?? 1 }, () => this.freshName(type));
    const proto = new ProtoWriter();
    // Absent inputs at the end are left out: ONNX Runtime's WebGPU convolution takes an empty name for a tensor.
    const present = inputs.slice(0, inputs.findLastIndex((input) => input !== "") + 1);
    for (const input of present) proto.string(1, input);
    for (const output of outputs) proto.string(2, output);
    proto.string(3, outputs[0]!).string(4, type);
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== undefined) proto.message(5, attributeProto(name, value));
    }
    if (options.domain) {
      proto.string(7, options.domain);
      this.usedDomains.add(options.domain);
    }
    (options.list ?? this.nodes).push(proto);
    return outputs as Value[];
  }

  private convertedWeight(
    name: string,
    use: { shape: readonly number[]; view: readonly number[]; precision: ActivationType },
  ): Value {
    const key = `${name}[${use.view.join(",")}]:${use.precision}`;
    const known = this.weightValues.get(key);
    if (known !== undefined) return known;
    const tensor = this.storedTensor(name);
    this.requireShape(name, tensor.shape, use.shape);
    const stored = this.external(name, tensor, use.view);
    const value = this.converted(name, stored, { ...use, dtype: tensor.dtype });
    this.weightValues.set(key, value);
    return value;
  }

  private converted(
    name: string,
    stored: Value,
    use: { dtype: StoredDtype; shape: readonly number[]; view: readonly number[]; precision: ActivationType },
  ): Value {
    const { precision } = use;
    if (STORED_ELEMENT_TYPES[use.dtype] === precision) return stored;
    if (use.dtype !== "I8") return this.castWeight(stored, precision);
    // One scale for each output row, broadcast over everything after the first axis. Multiplied in float32, so that
    // float16 rounds once.
    const rows = [use.view[0]!, ...use.view.slice(1).map(() => 1)];
    const scale = this.float32Weight(`${name}.scale`, [use.shape[0]!], rows);
    const widened = this.weightOp("Mul", [this.castWeight(stored, "float32"), scale]);
    return precision === "float32" ? widened : this.castWeight(widened, precision);
  }

  private cast(value: Value, type: ActivationType): Value {
    return this.op("Cast", [value], { to: ELEMENT_TYPE_CODES[type] });
  }

  private castWeight(value: Value, type: ActivationType): Value {
    return this.weightOp("Cast", [value], { to: ELEMENT_TYPE_CODES[type] });
  }

  /** A node that depends on weights alone. */
  private weightOp(type: string, inputs: readonly Value[], attributes: Record<string, Attribute> = {}): Value {
    return this.node(type, inputs, attributes, { list: this.weightNodes })[0]!;
  }

  private inlineInitializer(type: ElementType, data: Uint8Array, dimensions: readonly number[]): Value {
    const key = `${type}[${dimensions.join(",")}]:${Buffer.from(data).toString("base64")}`;
    const known = this.constantValues.get(key);
    if (known !== undefined) return known;
    const name = this.freshName("Constant");
    this.initializers.push(tensorHeader(type, dimensions, name).bytes(9, data));
    this.constantValues.set(key, name);
    return name;
  }

  private freshName(type: string): Value {
    this.counter += 1;
    return `${type}_${this.counter}` as Value;
  }
}

/** The deepest folder that holds all of the files: external data may only be referred to inside one folder. */
function commonFolder(files: readonly string[]): string {
  const folders = files.map((file) => file.split(/[\\/]/).slice(0, -1));
  const first = folders[0] ?? [];
  let depth = first.length;
  for (const folder of folders) {
    while (first.slice(0, depth).some((part, index) => part !== folder[index])) depth -= 1;
  }
  return first.slice(0, depth).join("/") || "/";
}

function tensorHeader(type: ElementType, dimensions: readonly number[], name: string): ProtoWriter {
  const proto = new ProtoWriter();
  for (const size of dimensions) proto.int(1, size);
  return proto.int(2, ELEMENT_TYPE_CODES[type]).string(8, name);
}

function externalDataEntry(key: string, value: string): ProtoWriter {
  return new ProtoWriter().string(1, key).string(2, value);
}

function valueInfo(name: string, type: ElementType, dimensions: readonly Dimension[]): ProtoWriter {
  const shape = new ProtoWriter();
  for (const size of dimensions) {
    shape.message(1, typeof size === "number" ? new ProtoWriter().int(1, size) : new ProtoWriter().string(2, size));
  }
  const tensorType = new ProtoWriter().int(1, ELEMENT_TYPE_CODES[type]).message(2, shape);
  return new ProtoWriter().string(1, name).message(2, new ProtoWriter().message(1, tensorType));
}

/** AttributeProto: integers and lists of integers are INT(S), `{ float }` is FLOAT, text is STRING. */
function attributeProto(name: string, value: Attribute): ProtoWriter {
  const proto = new ProtoWriter().string(1, name);
  if (typeof value === "number") return proto.int(3, value).int(20, 2);
  if (typeof value === "string") return proto.string(4, value).int(20, 3);
  if ("float" in value) return proto.float(2, value.float).int(20, 1);
  for (const item of value) proto.int(8, item);
  return proto.int(20, 7);
}

function opset(domain: string, version: number): ProtoWriter {
  return new ProtoWriter().string(1, domain).int(2, version);
}
