import { readFileSync } from 'node:fs';

// usage: count-tests.ts REPORT.json, prints the numbers of passed and failed tests

/** The part of vitest's JSON report that counts. */
interface Report {
  readonly success: boolean;
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly { readonly status: string; readonly assertionResults: readonly unknown[] }[];
}

const report = JSON.parse(readFileSync(process.argv[2] as string, 'utf8')) as Report;
/** Files that failed before any test of theirs ran. */
const broken = report.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0).length;
const failed = report.numFailedTests + broken;
console.log(`${report.numPassedTests} ${failed === 0 && !report.success ? 1 : failed}`);
