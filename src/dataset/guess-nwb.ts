/**
 * Guesses what an NWB 2 file (https://nwb-schema.readthedocs.io) contains, and writes it as a
 * description.
 */

import type { GroupNode, Numbers } from '../formats/nodes.js';
import { RecordingError } from '../recording/errors.js';
import { isOneDimensional } from './files.js';
import { type GuessedDescription, guessSessionStart, variableName } from './guess.js';
import { behaviorVariables, isBehaviorSeries } from './nwb-behavior.js';
import {
  arrayMember,
  hasSamples,
  isReadable,
  listGroups,
  type NamedGroup,
  neurodataType,
  seriesClock,
  TRACE_TYPES,
} from './nwb-groups.js';

/**
 * At least this many series whose names differ only in a number are read as the traces of neurons.
 */
const MIN_TRACES = 5;

/** Whether the root of an HDF5 file says that it is NWB, of any version. */
export function isNwb(root: GroupNode): boolean {
  return root.attributes.neurodata_type === 'NWBFile' || root.members.has('nwb_version');
}

/**
 * Guesses the description of an NWB file: its units, or else traces of neurons; its trials and
 * other intervals; and behavior wherever it is stored.
 *
 * @param file the file's name, for references.
 * @throws RecordingError where the file has neither units nor traces, or is not NWB 2.
 */
export function guessFromNwb(root: GroupNode, file: string): GuessedDescription {
  checkVersion(root, file);
  const groups = listGroups(root);
  const notes: string[] = [];
  const units = findUnits(groups, notes);
  const traces = units ? undefined : findTraces(groups, file, notes);
  const spikes = units ? describeUnits(units, file) : traces?.spikes;
  if (!spikes) {
    throw new RecordingError(
      `${file} contains neither units with spike times nor traces of neurons, so there are no spikes to train on.`,
    );
  }
  const otherGroups = groups.filter((namedGroup) => !traces?.used.includes(namedGroup));
  const behavior = behaviorVariables(otherGroups, file, notes);
  const tables = groups.filter(
    ({ group }) => neurodataType(group) === 'TimeIntervals' && hasIntervals(group),
  );
  const trials = tables.find(({ path }) => path === 'intervals/trials');
  // Epochs are stages of a session that their tags tell apart: all of them are no one interval.
  const isEpochs = ({ name }: NamedGroup) => name === 'epochs';
  const otherTables = tables.filter((table) => table !== trials && !isEpochs(table));
  const epochs = tables.find(isEpochs);
  if (epochs) {
    notes.push(
      `The table ${epochs.path} is not read, as its rows are different stages of the session. To use one, give its start_time and stop_time under intervals in a dataset.yaml, such as ${file}#${epochs.path}/start_time[0:1].`,
    );
  }
  if (!trials && otherTables.length > 0) {
    notes.push(
      `No table of intervals is named trials, so the session is one trial. To split it by another table (${otherTables.map(({ name }) => name).join(', ')}), give its start_time and stop_time under trials in a dataset.yaml.`,
    );
  }
  const startsAndStops = ({ path }: NamedGroup) => ({
    starts: `${file}#${path}/start_time`,
    stops: `${file}#${path}/stop_time`,
  });
  const intervals = otherTables.map((table) => [table.name, startsAndStops(table)] as const);
  const variables = { ...(trials && trialVariables(trials, file)), ...behavior };
  return {
    rawDescription: {
      // With trials there is nothing to guess: they state when something was recorded.
      ...(units && !trials && guessSessionStart(...recordedSpan(groups, units), notes)),
      spikes,
      ...(Object.keys(variables).length > 0 && { variables }),
      ...(trials && { trials: startsAndStops(trials) }),
      ...(intervals.length > 0 && { intervals: Object.fromEntries(intervals) }),
    },
    notes,
  };
}

/**
 * @throws RecordingError where a file is not NWB 2. NWB 1 has its version in a dataset, NWB 2 in an
 *   attribute.
 */
function checkVersion(root: GroupNode, file: string): void {
  const attribute = root.attributes.nwb_version;
  const dataset = root.members.get('nwb_version');
  const text =
    typeof attribute === 'string'
      ? attribute
      : dataset?.kind === 'array'
        ? String(dataset.read()[0])
        : '';
  const version = /\d[\d.]*/.exec(text)?.[0] ?? '';
  if (version.startsWith('2')) return;
  throw new RecordingError(
    `${file} is NWB ${version || 'of an unknown version'}, but only NWB 2 is supported: ask its authors for an NWB 2 file, or name its arrays by path in a dataset.yaml.`,
  );
}

/** Whether a table of intervals has a start and a stop for at least one. */
function hasIntervals(group: GroupNode): boolean {
  const [starts, stops] = [arrayMember(group, 'start_time'), arrayMember(group, 'stop_time')];
  return starts !== undefined && stops !== undefined && (starts.shape[0] ?? 0) > 0;
}

/**
 * The columns of the table of trials as variables, except those with times, which are on the
 * session clock.
 */
function trialVariables({ path, group }: NamedGroup, file: string): Record<string, object> {
  const trialCount = arrayMember(group, 'start_time')!.shape[0];
  const entries = [...group.members].flatMap(([name, node]): [string, object][] => {
    if (node.kind !== 'array' || node.shape.length !== 1 || node.shape[0] !== trialCount) return [];
    if (name === 'id' || /_time$|_index$|timeseries/.test(name) || !isReadable(node)) return [];
    return [[variableName(name), { data: `${file}#${path}/${name}`, per_trial: true }]];
  });
  return Object.fromEntries(entries);
}

/** At most this many units are read to find when the session started. */
const MAX_UNITS_READ = 200;

/**
 * The times in seconds of whatever was recorded first, spikes or behavior, and of the last spike,
 * judged by the first MAX_UNITS_READ units. [0, 1] where nothing was recorded.
 */
function recordedSpan(
  groups: readonly NamedGroup[],
  { group: units }: NamedGroup,
): [first: number, last: number] {
  const times = arrayMember(units, 'spike_times')!;
  const ends = arrayMember(units, 'spike_times_index')!.read() as Numbers;
  const total = times.shape[0] ?? 0;
  let [first, last] = [Number.POSITIVE_INFINITY, 0];
  for (let unit = 0; unit < Math.min(ends.length, MAX_UNITS_READ); unit++) {
    const [from, to] = [unit === 0 ? 0 : ends[unit - 1]!, ends[unit]!];
    if (!(from < to && to <= total)) continue;
    first = Math.min(first, Number(times.read(from, from + 1)[0]));
    last = Math.max(last, Number(times.read(to - 1, to)[0]));
  }
  for (const { group } of groups.filter(isBehaviorSeries)) {
    const clock = arrayMember(group, 'timestamps') ?? arrayMember(group, 'starting_time');
    first = Math.min(first, Number(clock?.read(0, 1)[0] ?? first));
  }
  return Number.isFinite(first) ? [first, last] : [0, 1];
}

/**
 * Finds the table of units: the standard one at `units`, or else any table with spike times and
 * their index.
 */
function findUnits(groups: readonly NamedGroup[], notes: string[]): NamedGroup | undefined {
  const tables = groups.filter(
    ({ group }) => arrayMember(group, 'spike_times') && arrayMember(group, 'spike_times_index'),
  );
  const [table] = [...tables].sort(
    (p, q) => Number(q.path === 'units') - Number(p.path === 'units'),
  );
  if (!table) return undefined;
  if (tables.length > 1) {
    notes.push(
      `${tables.length} tables of units were found; only ${table.path} is read (skipped: ${otherPaths(tables, table)}). To read another, name it under spikes in a dataset.yaml.`,
    );
  }
  return table;
}

/** The paths of all groups but one, in the words of a message. */
function otherPaths(groups: readonly NamedGroup[], chosen: NamedGroup): string {
  const others = groups.filter((group) => group !== chosen);
  return others.map(({ path }) => path).join(', ');
}

/** The `spikes` of a description for a table of units. */
function describeUnits({ path, group }: NamedGroup, file: string): object {
  const column = unitNameColumn(group);
  return {
    times: `${file}#${path}/spike_times`,
    ends: `${file}#${path}/spike_times_index`,
    padding: 'nan',
    ...describeObserved(path, group, file),
    ...(column !== undefined && { names: `${file}#${path}/${column}` }),
  };
}

/** The `observed` key of `spikes`, where the units were observed at some times only. */
function describeObserved(path: string, group: GroupNode, file: string): object {
  const intervals = arrayMember(group, 'obs_intervals');
  const ends = arrayMember(group, 'obs_intervals_index');
  const units = arrayMember(group, 'spike_times_index')!.shape[0];
  if (intervals?.shape[1] !== 2 || ends?.shape[0] !== units) return {};
  const reference = `${file}#${path}/obs_intervals`;
  return { observed: { intervals: reference, ends: `${reference}_index` } };
}

/**
 * The column with the names of the units: `unit_name`, or `id` where ids differ from the indices of
 * the units.
 */
function unitNameColumn(group: GroupNode): 'unit_name' | 'id' | undefined {
  const unitCount = arrayMember(group, 'spike_times_index')!.shape[0];
  const usableColumn = (name: string) => {
    const array = arrayMember(group, name);
    return array?.shape.length === 1 && array.shape[0] === unitCount && isReadable(array)
      ? array
      : undefined;
  };
  if (usableColumn('unit_name')) return 'unit_name';
  const ids = usableColumn('id')?.read();
  return ids && Array.from<unknown>(ids).some((id, index) => id !== index) ? 'id' : undefined;
}

/**
 * Finds traces of neurons: a matrix of fluorescence, by preference deconvolved, or a series for
 * each neuron. Notes the rule by which events are found in them.
 *
 * @returns the `spikes` of a description, and the groups that are not behavior, because they
 *   contain traces.
 */
function findTraces(
  groups: readonly NamedGroup[],
  file: string,
  notes: string[],
): { spikes: object; used: readonly NamedGroup[] } | undefined {
  const series = groups.filter(({ group }) => seriesClock(group, '', '') && hasSamples(group));
  return findTraceMatrix(series, file, notes) ?? findTraceFamily(series, file, notes);
}

/** Finds a matrix of [bins, neurons] with the neurodata type of traces. */
function findTraceMatrix(
  series: readonly NamedGroup[],
  file: string,
  notes: string[],
): { spikes: object; used: readonly NamedGroup[] } | undefined {
  const matrices = series.filter(
    ({ group }) =>
      TRACE_TYPES.includes(neurodataType(group)) && arrayMember(group, 'data')!.shape.length === 2,
  );
  const deconvolved = matrices.find(({ path }) => /deconv|spike/i.test(path));
  const matrix = deconvolved ?? matrices.find(({ path }) => /df|fluor/i.test(path)) ?? matrices[0];
  if (!matrix) return undefined;
  const isDeconvolved = deconvolved !== undefined;
  noteEventRule(matrix.path, notes, isDeconvolved);
  if (matrices.length > 1) {
    notes.push(
      `${matrices.length} arrays of traces were found; only ${matrix.path} is read (skipped: ${otherPaths(matrices, matrix)}). To read several, list them under spikes.traces in a dataset.yaml.`,
    );
  }
  const spikes = {
    traces: `${file}#${matrix.path}/data`,
    axes: ['bins', 'neurons'],
    event: isDeconvolved ? { above: 0, each: true } : THRESHOLD_RULE,
    ...seriesClock(matrix.group, file, matrix.path),
  };
  return { spikes, used: matrices };
}

/**
 * Finds the largest family of one-dimensional series whose paths differ only in a number at the
 * end.
 */
function findTraceFamily(
  series: readonly NamedGroup[],
  file: string,
  notes: string[],
): { spikes: object; used: readonly NamedGroup[] } | undefined {
  const families = new Map<string, NamedGroup[]>();
  for (const namedGroup of series) {
    if (!isOneDimensional(arrayMember(namedGroup.group, 'data')!.shape)) continue;
    const pattern = namedGroup.path.replace(/\d+$/, '*');
    families.set(pattern, [...(families.get(pattern) ?? []), namedGroup]);
  }
  const [largest] = [...families].sort(([, p], [, q]) => q.length - p.length);
  if (!largest || largest[1].length < MIN_TRACES) return undefined;
  const [pattern, family] = largest;
  const [trace] = family as [NamedGroup, ...NamedGroup[]];
  noteEventRule(pattern, notes, false);
  const clock = seriesClock(trace.group, file, trace.path);
  return {
    spikes: { traces: `${file}#${pattern}/data`, event: THRESHOLD_RULE, ...clock },
    used: family,
  };
}

const THRESHOLD_RULE = { above: 3, in: 'deviations' };

function noteEventRule(path: string, notes: string[], isDeconvolved: boolean): void {
  const rule = isDeconvolved
    ? 'every sample above 0 is an event'
    : 'an event is where a trace rises more than 3 robust standard deviations above its median';
  notes.push(
    `There are no units, so events in the traces at ${path} are used as spikes: ${rule}. This rule is a guess; set your own under spikes.event in a dataset.yaml.`,
  );
}
