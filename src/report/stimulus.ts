/**
 * The report's section on stimuli: how well every reading agrees with the truth, in a table and in
 * plain words.
 */

import { largestBy } from '../math/statistics.js';
import type { StimulusResults } from '../probe/results.js';
import { type MapWithControls, type StimulusMap, withControls } from '../probe/stimulus.js';
import { placeCount } from '../probe/stimulus-grid.js';
import type { Truth } from '../simulate/truth.js';
import { capitalize, formatCount, formatDecimals, formatPercent } from '../text/format.js';
import { describePart } from '../train/open-run.js';
import { describeWeights } from '../train/weights.js';
import type { Answer, Section, Table } from './html.js';
import { mapsFigure, SOURCES, scoresFigure } from './stimulus-figures.js';

/** Renders the section: a table of scores, maps of single neurons, and a chart of the scores. */
export async function stimulusSection(
  results: StimulusResults,
  truth: Truth | undefined,
): Promise<Section> {
  const { kind, part, weights, windows, trained } = results;
  const table = stimulusTable(results);
  return {
    title: kind === 'film' ? 'Where in the film neurons look' : 'Which input drives each neuron',
    text: [
      `The model was read with ${describeWeights(weights)} in ${formatCount(windows)} windows of ${describePart(part)}, and an untrained model in the same ones. What needs no model is from ${formatCount(trained)} training windows. Maps show what each reading depends on, not what causes spikes.`,
      table
        ? stimulusVerdict(results)
        : 'The truth is not known of places such as these, so the maps have no scores.',
    ],
    tables: table ? [table] : [],
    figures: [
      ...(kind === 'film' ? [await mapsFigure(results, truth?.fields)] : []),
      ...(table ? [await scoresFigure(results)] : []),
    ],
    answers: table ? [stimulusAnswer(results)] : [],
  };
}

/** The score of the model's best reading, beside an untrained model and spikes alone. */
function stimulusAnswer({ kind, grid, maps }: StimulusResults): Answer {
  const rows = withControls(maps);
  const best = (of: StimulusMap['kind']) =>
    largestBy(
      rows.filter(({ map }) => map.kind === of && mapScore(map) !== undefined),
      ({ map }) => mapScore(map)!,
    );
  const [model, spikes] = [best('model'), best('spikes')];
  const describe = (map: StimulusMap) =>
    kind === 'film' ? `r ${formatScore(mapScore(map))}` : formatPercent(mapScore(map)!);
  const chance =
    kind === 'film' ? 'chance is 0' : `chance is ${formatPercent(1 / placeCount(grid))}`;
  return {
    asked:
      kind === 'film' ? 'Where in the film each neuron looks' : 'Which input drives each neuron',
    answer: [
      ...(model
        ? [
            `${model.map.title} of the model: ${describe(model.map)}; ${chance}${model.untrained ? `, an untrained model has ${describe(model.untrained)}` : ''}.`,
          ]
        : []),
      ...(spikes
        ? [
            `The best of spikes alone is the ${spikes.map.title.toLowerCase()}: ${describe(spikes.map)}.`,
          ]
        : []),
    ].join(' '),
  };
}

/** The score that a map is judged by; undefined if it has none. */
function mapScore(map: StimulusMap | undefined): number | undefined {
  return map?.fields?.r ?? map?.inputs?.top1;
}

/**
 * The scores of every map, with those of the untrained model beside; undefined if the truth is not
 * known.
 */
export function stimulusTable(results: StimulusResults): Table | undefined {
  const rows = withControls(results.maps);
  if (rows.some(({ map }) => map.fields)) return fieldTable(rows, results.spikes.length);
  if (rows.some(({ map }) => map.inputs)) return inputTable(rows, results);
  return undefined;
}

function fieldTable(rows: readonly MapWithControls[], neurons: number): Table {
  const r = (map: StimulusMap | undefined) =>
    map?.fields ? `${formatScore(map.fields.r)} (${formatScore(map.fields.deviation)})` : '';
  return {
    title: 'Maps against the true receptive fields',
    caption: `r: correlation over places of a neuron's map and its field as the film shows it, mean over ${neurons} neurons (deviation). Pixels off: from the largest place of a map to the center of the field, median. Other field: r with the field of the next neuron, a control.`,
    head: ['map', '', 'r', 'pixels off', 'other field', 'untrained r', 'pixels off'],
    rows: rows.map(({ map, untrained }) => [
      map.title,
      SOURCES[map.kind],
      r(map),
      formatScore(map.fields?.pixelsOff, 1),
      formatScore(map.fields?.otherField),
      r(untrained),
      formatScore(untrained?.fields?.pixelsOff, 1),
    ]),
  };
}

function inputTable(rows: readonly MapWithControls[], { spikes, grid }: StimulusResults): Table {
  const cells = (map: StimulusMap | undefined) => [
    formatScore(map?.inputs?.top1),
    formatScore(map?.inputs?.top5),
  ];
  const chance = (largest: number) => formatDecimals(largest / placeCount(grid), 3);
  return {
    title: 'Maps against the inputs that drive neurons',
    caption: `Share of ${spikes.length} neurons whose input has the largest value of the neuron's map (top 1), or is among the five largest (top 5); by chance ${chance(1)} and ${chance(5)}.`,
    head: ['map', '', 'top 1', 'top 5', 'untrained top 1', 'top 5'],
    rows: rows.map(({ map, untrained }) => [
      map.title,
      SOURCES[map.kind],
      ...cells(map),
      ...cells(untrained),
    ]),
  };
}

/** A score with its decimals; empty if there is none. */
function formatScore(value: number | undefined, digits = 2): string {
  return value !== undefined && Number.isFinite(value) ? formatDecimals(value, digits) : '';
}

/** How far a score has to be above its controls to say something of the model. */
const ABOVE_CONTROL = 0.2;
/** Correlation from which on a map shows a field. */
const FINDING_R = 0.5;
/** Difference of two scores that says nothing. */
const SCORE_TOLERANCE = 0.02;

/** What the scores say, in plain words; empty if there are none. */
export function stimulusVerdict(results: StimulusResults): string {
  const rows = withControls(results.maps).filter(({ map }) => map.fields ?? map.inputs);
  if (rows.length === 0) return '';
  const isFilm = results.kind === 'film';
  const score = (map: StimulusMap | undefined) => mapScore(map) ?? 0;
  const describe = (map: StimulusMap) =>
    isFilm ? `r ${formatScore(score(map))}` : formatPercent(score(map));
  const list = (part: readonly MapWithControls[]) =>
    joinWords(part.map(({ map }) => `${map.title.toLowerCase()} (${describe(map)})`));
  const ofModel = rows.filter(({ map }) => map.kind === 'model');
  const isShown = ({ map }: MapWithControls) => score(map) > (isFilm ? FINDING_R : ABOVE_CONTROL);
  const isAboveControls = ({ map, untrained, other }: MapWithControls) =>
    score(map) > Math.max(score(untrained), score(other)) + ABOVE_CONTROL;
  const found = ofModel.filter((row) => isShown(row) && isAboveControls(row));
  const confounded = ofModel.filter((row) => isShown(row) && !isAboveControls(row));
  const missed = ofModel.filter((row) => !isShown(row));
  const truth = isFilm ? 'The fields' : 'The inputs that drive neurons';
  const classical = rows.find(({ map }) => map.name === (isFilm ? 'square' : 'correlation'))?.map;
  const best = Math.max(...[...found, ...missed].map(({ map }) => score(map)));
  return [
    found.length > 0
      ? `${truth} are found by ${list(found)}.`
      : `${truth} are found by no reading of this model.`,
    ...(missed.length > 0 ? [`They are not found by ${list(missed)}.`] : []),
    ...(confounded.length > 0
      ? [
          `${capitalize(list(confounded))} ${confounded.length === 1 ? 'shows' : 'show'} what the film has when a neuron fires, which is no evidence: another neuron or an untrained model gives as much.`,
        ]
      : []),
    'Occlusion and input gradients can be read from any architecture.',
    ...(classical
      ? [
          `The ${classical.title.toLowerCase()}, which needs no model, does ${compare(score(classical), best)} (${describe(classical)}).`,
        ]
      : []),
  ].join(' ');
}

/** How well one score does beside another. */
function compare(score: number, other: number): string {
  if (score > other + SCORE_TOLERANCE) return 'better';
  return score < other - SCORE_TOLERANCE ? 'worse' : 'as well';
}

/** Words with commas, and "and" before the last. */
function joinWords(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}
