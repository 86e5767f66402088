/** All claims, in the order of the page. */

import type { Claim } from './claim.js';
import { components } from './claims/components.js';
import { fields } from './claims/fields.js';
import { spikes } from './claims/spikes.js';
import { trials } from './claims/trials.js';
import { wiring } from './claims/wiring.js';

/** All claims, in the order of the page. */
export const CLAIMS: readonly Claim[] = [fields, components, spikes, trials, wiring];
