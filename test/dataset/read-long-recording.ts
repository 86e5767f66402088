/**
 * A program of the memory test: reads a dataset, summarizes it, cuts it into windows, and prints
 * what it counted and the largest memory that its process had. Argument: the path.
 */

import { summarizeRecording } from '../../src/analyze/overview.js';
import { tokenizerFor, windowSettings } from '../../src/neuroformer/batch.js';
import { parseConfig } from '../../src/neuroformer/config.js';
import { openDataset } from '../../src/node/dataset.js';
import { Windows } from '../../src/recording/windows.js';

const { recording } = await openDataset(process.argv[2]!);
const { config } = parseConfig({
  window: { curr: 0.05, prev: 0.15 },
  block_size: { id: 700, prev_id: 1900 },
});
const windows = new Windows(recording, windowSettings(config, tokenizerFor(config, recording)));
const refs = windows.windowsInTrial(0);
const spikesInWindows = refs.reduce((sum, ref) => sum + windows.spikeCounts(ref).current, 0);
const { neurons, spikes, seconds } = summarizeRecording(recording);
const { maxRSS } = process.resourceUsage();
console.log(
  JSON.stringify({
    neurons,
    spikes,
    seconds,
    windows: refs.length,
    spikesInWindows,
    megabytes: maxRSS / 1e3,
  }),
);
