import { table, tableRow } from "../bench/table";
import { cancelAtRandomMoments, type Cancellation } from "./cancels";
import { sendHostileMessages } from "./fuzz";
import { measureIdleMemory } from "./idle-memory";
import { killAtRandomMoments } from "./kills";
import { Random, soakSeed, withRandom } from "./random";
import { quantile, statusDelays } from "./responsiveness";

/** One line of the table. `met`: undefined for what has no aim. */
interface Figure {
  readonly what: string;
  readonly measured: string;
  readonly aim?: string;
  readonly met?: boolean;
}

/** The bundled model of many steps as it is by default: 512 × 512, 20 steps, guidance. */
const PICTURE = { model: "quality", prompt: "a red fox jumping over a frozen lake at dawn, oil painting" } as const;

const PARTS: Record<string, (random: Random) => Promise<Figure[]>> = {
  messages: async (random) => {
    const { messages, servers, answered, pictures, growth } = await sendHostileMessages({ count: 10_000, random });
    return [
      { what: `hostile messages to ${servers} servers`, measured: `${messages}` },
      { what: "requests among them, each answered once", measured: `${answered}` },
      { what: "pictures that they had made", measured: `${pictures}` },
      { what: "growth of a server's memory by 500 of them, at most", measured: megabytes(growth) },
    ];
  },

  kills: async (random) => {
    const { kills, endedMs, finished, lost, madeAfterwards } = await killAtRandomMoments({ count: 200, random });
    return [
      {
        what: "kills of server, worker, parent",
        measured: `${kills.server} + ${kills.worker} + ${kills.parent}`,
      },
      { what: "pictures finished before, given up", measured: `${finished}, ${lost}` },
      { what: "pictures made afterwards", measured: `${madeAfterwards}`, aim: "200", met: madeAfterwards === 200 },
      { what: "server or parent killed: until no process is left", measured: medianAndMost(endedMs) },
    ];
  },

  cancels: async (random) => {
    const all = await cancelAtRandomMoments({ count: 100, picture: PICTURE, random });
    const during = (moment: string): Cancellation[] => all.filter((one) => one.moment === moment);
    const inSteps = during("steps").map(({ delayMs, stepMs }) => delayMs - stepMs);
    const lines: Figure[] = [
      {
        what: `cancelled during steps (${inSteps.length}×), longer than one step`,
        measured: medianAndMost(inSteps),
        ...atMost(inSteps, 100),
      },
    ];
    for (const [moment, name] of [
      ["load", "loading"],
      ["read-prompt", "reading the prompt"],
      ["decode", "decoding"],
    ] as const) {
      const delays = during(moment).map(({ delayMs }) => delayMs);
      lines.push({
        what: `cancelled while ${name} (${delays.length}×)`,
        measured: medianAndMost(delays),
        ...atMost(delays, 500),
      });
    }
    for (const moment of ["steps", "load", "read-prompt", "decode"] as const) {
      const extra = during(moment).map(({ nextExtraMs }) => nextExtraMs);
      lines.push({ what: `next picture's delay after ${moment}`, measured: medianAndMost(extra) });
    }
    return lines;
  },

  status: async () => {
    const delays = await statusDelays({ pictures: 5, picture: PICTURE });
    return [
      {
        what: `sana/status while a picture is made (${delays.length}×): p50, p99, most`,
        measured: [0.5, 0.99, 1].map((part) => milliseconds(quantile(delays, part))).join(", "),
        aim: "p99 ≤ 50 ms",
        met: quantile(delays, 0.99) <= 50,
      },
    ];
  },

  idle: async () => {
    const { fresh, loaded, unloaded } = await measureIdleMemory({ pictures: 5, picture: PICTURE });
    return [
      {
        what: "memory: fresh server, loaded, after the idle time",
        measured: [fresh, loaded, unloaded].map(megabytes).join(", "),
      },
      {
        what: "idle beyond fresh",
        measured: megabytes(unloaded - fresh),
        aim: "≤ 60 MB",
        met: unloaded - fresh <= 60e6,
      },
    ];
  },
};

async function main(): Promise<void> {
  const chosen = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(PARTS);
  const unknown = chosen.find((name) => PARTS[name] === undefined);
  if (unknown !== undefined) throw new Error(`${unknown} is none of ${Object.keys(PARTS).join(", ")}`);
  const seed = soakSeed(Math.floor(Math.random() * 2 ** 32));
  console.log(table(["", "measured", "aim"], []));
  for (const name of chosen) {
    const started = performance.now();
    try {
      for (const figure of await withRandom(seed, PARTS[name]!)) {
        console.log(tableRow(cells(figure)));
        if (figure.met === false) process.exitCode = 1;
      }
    } catch (error) {
      console.error(error);
      process.exitCode = 1;
    }
    console.error(`${name}: ${((performance.now() - started) / 1000).toFixed(0)} s, SOAK_SEED=${seed}`);
  }
}

function cells({ what, measured, aim, met }: Figure): string[] {
  return [what, measured, aim === undefined ? "" : `${aim}${met === true ? "" : " **missed**"}`];
}

function atMost(values: readonly number[], limit: number): { aim: string; met: boolean } {
  return { aim: `≤ ${limit} ms`, met: values.length > 0 && Math.max(...values) <= limit };
}

/** Of milliseconds. */
function medianAndMost(values: readonly number[]): string {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length === 0 ? "–" : [0.5, 1].map((part) => milliseconds(quantile(sorted, part))).join(", most ");
}

function milliseconds(value: number): string {
  return `${value.toFixed(value < 10 ? 1 : 0)} ms`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(0)} MB`;
}

void main();
