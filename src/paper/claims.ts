/** All claims, in the order of the page. */

import type { Claim } from './claim.js';
import { components } from './claims/components.js';
import { decoding } from './claims/decoding.js';
import { fields } from './claims/fields.js';
import { inputs } from './claims/inputs.js';
import { labels } from './claims/labels.js';
import { latents } from './claims/latents.js';
import { probes } from './claims/probes.js';
import { spikes } from './claims/spikes.js';
import { trials } from './claims/trials.js';
import { wiring } from './claims/wiring.js';

/** All claims, in the order of the page. */
export const CLAIMS: readonly Claim[] = [
  wiring,
  inputs,
  fields,
  latents,
  components,
  spikes,
  trials,
  decoding,
  labels,
  probes,
];
