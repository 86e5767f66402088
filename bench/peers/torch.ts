/** PyTorch in a Python process, if a Python with it exists; see torch_process.py. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { decays, LOSS_FACTORS, STEP_OPTIMIZER, STEP_RATE } from '../step-model.js';
import { FOLDER } from './install.js';
import { onThreads, operandShapes, type Peer, type StepSetup, stepBlocks } from './peer.js';

/** The Pythons to try without NEUROFORMER_PYTHON. */
const PYTHONS = ['python3', '/usr/bin/python3'];

/** The path of a Python with PyTorch, or undefined. */
export function findTorch(): string | undefined {
  const configured = process.env.NEUROFORMER_PYTHON;
  return (configured ? [configured] : PYTHONS).find(
    (python) => spawnSync(python, ['-c', 'import torch'], { stdio: 'ignore' }).status === 0,
  );
}

/** Opens PyTorch on 'cpu' with a number of threads, or on 'cuda'. */
export async function openTorch(
  python: string,
  device: 'cpu' | 'cuda',
  threads: number,
): Promise<Peer> {
  const child = spawn(python, [join(FOLDER, 'torch_process.py'), device, `${threads}`], {
    stdio: ['pipe', 'pipe', 'inherit'],
    // Spinning OpenMP threads would take the cores from the library that is measured next.
    env: { OMP_WAIT_POLICY: 'PASSIVE', ...process.env },
  });
  const connection = new Connection(child);
  const { version } = await connection.read<{ version: string }>();
  let count = 0;
  const createObject = async (request: object) => {
    const name = `${count++}`;
    await connection.request({ name, ...request });
    return {
      run: (repeats: number) => connection.request<number>({ name, do: 'run', repeats }),
      result: <T>() => connection.request<T>({ name, do: 'result' }),
      dispose: () => connection.request<void>({ name, do: 'dispose' }),
    };
  };
  return {
    name: `PyTorch ${version}`,
    on: device === 'cpu' ? onThreads(threads) : 'CUDA',
    async trainer(setup) {
      const object = await createObject({ do: 'train', ...encodeSetup(setup) });
      return {
        step: () => object.run(1),
        loss: () => object.result<number>(),
        dispose: object.dispose,
      };
    },
    async multiplier(product) {
      const [a, b] = operandShapes(product);
      const { form } = product;
      const operands = { a: encode(product.a, a), b: encode(product.b, b) };
      const object = await createObject({ do: 'multiply', form, ...operands });
      return {
        run: object.run,
        result: async () =>
          new Float32Array(
            new Uint8Array(Buffer.from(await object.result<string>(), 'base64')).buffer,
          ),
        dispose: object.dispose,
      };
    },
    close() {
      child.stdin?.end();
    },
  };
}

/** Whether PyTorch supports CUDA and has a device. */
export function hasCuda(python: string): boolean {
  const code = 'import sys, torch; sys.exit(0 if torch.cuda.is_available() else 1)';
  return spawnSync(python, ['-c', code], { stdio: 'ignore' }).status === 0;
}

/** Requests to the process and its answers, one JSON value per line. */
class Connection {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(child: ChildProcess) {
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  }

  async read<T>(): Promise<T> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error('the PyTorch process ended; its messages are above');
    return JSON.parse(value);
  }

  request<T = null>(request: object): Promise<T> {
    this.#child.stdin!.write(`${JSON.stringify(request)}\n`);
    return this.read();
  }
}

/** The setup as JSON, with arrays in base64. */
function encodeSetup({ sizes: s, batch, parameters }: StepSetup) {
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
