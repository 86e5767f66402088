/** Checks that the settings of a configuration are consistent with each other. */

import { ConfigError, formatValue } from '../text/schema.js';
import type { ModalityGroup, ModelConfig } from './config.js';
import { configuredVariables, isOnlyAligned, isRead } from './variables.js';

/**
 * Checks a configuration whose keys are valid one by one.
 *
 * @throws ConfigError where settings contradict each other, naming them.
 */
export function checkConsistency(config: ModelConfig): void {
  const { n_embd, n_head, window, resolution, frame_encoder, gru_only, gru2_only, mlp_only } =
    config;
  if (n_embd % n_head !== 0) {
    throw new ConfigError(`n_head should divide n_embd, but ${n_head} does not divide ${n_embd}.`);
  }
  if (n_embd / n_head > 128) {
    throw new ConfigError(
      `n_embd / n_head should be at most 128, but is ${n_embd / n_head}: use more heads.`,
    );
  }
  for (const name of ['curr', 'prev'] as const)
    checkMultiple(`window.${name}`, window[name], resolution.dt);
  const baselines = Object.entries({ mlp_only, gru_only, gru2_only }).filter(([, on]) => on);
  if (baselines.length > 1) {
    throw new ConfigError(
      `Only one baseline can be on, but ${baselines.map(([name]) => name).join(' and ')} are.`,
    );
  }
  if (frame_encoder.resnet_backbone) {
    throw new ConfigError(
      'frame_encoder.resnet_backbone should be false: it is not implemented, as in the original.',
    );
  }
  const { conv_layer, features, kernel_size, padding_size } = frame_encoder;
  if (padding_size.some((zeros, axis) => zeros >= kernel_size[axis]!)) {
    throw new ConfigError(
      `frame_encoder.padding_size should be below kernel_size, ${kernel_size.join(', ')}, but is ${padding_size.join(', ')}.`,
    );
  }
  const side = Math.sqrt(frame_encoder.n_embd_frames);
  if (!conv_layer && !features && !Number.isInteger(side)) {
    throw new ConfigError(
      `frame_encoder.n_embd_frames should be a square number, the pixels of a patch, but is ${frame_encoder.n_embd_frames}.`,
    );
  }
  for (const [name, modality] of Object.entries(config.modalities))
    checkGroup(`modalities.${name}`, modality, config);
  checkNames(config);
  checkVideo(config);
  checkDrives(config);
  checkReadout(config);
  if (config.contrastive.contrastive) checkContrastive(config);
  checkLoss(config);
}

/** Time steps of a window, and samples of a variable in one: more would be a typing error. */
const MAX_STEPS = 10_000;

function checkMultiple(path: string, value: number, dt: number): void {
  const steps = value / dt;
  if (steps > MAX_STEPS) {
    throw new ConfigError(
      `resolution.dt, ${dt} s, would divide ${path}, ${value} s, into more than ${MAX_STEPS} steps: choose a coarser dt, or a shorter window.`,
    );
  }
  if (Math.abs(steps - Math.round(steps)) > 1e-6) {
    throw new ConfigError(
      `${path} should be a multiple of resolution.dt, ${dt} s, but is ${value}.`,
    );
  }
}

function checkGroup(path: string, { window, variables }: ModalityGroup, config: ModelConfig): void {
  const { resolution, rules } = config;
  const group = path.slice('modalities.'.length);
  checkMultiple(`${path}.window`, window, resolution.dt);
  if (Object.keys(variables).length === 0)
    throw new ConfigError(`${path}.variables should name at least one variable.`);
  for (const [name, { predict, objective, dt }] of Object.entries(variables)) {
    const variablePath = `${path}.variables.${name}`;
    if (window / dt > MAX_STEPS) {
      throw new ConfigError(
        `${variablePath}.dt, ${dt} s, would make more than ${MAX_STEPS} samples of ${path}.window, ${window} s: choose a coarser dt.`,
      );
    }
    if (!rules.several_samples && window / dt > 1 + 1e-6) {
      throw new ConfigError(
        `${variablePath}.dt should equal ${path}.window, ${window} s, because rules.several_samples is off, but is ${dt}.`,
      );
    }
    if (predict && objective === null) {
      throw new ConfigError(
        `${variablePath}.objective should be regression, circular or classification, because the variable is predicted.`,
      );
    }
    if (!predict && objective === 'circular') {
      throw new ConfigError(
        `${variablePath}.objective should not be circular, because the variable is an input: use its cosine and sine as two variables.`,
      );
    }
    const isUsed = isRead(config, group) || isOnlyAligned(config, group, name);
    if (!predict && !isUsed) {
      throw new ConfigError(
        `${path}.n_layers should be above 0, because ${name} is an input that needs blocks to attend to it.`,
      );
    }
  }
}

/** Checks what video tokens have beside the original. */
function checkVideo({ compat, rules, frame_encoder }: ModelConfig): void {
  const { positions, first_token } = frame_encoder;
  const [changed] = [
    ...(positions === 'learned' ? ['positions: learned'] : []),
    ...(first_token ? [] : ['first_token: false']),
  ];
  if (changed === undefined) return;
  if (compat === 'original') {
    throw new ConfigError(
      `frame_encoder.${changed} is not part of the original model: leave it out, or set compat: paper.`,
    );
  }
  if (positions === 'learned' && !rules.video_positions) {
    throw new ConfigError(
      'frame_encoder.positions is learned, but rules.video_positions is false, which leaves positions out: remove one of them.',
    );
  }
}

/** Checks that a readout reads something, and that its tuning curves are of what there is. */
function checkReadout(config: ModelConfig): void {
  const { readout } = config;
  if (!readout) return;
  const { blocks, bins, hidden, tuning } = readout;
  if (blocks === 0 && bins === 0)
    throw new ConfigError('readout.blocks and readout.bins are 0: one of them should be above 0.');
  if (hidden.length === 0 && !tuning)
    throw new ConfigError('readout.hidden should list the units of at least one hidden layer.');
  if (!tuning) return;
  if (bins === 0)
    throw new ConfigError(
      'readout.tuning decodes spike counts, but readout.bins is 0: set how many bins of counts there should be.',
    );
  if (tuning.lags !== null && tuning.lags > bins)
    throw new ConfigError(
      `readout.tuning.lags should be at most readout.bins, which is ${bins}, but is ${tuning.lags}.`,
    );
  const predicted = configuredVariables(config).filter(({ setting }) => setting.predict);
  const names = predicted.map(({ name }) => name);
  const unknown = tuning.variables?.find((name) => !names.includes(name));
  if (unknown !== undefined)
    throw new ConfigError(
      `readout.tuning.variables names ${unknown}, which is not predicted; ${names.length > 0 ? `these are: ${names.join(', ')}` : 'nothing is'}.`,
    );
}

/** Checks the optional heads: that what they read is there, and that the original has none. */
function checkDrives(config: ModelConfig): void {
  const { compat, rules, window, frame_encoder, modalities } = config;
  const { neuron_queries, spike_history, stimulus_drive, population_coupling, frequency_bias } =
    config;
  const drives = Object.entries({
    neuron_queries,
    spike_history,
    stimulus_drive,
    population_coupling,
    frequency_bias,
  });
  const used = drives.find(([, setting]) => setting)?.[0];
  if (compat === 'original' && used) {
    throw new ConfigError(
      `${used} is not part of the original model: leave it out, or set compat: paper.`,
    );
  }
  const source = neuron_queries?.source;
  const inputs = Object.values(modalities[source ?? '']?.variables ?? {});
  if (source === 'frames' && window.frame === null) {
    throw new ConfigError(
      'neuron_queries.source is frames, but window.frame is null: there is no video to attend to.',
    );
  }
  if (source !== undefined && source !== 'frames' && !inputs.some(({ predict }) => !predict)) {
    throw new ConfigError(
      `neuron_queries.source should be frames or a group under modalities with an input variable, but is ${source}.`,
    );
  }
  const clockRule = (['keeps_start', 'past_own_clock'] as const).find((rule) => !rules[rule]);
  const timed = spike_history ? 'spike_history' : 'population_coupling';
  if ((spike_history || population_coupling) && clockRule) {
    throw new ConfigError(
      `${timed} measures how long ago spikes were, which rules.${clockRule}: false makes wrong: leave one of them out.`,
    );
  }
  if (stimulus_drive && (window.frame === null || !frame_encoder.features)) {
    throw new ConfigError(
      'stimulus_drive reads the features of frames: set window.frame, and frame_encoder: {features: true, conv_layer: false, n_embd_frames: the number of features}.',
    );
  }
}

/**
 * Names of variables must be unique over all groups: losses and predictions use them without the
 * group.
 */
function checkNames(config: ModelConfig): void {
  const groups = new Map<string, string>();
  for (const { group, name } of configuredVariables(config)) {
    const otherGroup = groups.get(name);
    if (otherGroup !== undefined) {
      throw new ConfigError(
        `modalities.${group}.variables.${name} should have a unique name, but modalities.${otherGroup} has a variable with that name: choose another and add data: ${name}.`,
      );
    }
    groups.set(name, group);
  }
}

function checkLoss({ loss, contrastive, modalities }: ModelConfig): void {
  const gamma = contrastive.contrastive ? loss.gamma : 0;
  if (loss.mu !== undefined && gamma + loss.mu > 1) {
    throw new ConfigError(
      `loss.gamma + loss.mu should be at most 1, but is ${gamma} + ${loss.mu}: the rest is the weight of L_dt.`,
    );
  }
  const predicted = configuredVariables({ modalities }).flatMap(({ name, setting }) =>
    setting.predict ? [name] : [],
  );
  const unknown = Object.keys(loss.variables).find((name) => !predicted.includes(name));
  if (unknown !== undefined) {
    throw new ConfigError(
      `loss.variables.${unknown} is not a predicted variable; predicted are: ${predicted.join(', ') || 'none'}.`,
    );
  }
}

function checkContrastive({ contrastive, modalities, window }: ModelConfig): void {
  const { vars } = contrastive;
  if (vars.length < 2)
    throw new ConfigError(
      `contrastive.vars should name at least two features, but is ${formatValue(vars)}.`,
    );
  for (const [index, entry] of vars.entries()) {
    const path = `contrastive.vars[${index}]`;
    if (typeof entry === 'string') {
      if (!['id', 'frames', 'eos'].includes(entry)) {
        throw new ConfigError(
          `${path} should be id, frames, eos or { group: variable }, but is ${formatValue(entry)}.`,
        );
      }
      if (entry === 'frames' && window.frame === null) {
        throw new ConfigError(
          `${path} is frames, but window.frame is null: there is no video to align.`,
        );
      }
      continue;
    }
    const [group = '', name = ''] = Object.entries(entry)[0] ?? [];
    if (!modalities[group]?.variables[name]) {
      throw new ConfigError(
        `${path} is ${formatValue(entry)}, but modalities.${group} has no variable ${formatValue(name)}.`,
      );
    }
  }
}
