/** Prints the findings as a line of JSON. */

import { check } from './check.js';

console.log(JSON.stringify(await check()));
