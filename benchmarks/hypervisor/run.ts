import { hypervisorCases } from './cases.ts';

/** Measures the hypervisor: `npm run bench -- hypervisor [CASE...]`. */
export async function benchHypervisor(names: readonly string[]): Promise<void> {
  const known = hypervisorCases.map(({ name }) => name);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new Error(`there is no case ${unknown}; there are ${known.join(', ')}`);
  for (const { name, run } of hypervisorCases) {
    if (names.length > 0 && !names.includes(name)) continue;
    for (const { name: what, value, unit, goal } of await run()) {
      console.log(
        `${name.padEnd(10)} ${value.toFixed(value < 100 ? 2 : 0).padStart(8)} ${unit.padEnd(4)} ${what}${goal === undefined ? '' : ` (goal ${goal})`}`,
      );
    }
  }
}
