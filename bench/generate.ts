/**
 * `npm run bench -- generate`: the time per token with cached keys and values, against running the
 * complete model.
 */

import { type Engine, ParameterStore } from '../src/engine.js';
import { Sampler } from '../src/generate/sampler.js';
import { BatchLayout, modelSizes, tokenizerFor, windowSettings } from '../src/neuroformer/batch.js';
import { parseConfig } from '../src/neuroformer/config.js';
import { Neuroformer } from '../src/neuroformer/model.js';
import { createRecording } from '../src/recording/recording.js';
import { Windows } from '../src/recording/windows.js';
import { simulateHub } from '../src/simulate/hub.js';

const TRIALS = 20;
const BLOCK = 100;
const ROUNDS = 5;

/**
 * Draws windows of 300 neurons from an untrained model. It rarely draws EOS, so that the windows
 * are almost full.
 */
export async function benchGenerate(engine: Engine): Promise<void> {
  const network = simulateHub({ neurons: 300, seconds: 10 });
  const recording = createRecording({ spikes: { times: network.spikes }, duration: 10 });
  const { config } = parseConfig({
    n_embd: 64,
    n_head: 4,
    layers: { state: 1, state_history: 1, stimulus: 0 },
    block_size: { id: BLOCK, prev_id: BLOCK },
  });
  const tokenizer = tokenizerFor(config, recording);
  const windows = new Windows(recording, windowSettings(config, tokenizer));
  const layout = new BatchLayout(config, tokenizer, recording);
  const store = new ParameterStore();
  const model = new Neuroformer(store, config, modelSizes(layout));
  store.allocate(engine, 1);
  const starts = Array.from({ length: TRIALS }, (_, n) =>
    windows.at({ trialIndex: 0, end: 1 + 0.4 * n }),
  );
  const samplers = [true, false].map(
    (cached) => new Sampler(engine, model, layout, TRIALS, { seed: 1, cached }),
  );
  const perToken: number[][] = [[], []];
  let areEqual = true;
  for (let round = 0; round <= ROUNDS; round++) {
    const drawn: string[] = [];
    for (const [index, sampler] of samplers.entries()) {
      const start = performance.now();
      const generated = await sampler.generate(starts);
      const positions = Math.max(...generated.map(({ ids }) => ids.length));
      // The first round compiles the kernels.
      if (round > 0) perToken[index]!.push((performance.now() - start) / positions);
      drawn.push(JSON.stringify(generated));
    }
    areEqual &&= drawn[0] === drawn[1];
  }
  const [cachedTimes, uncachedTimes] = perToken.map((times) => times.sort((p, q) => p - q));
  const show = (times: number[]) =>
    `${times[Math.floor(ROUNDS / 2)]!.toFixed(2)} ms (${times[0]!.toFixed(2)}-${times.at(-1)!.toFixed(2)})`;
  const ratio = uncachedTimes![Math.floor(ROUNDS / 2)]! / cachedTimes![Math.floor(ROUNDS / 2)]!;
  console.log(
    `${TRIALS} windows of up to ${BLOCK} tokens together, width 64, one encoder, history and state block; median of ${ROUNDS} interleaved rounds`,
  );
  console.log(`per position of all windows, cached keys and values   ${show(cachedTimes!)}`);
  console.log(`per position of all windows, complete model           ${show(uncachedTimes!)}`);
  console.log(`ratio ${ratio.toFixed(1)}; tokens ${areEqual ? 'equal' : 'DIFFER'}`);
  if (!areEqual) throw new Error('With cached keys and values the sampler drew different tokens.');
  for (const sampler of samplers) sampler.dispose();
  store.dispose();
}
