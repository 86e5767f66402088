/** Sends the findings, or why there are none, to the server of the page. */

import { check } from './check.js';

const body = await check().then(
  (findings) => ({ findings }),
  (error: unknown) => ({ error: String(error) }),
);
await fetch('findings', { method: 'POST', body: JSON.stringify(body) });
