#!/usr/bin/env node
/** The command line: what program.ts describes, in a process of its own. */

import { createProgram } from './program.js';

// Whoever reads the output may stop reading, as `head` does: that is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});

await createProgram().parseAsync();
