/**
 * The explain stage of stimuli: which part of the film, or which input, each neuron depends on
 * according to a model, with controls, and beside measures of the spikes alone.
 */

import type { StimulusResults } from '../probe/results.js';
import {
  modelStimulusMaps,
  type StimulusSettings,
  scoreStimulusMaps,
  spikeStimulusMaps,
  stimulusKind,
} from '../probe/stimulus.js';
import { stimulusGrid } from '../probe/stimulus-grid.js';
import type { Part } from '../recording/splits.js';
import { withEngine } from '../train/engine-source.js';
import { describeAnyPart, loadModel, type OpenedRun, windowsInPart } from '../train/open-run.js';
import { type StageOptions, stageContext, stoppable } from './context.js';
import { UsageError } from './errors.js';
import { writeStimulus } from './result-files.js';

/** What to read of a model. */
export interface ExplainStimulusSettings extends StimulusSettings {
  /** The part of the split that the model reads. Default: 'test'. */
  readonly part?: Part | 'all';
}

/**
 * Reads maps of the film, or of inputs, from a run's model and from the spikes of the training
 * part, and writes them into the run's store.
 *
 * @throws UsageError where the model does not read places of a film, the part has no windows, or
 *   the truth is of another film; StoppedError where the watcher stops it; FileError where the
 *   store cannot be written.
 */
export async function explainStimulus(
  run: OpenedRun,
  settings: ExplainStimulusSettings,
  options: StageOptions,
): Promise<StimulusResults> {
  const { engine: source, watcher } = stageContext(options);
  const { windows, layout, split, dataset, records, weights } = run;
  const { part = 'test', seed = 1 } = settings;
  checkReadsFilm(run);
  checkTruth(run);
  const refs = windowsInPart(split, part);
  if (refs.length === 0)
    throw new UsageError(
      `There are no windows in ${describeAnyPart(part)}: choose another part of the split.`,
    );
  const startTime = performance.now();
  const grid = stimulusGrid(layout);
  const kind = stimulusKind(grid);
  const { ofSpikes, ofModel } = await stoppable(watcher, async (stopping) => {
    const ofSpikes = spikeStimulusMaps(windows, split.train, grid, kind, stopping);
    return withEngine(source, async (engine) => {
      using loaded = await loadModel(engine, run);
      for (const note of loaded.notes) watcher.note(note);
      const { model } = loaded;
      const hidden = ofSpikes.brightness;
      const inputs = { engine, model, layout, grid, kind, windows, refs, hidden };
      return { ofSpikes, ofModel: await modelStimulusMaps(inputs, settings, stopping) };
    });
  });
  const results: StimulusResults = {
    kind,
    grid,
    part,
    weights,
    seed,
    windows: ofModel.windows,
    trained: split.train.length,
    spikes: Array.from(ofSpikes.spikes),
    maps: scoreStimulusMaps([...ofModel.maps, ...ofSpikes.maps], grid, dataset.truth),
    seconds: (performance.now() - startTime) / 1000,
    ...(dataset.names && { names: dataset.names }),
  };
  await writeStimulus(records.store, results);
  return results;
}

/** @throws UsageError where a model has nothing to say about places of a film. */
function checkReadsFilm({ config, layout }: OpenedRun): void {
  const { layers, neuron_queries, frame_encoder, mlp_only, gru_only, gru2_only } = config;
  if (!layout.frames)
    throw new UsageError(
      'This model reads no film: train one with window.frame on a recording with frames.',
    );
  if (frame_encoder.features)
    throw new UsageError(
      'This model reads features of frames, which have no places in a film: train one that reads pixels.',
    );
  const isBaseline = mlp_only || gru_only || gru2_only;
  if (neuron_queries?.source !== 'frames' && (isBaseline || layers.stimulus === 0))
    throw new UsageError(
      'This model does not read the film: train a Neuroformer with layers.stimulus above 0, or with neuron_queries: frames.',
    );
}

/** @throws UsageError where what is known of the recording is not about its film. */
function checkTruth({ dataset, layout }: OpenedRun): void {
  const { fields, inputs } = dataset.truth ?? {};
  const [, height, width] = layout.frames!;
  if (fields && (fields.height !== height || fields.width !== width))
    throw new UsageError(
      `truth.fields should be of ${height} x ${width} pixels, as the film is, but are of ${fields.height} x ${fields.width}.`,
    );
  const beyond = inputs?.find((input) => input >= height * width);
  if (beyond !== undefined)
    throw new UsageError(
      `truth.inputs should be pixels of the film, from 0 to ${height * width - 1}, but contains ${beyond}.`,
    );
}
