/** Sampling: the time a token takes with keys and values kept, against running the whole model for each. */

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

/** Windows of 300 neurons, drawn by an untrained model, which seldom ends them: nearly whole blocks. */
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
  const model = new Neuroformer(store, config, modelSizes(tokenizer));
  store.allocate(engine, 1);
  const starts = Array.from({ length: TRIALS }, (_, n) =>
    windows.at({ trialIndex: 0, end: 1 + 0.4 * n }),
  );
  const samplers = [true, false].map(
    (cached) => new Sampler(engine, model, layout, TRIALS, { seed: 1, cached }),
  );
  const perToken: number[][] = [[], []];
  let equal = true;
  for (let round = 0; round <= ROUNDS; round++) {
    const drawn: string[] = [];
    for (const [which, sampler] of samplers.entries()) {
      const began = performance.now();
      const found = await sampler.generate(starts);
      const positions = Math.max(...found.map(({ ids }) => ids.length));
      // The first round compiles.
      if (round > 0) perToken[which]!.push((performance.now() - began) / positions);
      drawn.push(JSON.stringify(found));
    }
    equal &&= drawn[0] === drawn[1];
  }
  const [kept, whole] = perToken.map((times) => times.sort((p, q) => p - q));
  const show = (times: number[]) =>
    `${times[Math.floor(ROUNDS / 2)]!.toFixed(2)} ms (${times[0]!.toFixed(2)}-${times.at(-1)!.toFixed(2)})`;
  const ratio = whole![Math.floor(ROUNDS / 2)]! / kept![Math.floor(ROUNDS / 2)]!;
  console.log(
    `${TRIALS} windows of up to ${BLOCK} tokens at once, width 64, one encoder, history and state block; median of ${ROUNDS} rounds, interleaved`,
  );
  console.log(`a position of all windows, keys and values kept   ${show(kept!)}`);
  console.log(`the same, the whole model run again                ${show(whole!)}`);
  console.log(`ratio ${ratio.toFixed(1)}; tokens ${equal ? 'equal' : 'DIFFER'}`);
  if (!equal) throw new Error('The cached sampler drew other tokens than the whole model.');
  for (const sampler of samplers) sampler.dispose();
  store.dispose();
}
