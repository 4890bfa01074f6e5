import { vectorSuite } from '../support/vector-suite.ts';

vectorSuite({ engine: 'interpreter', modes: [16, 32, 64], step: 1 });
