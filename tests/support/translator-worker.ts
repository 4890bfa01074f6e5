import { workerData } from 'node:worker_threads';
import { runTranslator } from '../../runtime/pcpu/translator-worker.ts';

void runTranslator(workerData);
