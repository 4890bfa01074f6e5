#!/usr/bin/env node
import { runPluginProgram } from './plugin-project/plugin-program.ts';

process.exitCode = runPluginProgram(process.argv.slice(2));
