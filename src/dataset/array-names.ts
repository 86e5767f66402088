/** What the names of arrays say of their contents. */

/** The last name of a path. */
export function lastName(path: string): string {
  return path.split('/').at(-1)!;
}

/** The words of a name in lower case: `spike_times` and `SpikeTimes2` have the same. */
function wordsOf(name: string): string[] {
  return (name.match(/[A-Z]?[a-z]+|[A-Z]+(?![a-z])/g) ?? []).map((word) => word.toLowerCase());
}

/**
 * Words of arrays that describe neurons, waveforms or trials, with a number for each, or that
 * divide another array.
 */
const DESCRIPTIVE =
  /index|indices|count|width|wave|amplitude|depth|duration|peak|trough|start|stop|begin|onset|offset|reaction|rate|latenc|template|quality|region|group|channel|shank|layer|label/i;
const DESCRIPTIVE_WORDS = new Set(
  'n num number idx id ids amp amps dur isi rt std mean snr end ends type area x y z'.split(' '),
);

function isDescriptive(name: string): boolean {
  return DESCRIPTIVE.test(name) || wordsOf(name).some((word) => DESCRIPTIVE_WORDS.has(word));
}

/** The units of time that a name may state, by its last word. */
const UNIT_WORDS = new Map<string, 's' | 'ms' | 'us'>([
  ['s', 's'],
  ['sec', 's'],
  ['secs', 's'],
  ['seconds', 's'],
  ['ms', 'ms'],
  ['msec', 'ms'],
  ['milliseconds', 'ms'],
  ['us', 'us'],
  ['usec', 'us'],
  ['microseconds', 'us'],
]);

/** The unit of time that a name states, such as that of `spike_times_ms`. */
export function unitInName(name: string): 's' | 'ms' | 'us' | undefined {
  const words = wordsOf(name);
  return words.length > 1 ? UNIT_WORDS.get(words.at(-1)!) : undefined;
}

/**
 * How surely a name is that of spike times: 4 for `spike_times` itself, 3 where it has both words,
 * 2 for one of them alone or abbreviated, 1 where it is one of several, 0 for anything else.
 */
export function spikeTimesRank(name: string): number {
  if (isDescriptive(name)) return 0;
  if (/^spike_?times?$/i.test(name)) return 4;
  if (/sp(i?ke?)s?.*time|time.*sp(i?ke?)/i.test(name)) return 3;
  if (/^(t|ts|st|times?|timestamps?|spikes?|spks?)$/i.test(name)) return 2;
  return /spike|spk|time/i.test(name) ? 1 : 0;
}

/** Names of arrays that give the neuron of each spike. */
export const NEURON_ARRAY_NAME = /neuron|unit|cell|cluster|^ids?$/i;

const NEURON_WORDS = new Set(
  'spike spikes neuron neurons unit units cell cells cluster clusters id ids idx index indices no'.split(
    ' ',
  ),
);
/** Words of columns that describe neurons rather than name them. */
const NEURON_PROPERTY =
  /quality|type|group|depth|width|rate|layer|area|region|channel|shank|count|^n(um)?_|amp|snr|label$/i;

/**
 * How surely a name is that of the neuron of each spike: 2 for `cluster_id` and the like, 1 where
 * it has other words too, 0 for anything else.
 */
export function neuronRank(name: string): number {
  if (!NEURON_ARRAY_NAME.test(name) || NEURON_PROPERTY.test(name)) return 0;
  return wordsOf(name).every((word) => NEURON_WORDS.has(word)) ? 2 : 1;
}

/** Whether a name is that of when something begins or ends, such as a trial. */
export function isBoundary(name: string): boolean {
  return /start|stop|onset|offset|begin/i.test(name) || wordsOf(name).includes('end');
}

/** Whether a file or a group is called like a table with a row for each trial, unit or the like. */
export function isTableOfThings(name: string): 'trials' | 'units' | undefined {
  const [word] = wordsOf(name.replace(/\.\w+$/, ''));
  if (word === undefined) return undefined;
  if (/^(trials?|epochs?|intervals?|events?|stim(uli|ulus)?)$/.test(word)) return 'trials';
  return /^(units?|neurons?|cells?|clusters?|rois?)$/.test(word) ? 'units' : undefined;
}
