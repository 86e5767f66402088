#!/usr/bin/env node
/** Entry point of the command line; program.ts defines its commands. */

import { createProgram } from './program.js';
import { outliveOutput } from './terminal.js';

outliveOutput();
await createProgram().parseAsync();
