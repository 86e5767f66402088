/** PyTorch in a process of its own, where a Python with it is found; see torch_process.py. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { decays, LOSS_FACTORS, STEP_OPTIMIZER, STEP_RATE } from '../step-model.js';
import { FOLDER } from './install.js';
import { onThreads, operandShapes, type Peer, type StepSetup, stepBlocks } from './peer.js';

/** NEUROFORMER_PYTHON, else the first of these that has PyTorch. */
const PYTHONS = ['python3', '/usr/bin/python3'];

/** A Python that has PyTorch, or `undefined`. */
export function findTorch(): string | undefined {
  const given = process.env.NEUROFORMER_PYTHON;
  return (given ? [given] : PYTHONS).find(
    (python) => spawnSync(python, ['-c', 'import torch'], { stdio: 'ignore' }).status === 0,
  );
}

/** PyTorch on 'cpu' with so many threads, or on 'cuda'. */
export async function openTorch(
  python: string,
  device: 'cpu' | 'cuda',
  threads: number,
): Promise<Peer> {
  const child = spawn(python, [join(FOLDER, 'torch_process.py'), device, `${threads}`], {
    stdio: ['pipe', 'pipe', 'inherit'],
    // Threads of OpenMP that spin take the cores from whoever is measured next.
    env: { OMP_WAIT_POLICY: 'PASSIVE', ...process.env },
  });
  const conversation = new Conversation(child);
  const { version } = await conversation.answer<{ version: string }>();
  let count = 0;
  const make = async (request: object) => {
    const name = `${count++}`;
    await conversation.ask({ name, ...request });
    return {
      run: (repeats: number) => conversation.ask<number>({ name, do: 'run', repeats }),
      result: <T>() => conversation.ask<T>({ name, do: 'result' }),
      dispose: () => conversation.ask<void>({ name, do: 'dispose' }),
    };
  };
  return {
    name: `PyTorch ${version}`,
    on: device === 'cpu' ? onThreads(threads) : 'CUDA',
    async trainer(setup) {
      const made = await make({ do: 'train', ...describe(setup) });
      return {
        step: () => made.run(1),
        loss: () => made.result<number>(),
        dispose: made.dispose,
      };
    },
    async multiplier(product) {
      const [a, b] = operandShapes(product);
      const { form } = product;
      const operands = { a: encode(product.a, a), b: encode(product.b, b) };
      const made = await make({ do: 'multiply', form, ...operands });
      return {
        run: made.run,
        result: async () =>
          new Float32Array(
            new Uint8Array(Buffer.from(await made.result<string>(), 'base64')).buffer,
          ),
        dispose: made.dispose,
      };
    },
    close() {
      child.stdin?.end();
    },
  };
}

/** Whether PyTorch has CUDA and a device for it. */
export function hasCuda(python: string): boolean {
  const code = 'import sys, torch; sys.exit(0 if torch.cuda.is_available() else 1)';
  return spawnSync(python, ['-c', code], { stdio: 'ignore' }).status === 0;
}

/** Lines out, lines in. */
class Conversation {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(child: ChildProcess) {
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  }

  async answer<T>(): Promise<T> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error('PyTorch ended: what it said stands above');
    return JSON.parse(value);
  }

  ask<T = null>(request: object): Promise<T> {
    this.#child.stdin!.write(`${JSON.stringify(request)}\n`);
    return this.answer();
  }
}

function describe({ sizes: s, batch, parameters }: StepSetup) {
  const { betas, eps, decay, maxNorm } = STEP_OPTIMIZER;
  const names = [...parameters.keys()];
  return {
    sizes: s,
    blocks: stepBlocks(s),
    factors: LOSS_FACTORS,
    optimizer: { rate: STEP_RATE, betas, eps, decay, maxNorm },
    decayed: names.filter(decays),
    parameters: Object.fromEntries(
      [...parameters].map(([name, { data, shape }]) => [name, encode(data, shape)]),
    ),
    inputs: {
      ids: encode(batch.ids, [s.batch, s.queries]),
      pastIds: encode(batch.pastIds, [s.batch, s.past]),
      video: encode(batch.video, [s.batch, s.video, s.width]),
      nextIds: encode(batch.nextIds, [s.batch * s.queries]),
      nextTimes: encode(batch.nextTimes, [s.batch * s.queries]),
    },
  };
}

function encode(data: Float32Array | Uint32Array, shape: readonly number[]) {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64');
  return { type: data instanceof Float32Array ? 'f32' : 'u32', shape, bytes };
}
