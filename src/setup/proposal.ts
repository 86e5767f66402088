/**
 * Proposes a configuration for a recording: windows, blocks, network and training, each choice with
 * a sentence that stands beside it in the file.
 */

import { RecordingError } from '../recording/errors.js';
import type { Recording } from '../recording/recording.js';
import { proposeDecoding, purposeOf } from './decoding.js';
import { DRAWING, proposeDrawing, proposeWiring, WIRING } from './drawing.js';
import { chooseTargets } from './targets.js';

/** What a model is for: decoding variables, reading who drives whom, or drawing spikes. */
export type Task = 'decode' | 'wiring' | 'generate';

/** What a configuration is proposed for. */
export interface ProposalSettings {
  /** Default: to decode, where there is something to decode, else to generate. */
  readonly task?: Task;
  /** The variables to decode. Default: all that vary, at most eight. */
  readonly variables?: readonly string[];
}

/** A configuration that was fitted to a recording. */
export interface Proposal {
  readonly task: Task;
  /** What it is for, in words: "decode position and velocity". */
  readonly purpose: string;
  /** The keys of the configuration, without `training`. */
  readonly model: Readonly<Record<string, unknown>>;
  /** The keys under `training`, with `epochs` as many as help. */
  readonly training: Readonly<Record<string, unknown>>;
  /** Why it is so, by the path of a key, such as `training.split`. */
  readonly comments: Readonly<Record<string, string>>;
  /** What was left out or has a cost, in sentences. */
  readonly notes: readonly string[];
}

/** What a model of a recording may be for, in words, by what to ask for; the likeliest first. */
export function possiblePurposes(
  recording: Recording,
): { readonly task: Task; readonly words: string }[] {
  const { targets } = chooseTargets(recording);
  return [
    ...(targets.length > 0 ? [{ task: 'decode', words: purposeOf(targets) } as const] : []),
    { task: 'generate', words: DRAWING },
    { task: 'wiring', words: WIRING },
  ];
}

/**
 * Proposes a configuration for a recording.
 *
 * @throws RecordingError where the recording has nothing of what the task needs.
 */
export async function proposeConfig(
  recording: Recording,
  { task, variables }: ProposalSettings = {},
): Promise<Proposal> {
  if (task === 'generate') return proposeDrawing(recording);
  if (task === 'wiring') return proposeWiring(recording);
  const { targets, notes } = chooseTargets(recording, variables);
  if (targets.length > 0) {
    const proposal = await proposeDecoding(recording, targets);
    return { ...proposal, notes: [...notes, ...proposal.notes] };
  }
  if (task === 'decode')
    throw new RecordingError(
      `The recording has no variable that could be decoded: ${notes.join(' ') || 'describe its behavior under variables in a dataset.yaml.'}`,
    );
  const proposal = proposeDrawing(recording);
  return { ...proposal, notes: [...notes, ...proposal.notes] };
}
