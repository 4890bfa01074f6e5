import { vectorSuite } from '../support/vector-suite.ts';

/** Each vector is a module of its own for the translator, so that a run at the desk takes a part of them. */
const step = process.env['CI'] ? 1 : 5;

vectorSuite({ engine: 'translator', modes: [16, 32, 64], step });
