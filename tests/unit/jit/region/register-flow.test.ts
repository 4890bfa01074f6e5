import { describe, expect, it } from 'vitest';
import { registerFlow } from '../../../../jit/region/register-flow.ts';
import { structure } from '../../../../jit/region/structure.ts';

const [A, B, C] = [1, 2, 4];

/** Flow over a graph whose block 0 and `entries` are reached from outside. */
function flowOf(graph: readonly (readonly number[])[], uses: readonly (readonly [number, number, boolean?])[], entries: readonly number[] = [0]) {
  return registerFlow(
    uses.map(([reads, writes, clobbers = false]) => ({ reads, writes, clobbers })),
    graph,
    entries,
    structure(graph, entries),
  );
}

describe('the flow of registers through a region', () => {
  it('stores on a way out only what that way has written', () => {
    const { dirtyAfter } = flowOf(
      [[1, 2], [], []],
      [
        [A, 0],
        [A, B],
        [A, C],
      ],
    );
    expect(dirtyAfter).toEqual([0, B, C]);
  });

  it('knows no register behind a block that ends with all of them in machine state', () => {
    const { here, after, dirtyAfter } = flowOf(
      [[1], []],
      [
        [A, B, true],
        [C, A],
      ],
    );
    expect([here, after, dirtyAfter]).toEqual([
      [0, 0],
      [0, A | C],
      [0, A],
    ]);
  });

  it('keeps what one of two ways has written where they meet', () => {
    const { dirty, here } = flowOf(
      [[1, 2], [3], [3], []],
      [
        [A, 0],
        [0, B],
        [0, 0],
        [0, 0],
      ],
    );
    expect(dirty[3]).toBe(B);
    // the other way loads it, so that both have it
    expect((here[3] as number) & B).toBe(B);
  });

  it('loads what a loop reads before it', () => {
    const { here, looping } = flowOf(
      [[1], [1, 2], []],
      [
        [0, 0],
        [A | B, A],
        [C, 0],
      ],
    );
    expect((here[1] as number) & (A | B)).toBe(A | B);
    expect([...looping]).toEqual([1]);
  });

  it('counts on nothing where control comes in from outside', () => {
    const { here } = flowOf(
      [[1], []],
      [
        [A, B],
        [C, 0],
      ],
      [0, 1],
    );
    expect(here[0]).toBe(0);
    expect(here[1]).toBe(B);
  });
});
