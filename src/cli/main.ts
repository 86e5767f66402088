#!/usr/bin/env node
/** Entry point of the command line; program.ts defines its commands. */

import { createProgram } from './program.js';

// The reader of the output may close it early, as `head` does. That is not an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});

await createProgram().parseAsync();
