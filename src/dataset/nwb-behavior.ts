/**
 * Finds behavior in an NWB file, and stimuli of which a few numbers are known at each time: series
 * and tables that have a clock, anywhere below `processing`, `acquisition` and
 * `stimulus/presentation`.
 */

import { type ArrayNode, elementCount, type GroupNode, type Numbers } from '../formats/nodes.js';
import { RecordingError } from '../recording/errors.js';
import { formatCount } from '../text/format.js';
import { isOneDimensional } from './files.js';
import { adviseVariables, type NamedVariables } from './guess.js';
import {
  arrayMember,
  hasSamples,
  isOfType,
  type NamedGroup,
  seriesClock,
  TRACE_TYPES,
  unwrapSingle,
} from './nwb-groups.js';

/**
 * Neurodata types that are not behavior: raw signals, images, pointers, and events without a value
 * of their own.
 */
const NOT_BEHAVIOR =
  /Electrical|Image|Optical|TwoPhoton|OnePhoton|Index|Decomposition|Interval|Annotation|Patch|Clamp/;
/** Paths below which behavior and what was presented are stored. */
export const BEHAVIOR_PLACE = /^(processing|acquisition|stimulus\/presentation)\//;
/** Neurodata types of containers whose series are not behavior. */
const NOT_BEHAVIOR_PARENT = /BehavioralEvents|Fluorescence|DfOverF|ElectricalSeries|LFP/;
/** A series with more columns than this is not read as variables. */
const MAX_COLUMNS = 4;
/** Hz: a signal with more samples is raw, such as that of a photodiode beside the electrodes. */
const MAX_SAMPLING_RATE = 2000;
const AXES = ['x', 'y', 'z'];

/**
 * Adds behavior to the `variables` of a dataset.yaml: one for each column of a series, and one
 * for each numeric column of a table with timestamps.
 *
 * @param groups the groups to look at.
 * @param file the file's name, for references.
 * @param variables receives them.
 * @param notes receives what was left out or changed, in sentences.
 */
export function addBehavior(
  groups: readonly NamedGroup[],
  file: string,
  variables: NamedVariables,
  notes: string[],
): void {
  for (const namedGroup of groups) {
    const { path } = namedGroup;
    if (!BEHAVIOR_PLACE.test(path)) continue;
    try {
      for (const [name, variable] of describeGroup(namedGroup, file, variables, notes))
        variables.add(name, path, variable);
    } catch (error) {
      // One part that cannot be read does not keep the rest from being read.
      if (!(error instanceof RecordingError)) throw error;
      notes.push(`${path} is left out: ${error.message}`);
    }
  }
}

/** The variables of a series or a table, each with a name. */
function describeGroup(
  namedGroup: NamedGroup,
  file: string,
  variables: NamedVariables,
  notes: string[],
): (readonly [string, object])[] {
  const { path, name, group } = namedGroup;
  if (isBehaviorSeries(namedGroup)) {
    const advice = () => adviseVariables(adviseSeries(namedGroup, file, variables));
    const columns = columnCount(group);
    if (columns > MAX_COLUMNS) {
      notes.push(
        `${path} has ${columns} columns, too many to read each as a variable: they are left out.${advice()}`,
      );
      return [];
    }
    const rate = samplingRate(group);
    if (rate > MAX_SAMPLING_RATE) {
      notes.push(
        `${path} has ${formatCount(Math.round(rate))} samples per second, too many for a variable: it is left out. Save it with fewer.${advice()}`,
      );
      return [];
    }
    if (!isStrictlyRising(arrayMember(group, 'timestamps'))) {
      notes.push(
        `The timestamps of ${path} do not increase from sample to sample: it is left out.`,
      );
      return [];
    }
    const shared = describeSeries(namedGroup, file, notes);
    return seriesColumns(group).map(({ suffix, index }) => [
      `${name}${suffix}`,
      { data: `${file}#${path}/data${index}`, ...shared },
    ]);
  }
  const timestamps = arrayMember(group, 'timestamps');
  if (!isOfType(namedGroup, 'DynamicTable') || !timestamps) return [];
  return [...group.members].flatMap(([column, node]): [string, object][] =>
    isTableColumn(column, node as ArrayNode, timestamps)
      ? [[`${name}_${column}`, describeTableColumn(file, path, column, node as ArrayNode)]]
      : [],
  );
}

/**
 * What a series that is not read could be under `variables` of a dataset.yaml: the first two of its
 * columns or, of events without a value that counts, their rate.
 *
 * @returns nothing where there is no way to read it.
 */
export function adviseSeries(
  namedGroup: NamedGroup,
  file: string,
  variables: NamedVariables,
): (readonly [name: string, variable: object])[] {
  const { path, name, group, types, parentTypes } = namedGroup;
  const key = (suffix = '') => variables.freeName(`${name}${suffix}`, path);
  const areEvents = [...types, ...parentTypes].some((type) => /Annotation|Event/.test(type));
  if (arrayMember(group, 'timestamps') && (areEvents || !hasSamples(group)))
    return [[key(), { events: `${file}#${path}/timestamps`, dt: 0.05 }]];
  if (!hasSamples(group) || !seriesClock(group, '', '')) return [];
  if (arrayMember(group, 'data')!.shape.length > 2) return [];
  const shared = describeSamples(namedGroup, file, []);
  return seriesColumns(group)
    .slice(0, 2)
    .map(({ suffix, index }) => [key(suffix), { data: `${file}#${path}/data${index}`, ...shared }]);
}

/** Samples per second of a series, by its first and its last sample. */
function samplingRate(group: GroupNode): number {
  const timestamps = arrayMember(group, 'timestamps');
  const samples = timestamps?.shape[0] ?? 0;
  if (!timestamps || samples < 2) {
    const rate = unwrapSingle(arrayMember(group, 'starting_time')?.attributes.rate);
    return typeof rate === 'number' ? rate : 0;
  }
  const [first, last] = [timestamps.read(0, 1)[0], timestamps.read(samples - 1, samples)[0]];
  return (samples - 1) / (Number(last) - Number(first));
}

/**
 * Whether a group is a series of behavior, by its neurodata type and those around it, with samples
 * and a clock.
 */
export function isBehaviorSeries({ group, types, parentTypes }: NamedGroup): boolean {
  if (!types.some((type) => type.endsWith('Series'))) return false;
  if (types.some((type) => NOT_BEHAVIOR.test(type) || TRACE_TYPES.includes(type))) return false;
  if (parentTypes.some((type) => NOT_BEHAVIOR_PARENT.test(type))) return false;
  return hasSamples(group) && seriesClock(group, '', '') !== undefined;
}

/** How many numbers each sample of a series has. */
function columnCount(group: GroupNode): number {
  const { shape } = arrayMember(group, 'data')!;
  if (isOneDimensional(shape)) return 1;
  return hasColumnsFirst(group) ? shape[0]! : elementCount(shape.slice(1));
}

/** Whether a series has its samples along the second axis, by the number of its timestamps. */
function hasColumnsFirst(group: GroupNode): boolean {
  const { shape } = arrayMember(group, 'data')!;
  const samples = arrayMember(group, 'timestamps')?.shape[0];
  return shape.length === 2 && samples === shape[1] && samples !== shape[0];
}

/** Whether every time is later than the one before it; true without timestamps. */
function isStrictlyRising(timestamps: ArrayNode | undefined): boolean {
  if (!timestamps) return true;
  const times = timestamps.read() as Numbers;
  return times.every((time, n) => n === 0 || time > times[n - 1]!);
}

/** The columns of a series: what each adds to the name of its variable, and to the reference. */
function seriesColumns(group: GroupNode): { suffix: string; index: string }[] {
  const { shape } = arrayMember(group, 'data')!;
  if (isOneDimensional(shape)) return [{ suffix: '', index: '' }];
  const index = hasColumnsFirst(group) ? (n: number) => `[${n},:]` : (n: number) => `[:,${n}]`;
  return Array.from({ length: columnCount(group) }, (_, n) => ({
    suffix: `_${AXES[n] ?? n}`,
    index: index(n),
  }));
}

/**
 * The keys that the variables of one series share: clock, unit, scale, offset and the handling of
 * missing samples.
 */
function describeSeries(namedGroup: NamedGroup, file: string, notes: string[]): object {
  return {
    ...describeSamples(namedGroup, file, notes),
    ...handleMissing(arrayMember(namedGroup.group, 'data')!),
  };
}

/** The clock, the unit, the scale and the offset that the variables of one series share. */
function describeSamples({ path, group }: NamedGroup, file: string, notes: string[]): object {
  const data = arrayMember(group, 'data')!;
  const attribute = (name: string) => unwrapSingle(data.attributes[name]);
  const numericAttribute = (name: string, otherwise: number) => {
    const value = attribute(name) ?? otherwise;
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    notes.push(`The ${name} of ${path} is ${value}; ${otherwise} is used instead.`);
    return otherwise;
  };
  const conversion = numericAttribute('conversion', 1);
  const offset = numericAttribute('offset', 0);
  const unit = attribute('unit');
  const clock = arrayMember(group, 'timestamps')
    ? { times: `${file}#${path}/timestamps` }
    : seriesClock(group, file, path);
  return {
    ...clock,
    ...(conversion !== 1 && { scale: conversion }),
    ...(offset !== 0 && { offset }),
    ...(typeof unit === 'string' && /\w/.test(unit) && unit !== 'none' && { unit }),
  };
}

/** Whether a member of a table is a numeric column with one value per timestamp. */
function isTableColumn(name: string, column: ArrayNode, timestamps: ArrayNode): boolean {
  return (
    column.kind === 'array' &&
    column.type === 'number' &&
    name !== 'id' &&
    name !== 'timestamps' &&
    column.shape.length === 1 &&
    column.shape[0] === timestamps.shape[0]
  );
}

function describeTableColumn(file: string, path: string, name: string, column: ArrayNode): object {
  return {
    data: `${file}#${path}/${name}`,
    times: `${file}#${path}/timestamps`,
    ...handleMissing(column),
  };
}

/** The `missing` key of a variable: samples that are not finite are interpolated. */
function handleMissing(array: ArrayNode): object {
  const values = array.read() as Numbers;
  let missing = 0;
  for (const value of values) if (!Number.isFinite(value)) missing += 1;
  if (missing === 0) return {};
  if (missing === values.length)
    throw new RecordingError(`all of its ${formatCount(missing)} samples are missing.`);
  return { missing: 'interpolate' };
}
