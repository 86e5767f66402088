/** NWB 2 files (https://nwb-schema.readthedocs.io): what is in one, as the dataset.yaml that would say it. */

import type { GroupNode, Numbers } from '../formats/nodes.js';
import { RecordingError } from '../recording/errors.js';
import { isLine } from './files.js';
import { type Guess, startAt, variableName } from './guess.js';
import { behaviorVariables, isBehavior } from './nwb-behavior.js';
import {
  arrayIn,
  groupsIn,
  isReadable,
  type NamedGroup,
  neurodataType,
  numbersIn,
  seriesClock,
  TRACE_TYPES,
} from './nwb-groups.js';

/** So many traces of one kind, a group for each, are those of neurons. */
const MIN_TRACES = 5;

export function isNwb(root: GroupNode): boolean {
  return root.attributes.neurodata_type === 'NWBFile' || root.members.has('nwb_version');
}

/**
 * What an NWB file holds: units, trials, intervals, and series of behaviour wherever they are.
 *
 * @param file its name, for references.
 * @throws RecordingError where it holds no spikes and no traces, or is of version 1.
 */
export function describeNwb(root: GroupNode, file: string): Guess {
  checkVersion(root, file);
  const all = groupsIn(root);
  const notes: string[] = [];
  const units = findUnits(all, notes);
  const traces = units ? undefined : findTraces(all, file, notes);
  const spikes = units ? raggedSpikes(units, file) : traces?.spikes;
  if (!spikes) {
    throw new RecordingError(
      `${file} holds no units with spike times and no traces of neurons: it cannot be trained on.`,
    );
  }
  const others = all.filter((found) => !traces?.used.includes(found));
  const variables = behaviorVariables(others, file, notes);
  const tables = all.filter(
    ({ group }) => neurodataType(group) === 'TimeIntervals' && isTimed(group),
  );
  const trials = tables.find(({ path }) => path === 'intervals/trials');
  const further = tables.filter((table) => table !== trials && table.name !== 'epochs');
  if (!trials && further.length > 0) {
    notes.push(
      `No table of intervals is called trials, so the session is one; to cut it by one of ${further.map(({ name }) => name).join(', ')}, name its start_time and stop_time under trials.`,
    );
  }
  const timed = ({ path }: NamedGroup) => ({
    starts: `${file}#${path}/start_time`,
    stops: `${file}#${path}/stop_time`,
  });
  const named = further.map((table) => [table.name, timed(table)] as const);
  const known = { ...(trials && columnsOfTrials(trials, file)), ...variables };
  return {
    raw: {
      // Trials say themselves when something was recorded.
      ...(units && !trials && startAt(...recordedSpan(all, units), notes)),
      spikes,
      ...(Object.keys(known).length > 0 && { variables: known }),
      ...(trials && { trials: timed(trials) }),
      ...(named.length > 0 && { intervals: Object.fromEntries(named) }),
    },
    notes,
  };
}

function checkVersion(root: GroupNode, file: string): void {
  const attribute = root.attributes.nwb_version;
  const dataset = root.members.get('nwb_version');
  const spec =
    typeof attribute === 'string'
      ? attribute
      : dataset?.kind === 'array'
        ? String(dataset.read()[0])
        : '';
  const version = /\d[\d.]*/.exec(spec)?.[0] ?? '';
  if (version.startsWith('2')) return;
  throw new RecordingError(
    `${file} is NWB of version ${version || 'unknown'}, but only version 2 is read: ask its authors for it in NWB 2, or give its arrays in a dataset.yaml by their paths.`,
  );
}

function isTimed(group: GroupNode): boolean {
  const [starts, stops] = [arrayIn(group, 'start_time'), arrayIn(group, 'stop_time')];
  return starts !== undefined && stops !== undefined && (starts.shape[0] ?? 0) > 0;
}

/** What is said of each trial, but for times, which are on the session's clock. */
function columnsOfTrials({ path, group }: NamedGroup, file: string): Record<string, object> {
  const count = arrayIn(group, 'start_time')!.shape[0];
  const entries = [...group.members].flatMap(([name, part]): [string, object][] => {
    if (part.kind !== 'array' || part.shape.length !== 1 || part.shape[0] !== count) return [];
    if (name === 'id' || /_time$|_index$|timeseries/.test(name) || !isReadable(part)) return [];
    return [[variableName(name), { data: `${file}#${path}/${name}`, per_trial: true }]];
  });
  return Object.fromEntries(entries);
}

/** Units looked at for when a session began: their first spikes tell it. */
const MAX_UNITS_READ = 200;

/** Seconds of the first thing recorded, spikes or behaviour, and of the last spike of what was looked at. */
function recordedSpan(
  all: readonly NamedGroup[],
  { group }: NamedGroup,
): [first: number, last: number] {
  const times = arrayIn(group, 'spike_times')!;
  const ends = arrayIn(group, 'spike_times_index')!.read() as Numbers;
  const total = times.shape[0] ?? 0;
  let [first, last] = [Number.POSITIVE_INFINITY, 0];
  for (let unit = 0; unit < Math.min(ends.length, MAX_UNITS_READ); unit++) {
    const [from, to] = [unit === 0 ? 0 : ends[unit - 1]!, ends[unit]!];
    if (!(from < to && to <= total)) continue;
    first = Math.min(first, Number(times.read(from, from + 1)[0]));
    last = Math.max(last, Number(times.read(to - 1, to)[0]));
  }
  for (const found of all.filter(isBehavior)) {
    const clock = arrayIn(found.group, 'timestamps') ?? arrayIn(found.group, 'starting_time');
    first = Math.min(first, Number(clock?.read(0, 1)[0] ?? first));
  }
  return Number.isFinite(first) ? [first, last] : [0, 1];
}

/** A table with ragged spike times, wherever it is. */
function findUnits(all: readonly NamedGroup[], notes: string[]): NamedGroup | undefined {
  const tables = all.filter(
    ({ group }) => arrayIn(group, 'spike_times') && arrayIn(group, 'spike_times_index'),
  );
  const [table] = [...tables].sort(
    (p, q) => Number(q.path === 'units') - Number(p.path === 'units'),
  );
  if (!table) return undefined;
  if (tables.length > 1) {
    const left = tables.filter((other) => other !== table).map(({ path }) => path);
    notes.push(
      `There are ${tables.length} tables of units; ${table.path} is read, ${left.join(', ')} not: name another under spikes of a dataset.yaml.`,
    );
  }
  return table;
}

function raggedSpikes({ path, group }: NamedGroup, file: string): object {
  const column = columnOfNames(group);
  return {
    times: `${file}#${path}/spike_times`,
    ends: `${file}#${path}/spike_times_index`,
    ...(column !== undefined && { names: `${file}#${path}/${column}` }),
  };
}

/** The column of what units are called: their names, or their numbers where those are not their places. */
function columnOfNames(group: GroupNode): 'unit_name' | 'id' | undefined {
  const count = arrayIn(group, 'spike_times_index')!.shape[0];
  const usable = (name: string) => {
    const part = arrayIn(group, name);
    return part?.shape.length === 1 && part.shape[0] === count && isReadable(part)
      ? part
      : undefined;
  };
  if (usable('unit_name')) return 'unit_name';
  const numbers = usable('id')?.read();
  return numbers && Array.from<unknown>(numbers).some((id, place) => id !== place)
    ? 'id'
    : undefined;
}

/** Fluorescence of neurons, with a rule of events that is said to be a guess. */
function findTraces(
  all: readonly NamedGroup[],
  file: string,
  notes: string[],
): { spikes: object; used: readonly NamedGroup[] } | undefined {
  const usable = all.filter(({ group }) => seriesClock(group, '', '') && numbersIn(group));
  const matrices = usable.filter(
    ({ group }) =>
      TRACE_TYPES.includes(neurodataType(group)) && arrayIn(group, 'data')!.shape.length === 2,
  );
  const deconvolved = matrices.find(({ path }) => /deconv|spike/i.test(path));
  const matrix = deconvolved ?? matrices.find(({ path }) => /df|fluor/i.test(path)) ?? matrices[0];
  const event = deconvolved ? { above: 0, each: true } : { above: 3, in: 'deviations' };
  if (matrix) {
    noteEventRule(matrix.path, notes, event.each ?? false);
    if (matrices.length > 1) {
      const left = matrices.filter((other) => other !== matrix).map(({ path }) => path);
      notes.push(
        `${matrix.path} is read, ${left.join(', ')} not: list several under spikes.traces.`,
      );
    }
    const spikes = {
      traces: `${file}#${matrix.path}/data`,
      axes: ['bins', 'neurons'],
      event,
      ...seriesClock(matrix.group, file, matrix.path),
    };
    return { spikes, used: matrices };
  }
  const families = new Map<string, NamedGroup[]>();
  for (const found of usable) {
    if (!isLine(arrayIn(found.group, 'data')!.shape)) continue;
    const family = found.path.replace(/\d+$/, '*');
    families.set(family, [...(families.get(family) ?? []), found]);
  }
  const [largest] = [...families].sort(([, p], [, q]) => q.length - p.length);
  if (!largest || largest[1].length < MIN_TRACES) return undefined;
  const [pattern, used] = largest;
  const [first] = used as [NamedGroup, ...NamedGroup[]];
  noteEventRule(pattern, notes, false);
  const clock = seriesClock(first.group, file, first.path);
  return { spikes: { traces: `${file}#${pattern}/data`, event, ...clock }, used };
}

function noteEventRule(path: string, notes: string[], each: boolean): void {
  const rule = each
    ? 'every sample above 0 counts as an event'
    : 'an event is where a trace rises above 3 robust standard deviations over its median';
  notes.push(
    `There are no units, so events were found in the traces at ${path}: ${rule}. That rule is a guess; say your own under spikes.event of a dataset.yaml.`,
  );
}
